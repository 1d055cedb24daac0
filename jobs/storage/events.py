"""The `task_event` table: what has happened to each task."""

from jobs.errors import NO_SUCH_TABLE, DatabaseError
from jobs.model.event import EventKind, TaskEvent
from jobs.model.task import TaskRef
from jobs.storage.connection import Session, quote

# What a task that is retried for hours, or worked on by hundreds of workers, may leave; the rest is for what
# happens to it as a whole.
_MOST_REPEATED = 100
_MOST = 1_000
_REPEATED = (EventKind.JOINED, EventKind.RETRIED, EventKind.REQUEUED)
_MOST_CHARACTERS = 2_000


async def record(session: Session, ref: TaskRef, kind: EventKind, words: str = "") -> None:
    """Record an event, unless the task has too many. A schema of an earlier release has no table, and gets none."""
    try:
        await session.execute(
            f"""
            INSERT INTO {_table(ref)} (task_id, at, kind, words)
            SELECT %(task_id)s, UTC_TIMESTAMP(6), %(kind)s, %(words)s FROM DUAL
            WHERE (SELECT COUNT(*) FROM {_table(ref)} WHERE task_id = %(task_id)s) < %(most)s
            """,
            {
                "task_id": ref.task_id,
                "kind": kind.value,
                "words": words[:_MOST_CHARACTERS],
                "most": _MOST_REPEATED if kind in _REPEATED else _MOST,
            },
        )
    except DatabaseError as error:
        if error.code != NO_SUCH_TABLE:
            raise


async def newest(session: Session, ref: TaskRef, limit: int) -> list[TaskEvent]:
    """Return the last events of a task, oldest first."""
    try:
        rows = await session.rows(
            f"""
            SELECT at, kind, words FROM {_table(ref)}
            WHERE task_id = %(task_id)s ORDER BY number DESC LIMIT %(limit)s
            """,
            {"task_id": ref.task_id, "limit": limit},
        )
    except DatabaseError as error:
        if error.code != NO_SUCH_TABLE:
            raise
        return []
    return [TaskEvent(at, kind, words or "") for at, kind, words in reversed(rows)]


def _table(ref: TaskRef) -> str:
    return quote(ref.schema, "task_event")
