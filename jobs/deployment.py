"""A deployment: the settings, with the servers that they name. Every service takes one."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from jobs.errors import ReadOnly
from jobs.model.alert import AlertEvent
from jobs.model.queues import Queue
from jobs.settings import Settings
from jobs.storage.connection import Session, connect
from jobs.storage.endpoint import Server
from jobs.tls import Tls


@dataclass(frozen=True)
class Deployment:
    """One input server, one output server and one Redis."""

    settings: Settings
    read_only: bool = False
    """Whether services that write refuse to."""

    @cached_property
    def input(self) -> Server:
        """The server of the posts."""
        settings = self.settings
        tls = Tls("INPUT_TLS and INPUT_TLS_CA", settings.input_tls_ca)
        return Server(
            name="input server",
            host=settings.input_host,
            port=settings.input_port,
            user=settings.input_user,
            password=settings.input_password,
            tls=tls if settings.input_tls == "required" or settings.input_tls_ca else None,
            time_zone=settings.input_time_zone,
        )

    @cached_property
    def output(self) -> Server:
        """The server of the state and result tables."""
        settings = self.settings
        tls = Tls("OUTPUT_TLS and OUTPUT_TLS_CA", settings.output_tls_ca)
        return Server(
            name="output server",
            host=settings.output_host,
            port=settings.output_port,
            user=settings.output_user,
            password=settings.output_password,
            tls=tls if settings.output_tls == "required" or settings.output_tls_ca else None,
        )

    @cached_property
    def redis_address(self) -> str:
        """Host and port of Redis."""
        parts = urlsplit(self.settings.redis_url.get_secret_value())
        return f"{self.redis_host}:{parts.port or 6379}"

    @cached_property
    def redis_host(self) -> str:
        """Host of Redis: redis-py's default if REDIS_URL names none."""
        return urlsplit(self.settings.redis_url.get_secret_value()).hostname or "localhost"

    @cached_property
    def notify_host(self) -> str:
        """Host, and port if it names one, of NOTIFY_URL: the rest of it is secret. "" if it is not set."""
        parts = urlsplit(self.settings.notify_url.get_secret_value())
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""

    @property
    def queue(self) -> Queue:
        """The default queue of new tasks, and the one that a worker serves."""
        return Queue(self.settings.deployment, self.settings.queue)

    def require_writable(self) -> None:
        """Raise ReadOnly in a read-only deployment."""
        if self.read_only:
            raise ReadOnly("read-only: nothing can be created, aborted or resumed here")

    def alerts_of(self, event: AlertEvent) -> bool:
        """Return whether an alert of such an event is to be sent: NOTIFY_URL is set, and NOTIFY_ON chooses it."""
        settings = self.settings
        chosen = event is not AlertEvent.TASK_FINISHED or settings.notify_on == "all"
        return chosen and bool(settings.notify_url.get_secret_value())

    def output_session(self) -> AbstractAsyncContextManager[Session]:
        """Open a connection to the output server."""
        return connect(self.output)
