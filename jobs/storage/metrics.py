"""What the state tables count: for metrics, so quick with any number of tasks."""

from collections import Counter
from dataclasses import dataclass, field

from jobs.storage.connection import Session, quote

_WAITING = "stat = 'PENDING'"
_LABELLING = "stat IN ('PENDING', 'STARTED')"
_PRODUCING = "stat = 'SUCCESS' AND prod_stat IS NULL"


@dataclass
class TaskCounts:
    """The tasks of a deployment, counted."""

    standings: Counter[str] = field(default_factory=Counter)
    """By how they stand: waiting, running, producing, done, failed, aborted."""
    open_windows: int = 0
    open_units: int = 0
    blocked: int = 0
    """Unfinished tasks that say what they wait for."""
    oldest_waiting_seconds: float = 0.0
    silent_seconds: float = 0.0
    """The longest that a task that is being labelled has been without a heartbeat."""

    def add(self, other: "TaskCounts") -> None:
        """Add the tasks of another schema."""
        self.standings += other.standings
        self.open_windows += other.open_windows
        self.open_units += other.open_units
        self.blocked += other.blocked
        self.oldest_waiting_seconds = max(self.oldest_waiting_seconds, other.oldest_waiting_seconds)
        self.silent_seconds = max(self.silent_seconds, other.silent_seconds)


async def count_tasks(session: Session, schema: str, deployment: str) -> TaskCounts:
    """Count the tasks of a deployment in a schema.

    The first query reads an index entry of each task, the second one only the tasks that have not ended.
    """
    table, arguments = quote(schema, "state"), {"deployment": deployment}
    counts = TaskCounts()
    for stat, prod_stat, number in await session.rows(
        f"SELECT stat, prod_stat, COUNT(*) FROM {table} WHERE deployment = %(deployment)s GROUP BY stat, prod_stat",
        arguments,
    ):
        counts.standings[_standing(stat, prod_stat)] += int(number)
    row = await session.row(
        f"""
        SELECT
          COALESCE(SUM(IF({_LABELLING}, GREATEST(COALESCE(windows, 0) - COALESCE(windows_done, 0), 0), 0)), 0),
          COALESCE(SUM(IF({_PRODUCING}, GREATEST(COALESCE(units, 0) - COALESCE(units_done, 0), 0), 0)), 0),
          COALESCE(SUM(waiting_for IS NOT NULL), 0),
          COALESCE(MAX(IF({_WAITING}, {_age("heartbeat")}, 0)), 0),
          COALESCE(MAX(IF(stat = 'STARTED', {_age("heartbeat")}, 0)), 0)
        FROM {table} WHERE deployment = %(deployment)s AND ({_LABELLING} OR {_PRODUCING})
        """,
        arguments,
    )
    assert row is not None
    counts.open_windows, counts.open_units, counts.blocked = map(int, row[:3])
    counts.oldest_waiting_seconds, counts.silent_seconds = map(float, row[3:])
    return counts


def _age(column: str) -> str:
    return f"TIMESTAMPDIFF(MICROSECOND, {column}, UTC_TIMESTAMP(6)) / 1e6"


def _standing(stat: str | None, prod_stat: str | None) -> str:
    match stat, prod_stat:
        case "SUCCESS", "finish":
            return "done"
        case "SUCCESS", _:
            return "producing"
        case _:
            return {"PENDING": "waiting", "STARTED": "running", "FAILURE": "failed", "ABORTED": "aborted"}.get(
                stat or "", "unknown"
            )
