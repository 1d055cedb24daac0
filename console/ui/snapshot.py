"""The snapshot: the only thing that flows from the servers to the screens."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from jobs.deployment import Deployment
from jobs.errors import AudienceError
from jobs.services import overview
from jobs.services.overview import Fleet, TaskBoard

_ANSWER_SECONDS = 5.0
_SERVERS = {"input": "input server", "output": "output server", "redis": "Redis"}


@dataclass(frozen=True)
class ServerStatus:
    """When a server last answered, in seconds of the monotonic clock, and its error if it does not answer now."""

    at: float | None = None
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether it answered the last poll."""
        return self.error is None and self.at is not None

    def age(self, now: float) -> float:
        """Return the seconds since it answered."""
        return 0.0 if self.at is None else now - self.at


@dataclass(frozen=True)
class Snapshot:
    """The latest state of everything. The data of an unreachable server stays, with its age."""

    input: ServerStatus = ServerStatus()
    output: ServerStatus = ServerStatus()
    redis: ServerStatus = ServerStatus()
    board: TaskBoard | None = None
    fleet: Fleet | None = None
    stale: frozenset[str] = frozenset()
    """The ids of the tasks whose pattern files have changed since they were created."""

    @property
    def errors(self) -> list[str]:
        """The errors of the unreachable servers."""
        return [status.error for status in (self.input, self.output, self.redis) if status.error is not None]


@dataclass(frozen=True)
class PolledServer:
    """A server that is polled on its own, so that one that hangs delays no other."""

    name: Literal["input", "output", "redis"]
    read: Callable[[Deployment, Snapshot], Awaitable[object]]
    """Asks it; given what is known already."""
    field: Literal["board", "fleet"] | None = None
    """The field of the snapshot that its answer fills."""

    async def poll(self, deployment: Deployment, current: Callable[[], Snapshot]) -> Snapshot:
        """Return the current snapshot, updated by this server's answer or failure."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await self.read(deployment, current())
        except AudienceError as error:
            return self._failed(current(), str(error))
        except TimeoutError:
            return self._failed(current(), f"{_SERVERS[self.name]}: no answer within {_ANSWER_SECONDS:.0f} s")
        except Exception as error:  # whatever the server sent, polling continues and shows it
            return self._failed(current(), f"{_SERVERS[self.name]}: {type(error).__name__}: {error}")
        update = {self.field: answer} if self.field else {}
        return replace(current(), **{self.name: ServerStatus(at=time.monotonic())}, **update)  # type: ignore[arg-type]

    def _failed(self, before: Snapshot, reason: str) -> Snapshot:
        status: ServerStatus = getattr(before, self.name)
        return replace(before, **{self.name: replace(status, error=reason)})  # type: ignore[arg-type]


POLLED_SERVERS = (
    PolledServer("output", lambda deployment, now: overview.read_board(deployment, known=now.board), "board"),
    PolledServer("redis", lambda deployment, _: overview.read_fleet(deployment), "fleet"),
    PolledServer("input", lambda deployment, _: overview.ping_input(deployment)),
)
