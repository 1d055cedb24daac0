"""Finding and listing tasks in a state table."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, get_args, get_type_hints

from jobs.model.task import Task, TaskRef
from jobs.model.task_selection import ListedStatus, TaskSelection
from jobs.storage.connection import Session, quote

_FIND_ROWS = 100
_EPOCH = datetime(1970, 1, 1)
_HINTS = get_type_hints(Task)
_TYPES = {field.name: (get_args(_HINTS[field.name]) or (_HINTS[field.name],))[0] for field in fields(Task)}

_EVERY_TASK = TaskSelection()
_MOST_PREFIXES = 500  # in a statement


async def find(session: Session, ref: TaskRef) -> Task | None:
    """Return a task, or None if there is none with this id."""
    tasks = await _select(session, ref.schema, "WHERE task_id = %(task_id)s", task_id=ref.task_id)
    return tasks[0] if tasks else None


async def find_by_prefix(session: Session, schema: str, prefix: str, limit: int) -> list[Task]:
    """Return the tasks, at most `limit`, whose id begins with these digits."""
    condition = "WHERE task_id LIKE %(beginning)s ORDER BY task_id LIMIT %(limit)s"
    return await _select(session, schema, condition, beginning=f"{prefix}%", limit=limit)


async def ids_like(session: Session, schema: str, task_ids: Sequence[str], digits: int) -> list[str]:
    """Return the ids that begin as one of these do, with as many digits the same."""
    found: list[str] = []
    for first in range(0, len(task_ids), _MOST_PREFIXES):
        prefixes = {
            f"prefix{n}": f"{text[:digits]}%" for n, text in enumerate(task_ids[first : first + _MOST_PREFIXES])
        }
        # One range of the primary key each.
        condition = " OR ".join(f"task_id LIKE %({name})s" for name in prefixes)
        found += [
            row[0] for row in await session.rows(f"SELECT task_id FROM {_table(schema)} WHERE {condition}", prefixes)
        ]
    return found


async def newest(session: Session, schema: str, limit: int, selection: TaskSelection = _EVERY_TASK) -> list[Task]:
    """Return the tasks created last, of those that are selected, newest first."""
    conditions, statuses, since = ["TRUE"], set(selection.statuses), selection.since
    if statuses:
        finish = "prod_stat = 'finish'" if ListedStatus.FINISH in statuses else "FALSE"
        conditions.append(f"(stat IN %(statuses)s OR {finish})")
    if since is not None:
        is_age = isinstance(since, timedelta)
        # An age of more than two thousand years is no time of the server's calendar.
        ago = "COALESCE(NOW() - INTERVAL %(since)s SECOND, TIMESTAMP'0001-01-01 00:00:00')"
        conditions.append(f"create_time >= {ago if is_age else '%(since)s'}")
    if selection.schedule is not None:
        conditions.append("schedule = %(schedule)s")
    return await _select(
        session,
        schema,
        f"WHERE {' AND '.join(conditions)} ORDER BY create_time DESC, task_id DESC LIMIT %(limit)s",
        limit=limit,
        statuses=tuple(map(str, statuses)) or ("",),
        since=since.total_seconds() if isinstance(since, timedelta) else since,
        schedule=selection.schedule,
    )


async def read_checksums(session: Session, schema: str, columns: Collection[str], limit: int) -> dict[str, int]:
    """Return a checksum of each of the tasks created last, newest first, over those columns that a Task has.

    A fraction of what the rows themselves take to send and to read, for what reads them again and again.
    """
    known = [f"QUOTE(CAST({quote(name)} AS BINARY))" for name in sorted(columns) if name in _TYPES]
    rows = await session.rows(
        f"""
        SELECT task_id, CRC32(CONCAT({", ".join(known)})) FROM {_table(schema)}
        ORDER BY create_time DESC, task_id DESC LIMIT %(limit)s
        """,
        {"limit": limit},
    )
    return dict(rows)


async def find_all(session: Session, schema: str, task_ids: Collection[str]) -> dict[str, Task]:
    """Return those of the tasks that exist, by id."""
    ids, tasks = sorted(task_ids), list[Task]()
    # In batches, because a thousand rows take the driver 40 ms, for which it would hold the event loop.
    for first in range(0, len(ids), _FIND_ROWS):
        batch = tuple(ids[first : first + _FIND_ROWS])
        tasks += await _select(session, schema, "WHERE task_id IN %(task_ids)s", task_ids=batch)
    return {task.task_id: task for task in tasks}


async def find_stalled(session: Session, schema: str, deployment: str, seconds: float) -> list[Task]:
    """Return the deployment's tasks to be labelled or produced that have had no heartbeat for this long."""
    return await _select(
        session,
        schema,
        """
        WHERE deployment = %(deployment)s AND heartbeat < UTC_TIMESTAMP(6) - INTERVAL %(seconds)s SECOND
          AND (stat IN ('PENDING', 'STARTED')
               OR stat = 'SUCCESS' AND prod_stat IS NULL
                  AND production_due < UTC_TIMESTAMP(6) - INTERVAL %(seconds)s SECOND)
        """,
        seconds=seconds,
        deployment=deployment,
    )


async def find_unclaimable(session: Session, schema: str) -> list[Task]:
    """Return the unfinished tasks that no worker takes: a release without deployments created them.

    The state table is not one of v2.1.
    """
    tasks = await _select(
        session,
        schema,
        """
        WHERE (stat IN ('PENDING', 'STARTED') OR stat = 'SUCCESS' AND prod_stat IS NULL) AND generation IS NOT NULL
        """,
    )
    return [task for task in tasks if task.deployment is None]  # that release's table has no such column


async def find_finished(session: Session, schema: str, task_ids: Collection[str]) -> list[str]:
    """Return those of the task ids whose task is finished."""
    return await _among(session, schema, task_ids, "stat IN ('FAILURE', 'ABORTED') OR prod_stat = 'finish'")


async def find_produced(session: Session, schema: str, task_ids: Collection[str]) -> list[str]:
    """Return those of the task ids whose production is finished."""
    return await _among(session, schema, task_ids, "prod_stat = 'finish'")


async def _among(session: Session, schema: str, task_ids: Collection[str], condition: str) -> list[str]:
    if not task_ids:
        return []
    rows = await session.rows(
        f"SELECT task_id FROM {_table(schema)} WHERE task_id IN %(task_ids)s AND ({condition})",
        {"task_ids": tuple(task_ids)},
    )
    return [row[0] for row in rows]


async def _select(session: Session, schema: str, condition: str, **arguments: object) -> list[Task]:
    # Every column, because a table of v2.1 that no create_task has migrated yet lacks ours.
    records = await session.records(f"SELECT * FROM {_table(schema)} {condition}", arguments)
    return [_task(schema, record) for record in records]


def _task(schema: str, record: dict[str, Any]) -> Task:
    values: dict[str, Any] = dict.fromkeys(_TYPES)
    for name, value in record.items():
        kind = _TYPES.get(name)
        if kind is not None and value is not None:
            # Without a call for most values: the console reads a thousand rows while a key waits.
            values[name] = value if type(value) is kind else _of_type(kind, value)
    # v2.1 allowed NULL in these columns.
    for name in ("task_id", "stat", "model_type", "predict_type", "date_range", "target_table"):
        values[name] = values[name] or ""
    values["create_time"] = values["create_time"] or _EPOCH
    # Where the row is, whatever it says: the schema may have been copied or renamed.
    values["output_schema"] = schema
    return Task(**values)


def _of_type(kind: type[Any], value: object) -> Any:
    """Convert a value to the type of its field. None if it cannot be: a table named state may be foreign."""
    if isinstance(value, kind):
        return value
    if kind is str:  # v2.1 stored some as numbers
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    if kind is datetime:  # a time outside Python's calendar arrives as text
        return None
    try:
        return kind(value)
    except (ValueError, TypeError, OverflowError):
        return None


def _table(schema: str) -> str:
    return quote(schema, "state")
