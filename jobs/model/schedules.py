"""Schedules: tasks that workers create by themselves, when they are due (docs/schedules.md).

Moments are in UTC, by the database's clock. The times of a range have no zone, as `post_time` has none: they are what
the clocks of the schedule's zone show.
"""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any

from jobs.model.cron import local_time, newest_due, next_due, past_time
from jobs.model.windows import TICK

CATCH_UPS = ("latest", "all", "none")
MAX_DAYS = 3_660
SINCE_LAST = "since-last"

# Until then, a due time counts as kept rather than missed: workers were being restarted, or busy.
LATE_AFTER = timedelta(minutes=5)

_RANGE = re.compile(r"yesterday|since-last|last-([1-9][0-9]{0,3})-days")


class Outcome(StrEnum):
    """How a firing ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    ABORTED = "aborted"
    RUNNING = "running"
    ERROR = "not fired"
    SKIPPED = "skipped"
    PURGED = "purged"


@dataclass(frozen=True, slots=True)
class ScheduleRef:
    """Addresses a schedule: the output schema it is kept in, its deployment, its name."""

    schema: str
    deployment: str
    name: str


@dataclass(frozen=True)
class Schedule:
    """A row of the `task_schedule` table."""

    deployment: str
    name: str
    cron: str
    timezone: str
    range: str
    """`yesterday`, `last-N-days` or `since-last`."""
    lookback: int
    """The hours by which a `since-last` range overlaps the one before."""
    catch_up: str
    """What becomes of times that were due without a worker: one of CATCH_UPS."""
    model_type: str
    predict_type: str
    target_schema: str
    target_table: str
    output_schema: str
    queue: str
    countdown: int
    paused: bool
    next_due: datetime
    covered_until: datetime
    """Where a `since-last` range begins, if no later run has succeeded."""
    waiting_for: str | None
    """What keeps a due schedule from firing, in words; None if nothing does."""
    waiting_since: datetime | None
    input_server: str
    input_server_id: str

    @property
    def ref(self) -> ScheduleRef:
        """The address of the schedule."""
        return ScheduleRef(self.output_schema, self.deployment, self.name)

    def late(self, now: datetime) -> bool:
        """Return whether it should have fired long ago, and nothing says why it has not: no worker can."""
        return not self.paused and self.waiting_for is None and now - self.next_due > timedelta(minutes=1)

    def to_json(self) -> dict[str, Any]:
        """Return every column, times in ISO form."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in self.__dict__.items()
        }


@dataclass(frozen=True)
class Firing:
    """A row of the `task_firing` table, with how its task stands."""

    schedule: str
    due: datetime
    fired_at: datetime
    by_hand: bool
    task_id: str | None
    start_time: datetime | None
    end_time: datetime | None
    error: str | None
    """Why it could not fire."""
    note: str | None
    """What else to know of it: why nothing was to be done, or which due times it stands for."""
    stat: str | None
    prod_stat: str | None
    task_error: str | None

    @property
    def outcome(self) -> Outcome:
        """How it ended, or that it is running."""
        if self.task_id is None:
            return Outcome.SKIPPED if self.error is None else Outcome.ERROR
        match self.stat:
            case None:
                return Outcome.PURGED
            case "FAILURE":
                return Outcome.FAILURE
            case "ABORTED":
                return Outcome.ABORTED
            case "SUCCESS" if self.prod_stat == "finish":
                return Outcome.SUCCESS
            case _:
                return Outcome.RUNNING

    def to_json(self) -> dict[str, Any]:
        """Return every column, times in ISO form, and the outcome."""
        values = {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in self.__dict__.items()
        }
        return values | {"outcome": self.outcome.value}


@dataclass(frozen=True)
class Decision:
    """What becomes of a schedule that is due."""

    due: datetime
    """The due time that it fires for."""
    next_due: datetime
    fires: bool
    """Whether it fires; otherwise, the due time was missed."""
    note: str | None


def decide(schedule: Schedule, now: datetime) -> Decision:
    """Return which due time a schedule that is due fires for, and when it is due next."""
    first = due = schedule.next_due
    if schedule.catch_up != "all":
        due = newest_due(schedule.cron, schedule.timezone, first, now) or first
    following = next_due(schedule.cron, schedule.timezone, due)
    since = f"the times that were due since {local_time(schedule.timezone, first):%Y-%m-%d %H:%M}"
    # A worker that found it due in time has said what it waits for.
    if schedule.catch_up == "none" and now - due > LATE_AFTER and schedule.waiting_for is None:
        missed = "no worker could fire then" if due == first else f"no worker could fire at {since}"
        return Decision(due, following, False, f"missed: {missed}; catch-up is none")
    return Decision(due, following, True, f"stands for {since}" if due != first else None)


def check_range(text: str) -> str:
    """Return the name of a range. Raises ValueError."""
    match = _RANGE.fullmatch(text)
    if match is None or int(match[1] or 1) > MAX_DAYS:
        raise ValueError(
            f"expected yesterday, since-last, or last-N-days with N from 1 to {MAX_DAYS:,}, not {text[:40]!r}"
        )
    return text


def range_at(schedule: Schedule, due: datetime, covered_until: datetime) -> tuple[datetime, datetime] | None:
    """Return the closed range of the run that is due at a moment. None if it is empty.

    `covered_until` is where the last successful run ended. Ranges end a microsecond before the next one begins, so
    that a row belongs to one of them whatever the decimals of its time.
    """
    if schedule.range == SINCE_LAST:
        start = covered_until - timedelta(hours=schedule.lookback)
        end = past_time(schedule.timezone, due)
        return (start, end - TICK) if covered_until < end else None
    today = datetime.combine(local_time(schedule.timezone, due), time())
    match = _RANGE.fullmatch(schedule.range)
    assert match is not None
    return today - timedelta(days=int(match[1] or 1)), today - TICK
