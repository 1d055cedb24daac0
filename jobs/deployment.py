"""A site: the settings with the servers they name. What every service is given."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from jobs.errors import ReadOnly
from jobs.settings import Settings
from jobs.storage.connection import Server, Session, connect
from jobs.tls import Tls


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
        tls = Tls("INPUT_TLS and INPUT_TLS_CA", its.input_tls_ca)
        return Server(
            name="input server",
            host=its.input_host,
            port=its.input_port,
            user=its.input_user,
            password=its.input_password,
            tls=tls if its.input_tls == "required" or its.input_tls_ca else None,
        )

    @cached_property
    def output(self) -> Server:
        """The server of the state and result tables."""
        its = self.settings
        tls = Tls("OUTPUT_TLS and OUTPUT_TLS_CA", its.output_tls_ca)
        return Server(
            name="output server",
            host=its.output_host,
            port=its.output_port,
            user=its.output_user,
            password=its.output_password,
            tls=tls if its.output_tls == "required" or its.output_tls_ca else None,
        )

    @cached_property
    def redis_address(self) -> str:
        """Host and port of Redis."""
        parts = urlsplit(self.settings.redis_url.get_secret_value())
        return f"{self.redis_host}:{parts.port or 6379}"

    @cached_property
    def redis_host(self) -> str:
        """The host of Redis; redis-py takes this one where REDIS_URL names none."""
        return urlsplit(self.settings.redis_url.get_secret_value()).hostname or "localhost"

    def refuse_if_read_only(self) -> None:
        """Raises ReadOnly on a site that is only to be read."""
        if self.read_only:
            raise ReadOnly("read-only: nothing can be created, aborted or resumed here")

    def output_session(self) -> AbstractAsyncContextManager[Session]:
        """A connection to the output server."""
        return connect(self.output)
