"""The `task_firing` table: what each schedule did when it was due, unique by schedule and due time."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from jobs.model.schedules import Firing, ScheduleRef
from jobs.model.windows import TICK
from jobs.storage.connection import Session, quote

KEPT = 200
"""The firings that are kept of each schedule."""

_WHERE = "WHERE deployment = %(deployment)s AND schedule = %(name)s"
_COLUMNS = "schedule, due, fired_at, by_hand, task_id, start_time, end_time, error, note"


async def insert_run(
    session: Session,
    ref: ScheduleRef,
    due: datetime,
    task_id: str,
    dates: tuple[datetime, datetime],
    *,
    note: str | None,
    by_hand: bool,
) -> None:
    """Record that a schedule fired: its task is inserted in the same transaction."""
    values = {"task_id": task_id, "start_time": dates[0], "end_time": dates[1]}
    await _insert(session, ref, due, note=note, by_hand=by_hand, **values)


async def insert_error(session: Session, ref: ScheduleRef, due: datetime, error: str) -> None:
    """Record that a schedule could not fire."""
    await _insert(session, ref, due, error=error[:2_000])


async def insert_skipped(session: Session, ref: ScheduleRef, due: datetime, note: str | None) -> None:
    """Record that there was nothing to do when a schedule was due, or that it missed its time."""
    await _insert(session, ref, due, note=note)


async def exists(session: Session, ref: ScheduleRef, due: datetime) -> bool:
    """Return whether a schedule has a firing for a due time."""
    return (
        await session.row(f"SELECT 1 FROM {_table(ref.schema)} {_WHERE} AND due = %(due)s", _key(ref) | {"due": due})
        is not None
    )


async def newest(session: Session, schema: str, deployment: str, limit: int) -> Mapping[str, list[Firing]]:
    """Return the last firings of each schedule of a deployment, newest first, by its name."""
    found = defaultdict(list)
    rows = await session.rows(
        f"""
        SELECT {", ".join(f"f.{name}" for name in _COLUMNS.split(", "))}, s.stat, s.prod_stat, s.error
        FROM (
          SELECT {_COLUMNS}, ROW_NUMBER() OVER (PARTITION BY schedule ORDER BY due DESC) AS place
          FROM {_table(schema)} WHERE deployment = %(deployment)s
        ) AS f LEFT JOIN {quote(schema, "state")} AS s USING (task_id)
        WHERE f.place <= %(limit)s ORDER BY f.schedule, f.due DESC
        """,
        {"deployment": deployment, "limit": limit},
    )
    for name, due, fired_at, by_hand, *values in rows:
        found[name].append(Firing(name, due, fired_at, bool(by_hand), *values))
    return found


async def find_running(session: Session, ref: ScheduleRef) -> str | None:
    """Return the id of a task of a schedule that is not finished."""
    row = await session.row(
        f"""
        SELECT task_id FROM {_table(ref.schema)} JOIN {quote(ref.schema, "state")} AS s USING (task_id)
        WHERE {_table(ref.schema)}.deployment = %(deployment)s AND {_table(ref.schema)}.schedule = %(name)s
          AND (s.stat IN ('PENDING', 'STARTED') OR s.stat = 'SUCCESS' AND s.prod_stat IS NULL)
        LIMIT 1
        """,
        _key(ref),
    )
    return row[0] if row else None


async def covered_until(session: Session, ref: ScheduleRef) -> datetime | None:
    """Return where the ranges of the successful runs of a schedule end, as far as they are kept. None: none is."""
    row = await session.row(
        f"""
        SELECT MAX(s.end_time) FROM {_table(ref.schema)} JOIN {quote(ref.schema, "state")} AS s USING (task_id)
        WHERE {_table(ref.schema)}.deployment = %(deployment)s AND {_table(ref.schema)}.schedule = %(name)s
          AND s.stat = 'SUCCESS' AND s.prod_stat = 'finish'
        """,
        _key(ref),
    )
    return row[0] + TICK if row and row[0] else None


async def last_successes(session: Session, schema: str, deployment: str) -> dict[str, float]:
    """Return when the last successful run of each schedule fired, as a Unix time, by its name."""
    rows = await session.rows(
        f"""
        SELECT f.schedule, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', MAX(f.fired_at)) / 1e6
        FROM {_table(schema)} AS f JOIN {quote(schema, "state")} AS s USING (task_id)
        WHERE f.deployment = %(deployment)s AND s.stat = 'SUCCESS' AND s.prod_stat = 'finish' GROUP BY f.schedule
        """,
        {"deployment": deployment},
    )
    return {name: float(seconds) for name, seconds in rows}


async def delete(session: Session, ref: ScheduleRef) -> None:
    """Delete all firings of a schedule. Their tasks stay."""
    await session.execute(f"DELETE FROM {_table(ref.schema)} {_WHERE}", _key(ref))


async def _insert(session: Session, ref: ScheduleRef, due: datetime, **values: object) -> None:
    columns = ("task_id", "start_time", "end_time", "error", "note")
    names = ", ".join(columns)
    places = ", ".join(f"%({name})s" for name in columns)
    await session.execute(
        f"""
        INSERT INTO {_table(ref.schema)} (deployment, schedule, due, fired_at, by_hand, {names})
        VALUES (%(deployment)s, %(name)s, %(due)s, UTC_TIMESTAMP(6), %(by_hand)s, {places})
        """,
        dict.fromkeys(columns) | {"by_hand": False} | values | _key(ref) | {"due": due},
    )
    await _delete_old(session, ref)


async def _delete_old(session: Session, ref: ScheduleRef) -> None:
    row = await session.row(
        f"SELECT due FROM {_table(ref.schema)} {_WHERE} ORDER BY due DESC LIMIT 1 OFFSET %(kept)s",
        _key(ref) | {"kept": KEPT},
    )
    if row is not None:
        await session.execute(
            f"DELETE FROM {_table(ref.schema)} {_WHERE} AND due <= %(due)s", _key(ref) | {"due": row[0]}
        )


def _key(ref: ScheduleRef) -> dict[str, object]:
    return {"deployment": ref.deployment, "name": ref.name}


def _table(schema: str) -> str:
    return quote(schema, "task_firing")
