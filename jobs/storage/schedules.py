"""The `task_schedule` table: what each schedule is to do, and when it is due next (docs/schedules.md).

It is in the output schema of the schedule's tasks, so that a firing and its task are written in one transaction. All
moments are UTC by the database's clock. The open transaction that has locked the row is the claim.
"""

from dataclasses import fields
from datetime import datetime

from jobs.errors import DUPLICATE_ENTRY, DatabaseError
from jobs.model.schedule_request import ScheduleRequest
from jobs.model.schedules import Schedule, ScheduleRef
from jobs.storage.connection import Session, quote
from jobs.storage.schema import Column, Key, Table, ensure_tables
from jobs.storage.state import Origin
from jobs.storage.task_tables import ensure_task_tables

_NAME_COLUMNS = [Column("deployment", "text", 64, "NOT NULL"), Column("name", "text", 64, "NOT NULL")]
_SCHEDULE = [
    *_NAME_COLUMNS,
    Column("cron", "text", 200, "NOT NULL"),
    Column("timezone", "text", 64, "NOT NULL"),
    Column("range", "text", 32, "NOT NULL"),
    Column("lookback", "INT NOT NULL"),
    Column("catch_up", "text", 32, "NOT NULL"),
    Column("model_type", "text", 64, "NOT NULL"),
    Column("predict_type", "text", 64, "NOT NULL"),
    Column("target_schema", "text", 64, "NOT NULL"),
    Column("target_table", "text", 64, "NOT NULL"),
    Column("queue", "text", 64, "NOT NULL"),
    Column("countdown", "INT NOT NULL"),
    Column("paused", "BOOLEAN NOT NULL DEFAULT FALSE"),
    Column("next_due", "time", 6, "NOT NULL"),
    Column("covered_until", "time", 6, "NOT NULL"),
    Column("waiting_for", "text", 16_383),
    Column("waiting_since", "time", 6),
    Column("input_server", "text", 320, "NOT NULL"),
    Column("input_server_id", "text", 320, "NOT NULL"),
]
_FIRING = [
    Column("deployment", "text", 64, "NOT NULL"),
    Column("schedule", "text", 64, "NOT NULL"),
    Column("due", "time", 6, "NOT NULL"),
    Column("fired_at", "time", 6, "NOT NULL"),
    Column("by_hand", "BOOLEAN NOT NULL DEFAULT FALSE"),
    Column("task_id", "text", 32),
    Column("start_time", "time", 6),
    Column("end_time", "time", 6),
    Column("error", "text", 16_383),
    Column("note", "text", 16_383),
]
_TABLES = [
    Table("task_schedule", _SCHEDULE, [Key(("deployment", "name"), primary=True)]),
    # A schedule fires once for a due time, whatever is killed.
    Table("task_firing", _FIRING, [Key(("deployment", "schedule", "due"), primary=True)]),
]

# What a person sets, and what changing a schedule changes.
_SETTINGS = tuple(name for name in ScheduleRequest.model_fields if name not in ("name", "output_schema"))
_COLUMNS = tuple(field.name for field in fields(Schedule) if field.name != "output_schema")
_WHERE = "WHERE deployment = %(deployment)s AND name = %(name)s"


async def ensure_schedule_tables(session: Session, schema: str) -> None:
    """Create the tables of schedules, and those of tasks. Raises OutputUnreachable, DatabaseError."""
    await ensure_task_tables(session, schema)
    await ensure_tables(session, schema, _TABLES)


async def schemas(session: Session) -> list[str]:
    """Return the schemas visible to this account that have schedules."""
    rows = await session.rows(
        """
        SELECT table_schema FROM information_schema.columns
        WHERE table_name = 'task_schedule' AND column_name IN ('deployment', 'name', 'next_due', 'covered_until')
        GROUP BY table_schema HAVING COUNT(*) = 4 ORDER BY table_schema
        """
    )
    return [row[0] for row in rows]


async def insert(
    session: Session,
    ref: ScheduleRef,
    request: ScheduleRequest,
    origin: Origin,
    *,
    next_due: datetime,
    covered_until: datetime,
) -> bool:
    """Insert a schedule. Returns False if there is one of this name."""
    values = request.model_dump(include=set(_SETTINGS)) | _input(origin) | _key(ref)
    values |= {"next_due": next_due, "covered_until": covered_until}
    columns, places = ", ".join(map(quote, values)), ", ".join(f"%({name})s" for name in values)
    try:
        await session.execute(f"INSERT INTO {_table(ref.schema)} ({columns}) VALUES ({places})", values)
    except DatabaseError as error:
        if error.code != DUPLICATE_ENTRY:
            raise
        return False
    return True


async def change(
    session: Session, ref: ScheduleRef, request: ScheduleRequest, origin: Origin, *, next_due: datetime
) -> bool:
    """Change what a schedule is to do, and when it is due next. Returns False if there is none of this name."""
    if await find(session, ref) is None:
        return False
    values = request.model_dump(include=set(_SETTINGS)) | _input(origin) | {"next_due": next_due}
    assignments = ", ".join(f"{quote(name)} = %({name})s" for name in values)
    await session.execute(
        f"UPDATE {_table(ref.schema)} SET {assignments}, waiting_for = NULL, waiting_since = NULL {_WHERE}",
        values | _key(ref),
    )
    return True


async def find(session: Session, ref: ScheduleRef) -> Schedule | None:
    """Return a schedule, or None if there is none of this name."""
    schedules = await _select(session, ref.schema, _WHERE, **_key(ref))
    return schedules[0] if schedules else None


async def find_all(session: Session, schema: str, deployment: str) -> list[Schedule]:
    """Return the schedules of a deployment in a schema, sorted by name."""
    return await _select(session, schema, "WHERE deployment = %(deployment)s ORDER BY name", deployment=deployment)


async def upcoming(session: Session, schema: str, deployment: str) -> list[tuple[Schedule, float]]:
    """Return the schedules that are not paused, each with the seconds until it is due; 0 or less if it is."""
    rows = await session.rows("SELECT UTC_TIMESTAMP(6)")
    condition = "WHERE deployment = %(deployment)s AND NOT paused ORDER BY next_due"
    found = await _select(session, schema, condition, deployment=deployment)
    return [(schedule, (schedule.next_due - rows[0][0]).total_seconds()) for schedule in found]


async def claim_due(session: Session, ref: ScheduleRef) -> Schedule | None:
    """Claim a schedule that is due, until the transaction ends. None if it is not due, or another worker has it."""
    condition = f"{_WHERE} AND NOT paused AND next_due <= UTC_TIMESTAMP(6) FOR UPDATE SKIP LOCKED"
    schedules = await _select(session, ref.schema, condition, **_key(ref))
    return schedules[0] if schedules else None


async def claim(session: Session, ref: ScheduleRef) -> Schedule | None:
    """Claim a schedule, due or not, until the transaction ends; waits for another claim. None if there is none."""
    schedules = await _select(session, ref.schema, f"{_WHERE} FOR UPDATE", **_key(ref))
    return schedules[0] if schedules else None


async def advance(session: Session, ref: ScheduleRef, next_due: datetime) -> None:
    """Say when a claimed schedule is due next."""
    await session.execute(
        f"""
        UPDATE {_table(ref.schema)} SET next_due = %(next_due)s, waiting_for = NULL, waiting_since = NULL {_WHERE}
        """,
        _key(ref) | {"next_due": next_due},
    )


async def set_covered(session: Session, ref: ScheduleRef, covered_until: datetime) -> None:
    """Keep where the last successful run has ended, whatever becomes of that run's row."""
    await session.execute(
        f"UPDATE {_table(ref.schema)} SET covered_until = %(covered_until)s {_WHERE}",
        _key(ref) | {"covered_until": covered_until},
    )


async def set_waiting(
    session: Session, ref: ScheduleRef, reason: str, *, if_none: bool = False, restart: bool = False
) -> None:
    """Say what keeps a schedule that is due from firing; with `if_none`, only if nothing else is said.

    With `restart`, it has been waiting only from now on.
    """
    known = "waiting_for IS NULL" if if_none else "NOT waiting_for <=> %(reason)s"
    await session.execute(
        f"""
        UPDATE {_table(ref.schema)} SET
          waiting_since = IF(%(restart)s OR waiting_since IS NULL, UTC_TIMESTAMP(6), waiting_since),
          waiting_for = %(reason)s
        {_WHERE} AND NOT paused AND next_due <= UTC_TIMESTAMP(6) AND {known}
        """,
        _key(ref) | {"reason": reason[:2_000], "restart": restart},
    )


async def pause(session: Session, ref: ScheduleRef) -> None:
    """Keep a schedule from firing."""
    await session.execute(
        f"UPDATE {_table(ref.schema)} SET paused = TRUE, waiting_for = NULL, waiting_since = NULL {_WHERE}", _key(ref)
    )


async def unpause(session: Session, ref: ScheduleRef, next_due: datetime) -> None:
    """Let a paused schedule fire when it is due next."""
    await session.execute(
        f"UPDATE {_table(ref.schema)} SET paused = FALSE, next_due = %(next_due)s {_WHERE} AND paused",
        _key(ref) | {"next_due": next_due},
    )


async def delete(session: Session, ref: ScheduleRef) -> bool:
    """Delete a schedule. Returns False if there is none of this name."""
    return await session.execute(f"DELETE FROM {_table(ref.schema)} {_WHERE}", _key(ref)) == 1


async def _select(session: Session, schema: str, condition: str, **arguments: object) -> list[Schedule]:
    columns = ", ".join(map(quote, _COLUMNS))
    records = await session.records(f"SELECT {columns} FROM {_table(schema)} {condition}", arguments)
    return [Schedule(**record | {"paused": bool(record["paused"]), "output_schema": schema}) for record in records]


def _input(origin: Origin) -> dict[str, object]:
    return {"input_server": origin.input_server, "input_server_id": origin.input_server_id}


def _key(ref: ScheduleRef) -> dict[str, object]:
    return {"deployment": ref.deployment, "name": ref.name}


def _table(schema: str) -> str:
    return quote(schema, "task_schedule")
