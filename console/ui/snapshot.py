"""The snapshot: the only thing that goes from the servers to the screens."""

import asyncio
import time
from dataclasses import dataclass, replace

from jobs import overview
from jobs.errors import AudienceError
from jobs.overview import Board, Fleet
from jobs.site import Site


@dataclass(frozen=True)
class Answer:
    """How a server answered: when last, in seconds of the monotonic clock, and what it said if not now."""

    at: float | None = None
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether it answered the last time it was asked."""
        return self.error is None and self.at is not None


@dataclass(frozen=True)
class Snapshot:
    """What was last heard of everything. A server that is away leaves what it said before, with its age."""

    taken_at: float = 0.0
    input: Answer = Answer()
    output: Answer = Answer()
    redis: Answer = Answer()
    board: Board | None = None
    fleet: Fleet | None = None


async def take(site: Site, before: Snapshot, seconds: float = 5.0) -> Snapshot:
    """Asks all three servers at once; what one does not answer within the time is kept from before."""
    board, fleet, answers = await asyncio.gather(
        _within(seconds, overview.look_at_tasks(site)),
        _within(seconds, overview.look_at_workers(site)),
        _within(seconds, overview.input_answers(site)),
    )
    now = time.monotonic()
    return Snapshot(
        taken_at=now,
        input=_answer(answers, before.input, now),
        output=_answer(board, before.output, now),
        redis=_answer(fleet, before.redis, now),
        board=board if isinstance(board, Board) else before.board,
        fleet=fleet if isinstance(fleet, Fleet) else before.fleet,
    )


async def _within(seconds: float, call: object) -> object:
    """The call's result, or the error it ended in."""
    try:
        async with asyncio.timeout(seconds):
            return await call  # type: ignore[misc]
    except AudienceError as error:
        return error
    except TimeoutError:
        return AudienceError(f"no answer within {seconds:.0f} seconds")


def _answer(heard: object, before: Answer, now: float) -> Answer:
    if isinstance(heard, AudienceError):
        return replace(before, error=str(heard))
    return Answer(at=now)
