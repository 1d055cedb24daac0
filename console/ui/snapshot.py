"""The snapshot: the only thing that goes from the servers to the screens."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from jobs.deployment import Site
from jobs.errors import AudienceError
from jobs.services import overview
from jobs.services.overview import Board, Fleet

_SECONDS = 5.0


@dataclass(frozen=True)
class Answer:
    """How a server answered: when last, in seconds of the monotonic clock, and what it said if not now."""

    at: float | None = None
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether it answered the last time it was asked."""
        return self.error is None and self.at is not None

    def age(self, now: float) -> float:
        """Seconds since it answered."""
        return 0.0 if self.at is None else now - self.at


@dataclass(frozen=True)
class Snapshot:
    """What was last heard of everything. A server that is away leaves what it said before, with its age."""

    input: Answer = Answer()
    output: Answer = Answer()
    redis: Answer = Answer()
    board: Board | None = None
    fleet: Fleet | None = None

    @property
    def errors(self) -> list[str]:
        """What the servers that are away said."""
        return [answer.error for answer in (self.input, self.output, self.redis) if answer.error is not None]


@dataclass(frozen=True)
class Source:
    """A server that is asked again and again, on its own: one that hangs holds up no other."""

    name: Literal["input", "output", "redis"]
    look: Callable[[Site], Awaitable[object]]
    field: Literal["board", "fleet"] | None = None
    """The part of the snapshot that its answer is."""

    async def ask(self, site: Site, current: Callable[[], Snapshot]) -> Snapshot:
        """The current snapshot, with what this server says now."""
        try:
            async with asyncio.timeout(_SECONDS):
                heard = await self.look(site)
        except AudienceError as error:
            return self._away(current(), str(error))
        except TimeoutError:
            return self._away(current(), f"no answer within {_SECONDS:.0f} seconds")
        except Exception as error:  # whatever it sent: the polling must go on, and say so
            return self._away(current(), f"{type(error).__name__}: {error}")
        part = {self.field: heard} if self.field else {}
        return replace(current(), **{self.name: Answer(at=time.monotonic())}, **part)  # type: ignore[arg-type]

    def _away(self, before: Snapshot, reason: str) -> Snapshot:
        answer: Answer = getattr(before, self.name)
        return replace(before, **{self.name: replace(answer, error=reason)})  # type: ignore[arg-type]


SOURCES = (
    Source("output", overview.look_at_tasks, "board"),
    Source("redis", overview.look_at_workers, "fleet"),
    Source("input", overview.input_answers),
)
