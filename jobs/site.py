"""A site: the settings with the servers they name. What every service is given."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from jobs.database import Server, Session, connect
from jobs.errors import ReadOnly
from jobs.settings import Settings


@dataclass(frozen=True)
class Site:
    """Where the posts are read, where tasks and results are kept, and where jobs are queued."""

    settings: Settings
    read_only: bool = False
    """Whether services that write are to refuse."""

    @cached_property
    def input(self) -> Server:
        """The server of the posts."""
        its = self.settings
        return Server("input server", its.input_host, its.input_port, its.input_user, its.input_password)

    @cached_property
    def output(self) -> Server:
        """The server of the state and result tables."""
        its = self.settings
        return Server("output server", its.output_host, its.output_port, its.output_user, its.output_password)

    @cached_property
    def redis_address(self) -> str:
        """Host and port of Redis."""
        parts = urlsplit(self.settings.redis_url.get_secret_value())
        return f"{parts.hostname}:{parts.port or 6379}"

    def refuse_if_read_only(self) -> None:
        """Raises ReadOnly on a site that is only to be read."""
        if self.read_only:
            raise ReadOnly("read-only: nothing can be created, aborted or resumed here")

    def output_session(self) -> AbstractAsyncContextManager[Session]:
        """A connection to the output server."""
        return connect(self.output)
