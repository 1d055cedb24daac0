"""The `task_hit` table: what the patterns of each task decided, compressed, a row a task and result.

It is written when a label job ends, and does not depend on label rows: these may be deleted.
"""

from collections.abc import Mapping

from jobs.errors import NO_SUCH_TABLE, DatabaseError
from jobs.model.hits import ResultHits
from jobs.model.task import TaskRef
from jobs.storage.compressed import deflate, inflate
from jobs.storage.connection import Session, quote


async def replace(session: Session, ref: TaskRef, hits: Mapping[str, ResultHits]) -> None:
    """Store the hits of a task by result, in place of any earlier ones."""
    await delete(session, ref)
    await session.insert_many(
        f"INSERT INTO {_table(ref)} (task_id, result, hits)",
        ((ref.task_id, result, deflate(found.to_json())) for result, found in hits.items()),
    )


async def find(session: Session, ref: TaskRef) -> dict[str, ResultHits]:
    """Return the hits of a task by result, sorted by name. A schema of an earlier release has none.

    Raises ValueError if they are damaged.
    """
    try:
        rows = await session.rows(
            f"SELECT result, hits FROM {_table(ref)} WHERE task_id = %(task_id)s", {"task_id": ref.task_id}
        )
    except DatabaseError as error:
        if error.code != NO_SUCH_TABLE:
            raise
        return {}
    return {result: ResultHits.from_json(inflate(data, "counts")) for result, data in sorted(rows)}


async def delete(session: Session, ref: TaskRef) -> None:
    """Delete the hits of a task."""
    await session.execute(f"DELETE FROM {_table(ref)} WHERE task_id = %(task_id)s", {"task_id": ref.task_id})


def _table(ref: TaskRef) -> str:
    return quote(ref.schema, "task_hit")
