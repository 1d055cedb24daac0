"""Tasks whose rows are deleted after their end, and how the state table says so: `cleaned_at`.

It is set before the first row is deleted, so that a task cannot be resumed that has lost some of what it needs. The
windows are deleted last, so that a task with windows left is one whose cleaning was interrupted.
"""

from jobs.model.task import TaskRef, TaskStatus
from jobs.storage import definitions
from jobs.storage.connection import Session, quote
from jobs.storage.schema import schemas_with

LABEL_JOB_REST = ("task_author", "task_result", "task_unit", "task_window")
"""What a task needs until its end, beside its label rows, in the order in which it is deleted."""

_ENDED = "(stat IN ('FAILURE', 'ABORTED') OR prod_stat = 'finish')"
_LIVELY_SECONDS = 10

PURGING = "being purged; to complete that: audience purge"


async def schemas(session: Session) -> list[str]:
    """Return the schemas visible to this account whose state table says which tasks are cleaned."""
    return await schemas_with(session, "state", ("stat", "prod_stat", "deployment", "heartbeat", "cleaned_at"))


async def is_busy(session: Session, schema: str) -> bool:
    """Return whether workers are working on tasks of a schema, or a task has just been created."""
    row = await session.row(
        f"""
        SELECT 1 FROM {_table(schema)}
        WHERE (stat IN ('PENDING', 'STARTED') OR stat = 'SUCCESS' AND prod_stat IS NULL)
          AND heartbeat > UTC_TIMESTAMP(6) - INTERVAL {_LIVELY_SECONDS} SECOND LIMIT 1
        """
    )
    return row is not None


async def begin_cleaning(session: Session, schema: str, deployment: str, days: int) -> TaskRef | None:
    """Mark the task that ended first as cleaned, and return it: its rows are to be deleted.

    None if no task of the deployment ended more than `days` days ago that is not marked yet.
    """
    while True:
        row = await session.row(
            f"""
            SELECT task_id FROM {_table(schema)}
            WHERE deployment = %(deployment)s AND cleaned_at IS NULL
              AND heartbeat < UTC_TIMESTAMP(6) - INTERVAL %(days)s DAY AND {_ENDED}
            ORDER BY heartbeat LIMIT 1
            """,
            {"deployment": deployment, "days": days},
        )
        if row is None:
            return None
        changed = await session.execute(
            f"""
            UPDATE {_table(schema)} SET cleaned_at = UTC_TIMESTAMP(6)
            WHERE task_id = %(task_id)s AND cleaned_at IS NULL AND {_ENDED}
            """,
            {"task_id": row[0]},
        )
        if changed == 1:  # else it has been resumed meanwhile
            return TaskRef(schema, row[0])


async def find_interrupted(session: Session, schema: str, deployment: str) -> list[TaskRef]:
    """Return the tasks of the deployment whose cleaning was interrupted: they still have windows.

    Reads an entry of the index for each task that has any.
    """
    rows = await session.rows(
        f"""
        SELECT task_id FROM (SELECT task_id FROM {quote(schema, "task_window")} GROUP BY task_id) AS with_windows
        JOIN {_table(schema)} USING (task_id) WHERE cleaned_at IS NOT NULL AND deployment = %(deployment)s
        """,
        {"deployment": deployment},
    )
    return [TaskRef(schema, row[0]) for row in rows]


async def results_of(session: Session, ref: TaskRef, named: list[str]) -> list[str]:
    """Return every result that a task may have rows of: those that its state names, and all of its sources file."""
    try:
        sources = await definitions.find_sources(session, ref)
    except (LookupError, ValueError):  # v2.1 created it, or the definition is damaged
        return named
    return sorted({*sources.names, *named})


async def begin_purge(session: Session, ref: TaskRef) -> bool:
    """Make a task that has ended ABORTED, cleaned and without production. Returns False if it has not ended.

    So nobody resumes it, or takes for complete what is left of its production.
    """
    await session.execute(
        f"""
        UPDATE {_table(ref.schema)} SET
          cleaned_at = COALESCE(cleaned_at, UTC_TIMESTAMP(6)), error = %(error)s, stat = %(stat)s, prod_stat = NULL
        WHERE task_id = %(task_id)s AND ({_ENDED} OR generation IS NULL)
        """,
        {"task_id": ref.task_id, "stat": TaskStatus.ABORTED.value, "error": f"{PURGING} {ref.task_id}"},
    )
    row = await session.row(
        f"SELECT stat, cleaned_at IS NULL FROM {_table(ref.schema)} WHERE task_id = %(task_id)s",
        {"task_id": ref.task_id},
    )
    return row == (TaskStatus.ABORTED.value, 0)


async def delete_task(session: Session, ref: TaskRef) -> None:
    """Delete what is left of a task whose rows have been deleted: its hits, events, definition and state."""
    arguments = {"task_id": ref.task_id}
    async with session.transaction():
        row = await session.row(f"SELECT pattern_hash FROM {_table(ref.schema)} WHERE task_id = %(task_id)s", arguments)
        for table in ("task_hit", "task_event", "task_definition", "state"):
            await session.execute(f"DELETE FROM {quote(ref.schema, table)} WHERE task_id = %(task_id)s", arguments)
        if row is not None and row[0] is not None:
            await definitions.delete_unused_patterns(session, ref.schema, row[0])


def _table(schema: str) -> str:
    return quote(schema, "state")
