"""The `task_unit` table: the parts of a production job that workers claim.

A unit is a result and a run of slices. Each label row bears the slice of its source_author, so a unit reads only
its own rows, and no two units decide about the same author.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.model.task import TaskRef
from jobs.model.units import Unit, plan_units
from jobs.storage.claims import Claimable, claim
from jobs.storage.connection import Session
from jobs.storage.windows import ResultRows


@dataclass(frozen=True)
class Produced:
    """What the units of one result produced."""

    votes: int
    """Labelled rows that their label rows stand for."""
    rows: int
    """Rows in the production table."""


async def replace(session: Session, ref: TaskRef, results: Mapping[str, ResultRows]) -> int:
    """Store the units of a task whose label job has ended, in place of any earlier ones. Returns their number."""
    await delete(session, ref)
    units = plan_units({result: rows.label_rows for result, rows in results.items()})
    await session.insert_many(
        f"INSERT INTO {_table(ref)} (task_id, number, result, first_slice, last_slice)",
        ((ref.task_id, unit.number, unit.result, unit.first_slice, unit.last_slice) for unit in units),
    )
    return len(units)


async def claim_unit(session: Session, ref: TaskRef) -> Unit | None:
    """Claim the next unit. Returns None if every open one is claimed, or waits for a retry."""
    row = await claim(session, ref, Claimable.UNITS, ("number", "result", "first_slice", "last_slice"))
    return Unit(*row) if row else None


async def finish(session: Session, ref: TaskRef, unit: Unit, produced: Produced) -> None:
    """Mark the claimed unit done."""
    await session.execute(
        f"""
        UPDATE {_table(ref)} SET done = TRUE, votes = %(votes)s, produced = %(rows)s, retry_at = NULL
        WHERE task_id = %(task_id)s AND number = %(number)s
        """,
        {"task_id": ref.task_id, "number": unit.number, "votes": produced.votes, "rows": produced.rows},
    )


async def totals(session: Session, ref: TaskRef) -> dict[str, Produced]:
    """Return what all units produced, by result."""
    rows = await session.rows(
        f"""
        SELECT result, COALESCE(SUM(votes), 0), COALESCE(SUM(produced), 0) FROM {_table(ref)}
        WHERE task_id = %(task_id)s GROUP BY result
        """,
        {"task_id": ref.task_id},
    )
    return {result: Produced(int(votes), int(produced)) for result, votes, produced in rows}


async def delete(session: Session, ref: TaskRef) -> None:
    """Delete the units of a task."""
    await session.execute(f"DELETE FROM {_table(ref)} WHERE task_id = %(task_id)s", {"task_id": ref.task_id})


def _table(ref: TaskRef) -> str:
    return Claimable.UNITS.of(ref)
