"""The state table: how each task stands, for everyone to read (docs/contract.md, "State table").

Times that are compared or subtracted (`started_at`, `heartbeat`, `production_due`) are UTC by the database's
clock, so that neither a worker's clock nor a change of daylight saving time affects them.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, get_args, get_type_hints

from jobs.errors import DatabaseError
from jobs.model.alert import AlertEvent, task_alert
from jobs.model.event import EventKind
from jobs.model.task import Task, TaskRef, TaskStatus
from jobs.model.task_request import TaskRequest
from jobs.model.task_selection import ListedStatus, TaskSelection
from jobs.storage import alerts, events
from jobs.storage.connection import Session, quote

_FIND_ROWS = 100
_EPOCH = datetime(1970, 1, 1)
_HINTS = get_type_hints(Task)
_TYPES = {field.name: (get_args(_HINTS[field.name]) or (_HINTS[field.name],))[0] for field in fields(Task)}
_RUNNING_MINUTES = "COALESCE(run_time, 0) + TIMESTAMPDIFF(MICROSECOND, started_at, UTC_TIMESTAMP(6)) / 60e6"

_EVERY_TASK = TaskSelection()
_MOST_PREFIXES = 500  # in a statement

_COLUMNS_OF_V2_1 = ("task_id", "stat", "prod_stat", "date_range", "target_table", "create_time")
_MIGRATED_COLUMNS = (*_COLUMNS_OF_V2_1, "generation", "heartbeat", "production_due", "deployment", "units")


@dataclass(frozen=True)
class Origin:
    """Where a task is from: only workers of this deployment, that read this input, work on it."""

    deployment: str
    input_server: str
    """Its address."""
    input_server_id: str
    """What the server calls itself, in case workers reach it under another address."""
    schedule: str | None = None
    """The name of the schedule that creates it."""


async def insert(
    session: Session, ref: TaskRef, request: TaskRequest, *, pattern_hash: str, windows: int, origin: Origin, by: str
) -> None:
    """Insert a new task, PENDING. `windows` is the number of its windows, or an estimate if they are cut later.

    `by` is the operator who creates it.
    """
    await session.execute(
        f"""
        INSERT INTO {_table(ref.schema)} (
          task_id, stat, model_type, predict_type, date_range, target_table, create_time, result,
          queue, countdown, start_time, end_time, source_table, output_schema, pattern_hash,
          windows, windows_done, generation, heartbeat, deployment, input_server, input_server_id, schedule)
        VALUES (
          %(task_id)s, 'PENDING', %(model_type)s, %(predict_type)s, %(date_range)s, %(target_schema)s, NOW(), '',
          %(queue)s, %(countdown)s, %(start_time)s, %(end_time)s, %(target_table)s, %(output_schema)s, %(pattern_hash)s,
          %(windows)s, 0, 1, UTC_TIMESTAMP(6), %(deployment)s, %(input_server)s, %(input_server_id)s, %(schedule)s)
        """,
        request.model_dump()
        | {
            "task_id": ref.task_id,
            "date_range": request.date_range,
            "pattern_hash": pattern_hash,
            "windows": windows,
            "deployment": origin.deployment,
            "input_server": origin.input_server,
            "input_server_id": origin.input_server_id,
            "schedule": origin.schedule,
        },
    )
    creator = by if origin.schedule is None else f"schedule {origin.schedule}, fired by {by}"
    await events.record(session, ref, EventKind.CREATED, f"by {creator}")


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
        conditions.append("create_time >= " + ("NOW() - INTERVAL %(since)s SECOND" if is_age else "%(since)s"))
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


async def read_columns(session: Session) -> dict[str, list[str]]:
    """Return the columns of each state table that this account can see, by schema, sorted by its name."""
    rows = await session.rows(
        """
        SELECT table_schema, column_name FROM information_schema.columns
        WHERE table_name = 'state' ORDER BY table_schema
        """
    )
    columns: dict[str, list[str]] = {}
    for schema, name in rows:
        columns.setdefault(schema, []).append(name.lower())
    return {schema: names for schema, names in columns.items() if set(_COLUMNS_OF_V2_1) <= set(names)}


async def schemas(session: Session, *, migrated: bool = False) -> list[str]:
    """Return the schemas visible to this account that have a state table; with `migrated`, not one of v2.1."""
    found = await read_columns(session)
    return [schema for schema, columns in found.items() if not migrated or is_migrated(columns)]


def is_migrated(columns: Collection[str]) -> bool:
    """Return whether a state table with these columns has ours: then its ids are unique."""
    return set(_MIGRATED_COLUMNS) <= set(columns)


@contextmanager
def skip_unreadable(schema: str, own: str) -> Iterator[None]:
    """Skip a state table that cannot be read, unless it is the deployment's own: others may be foreign."""
    try:
        yield
    except DatabaseError as error:
        if error.unreachable or schema == own:
            raise


async def start(session: Session, ref: TaskRef, worker: str) -> None:
    """Set a PENDING task to STARTED. If another lane was first, this worker joins it."""
    changed = await session.execute(
        f"""
        UPDATE {_table(ref.schema)} SET stat = 'STARTED', started_at = UTC_TIMESTAMP(6), heartbeat = UTC_TIMESTAMP(6)
        WHERE task_id = %(task_id)s AND stat = 'PENDING'
        """,
        {"task_id": ref.task_id},
    )
    await events.record(session, ref, EventKind.STARTED if changed else EventKind.JOINED, f"worker {worker}")


async def record_heartbeat(session: Session, ref: TaskRef, peak_memory: float) -> str | None:
    """Record that a worker is working on the task, update its progress, and return its stat.

    `peak_memory` is this worker's, in MB. Returns None if there is no such task.
    """
    await session.execute(
        f"""
        UPDATE {_table(ref.schema)} SET
          heartbeat = UTC_TIMESTAMP(6),
          peak_memory = GREATEST(COALESCE(peak_memory, 0), %(peak_memory)s),
          {_progress(ref.schema)}
        WHERE task_id = %(task_id)s AND (stat IN ('PENDING', 'STARTED') OR stat = 'SUCCESS' AND prod_stat IS NULL)
        """,
        {"task_id": ref.task_id, "peak_memory": round(peak_memory, 2)},
    )
    return await read_status(session, ref)


async def read_status(session: Session, ref: TaskRef) -> str | None:
    """Return the task's stat, or None if there is no such task."""
    row = await session.row(
        f"SELECT stat FROM {_table(ref.schema)} WHERE task_id = %(task_id)s", {"task_id": ref.task_id}
    )
    return row[0] if row else None


async def lock_status(session: Session, ref: TaskRef) -> str | None:
    """Return the task's stat, and keep it from changing until the transaction ends."""
    row = await session.row(
        f"SELECT stat FROM {_table(ref.schema)} WHERE task_id = %(task_id)s LOCK IN SHARE MODE",
        {"task_id": ref.task_id},
    )
    return row[0] if row else None


async def complete_label_job(
    session: Session, ref: TaskRef, *, result: str, uniq_source_author: str, units: int
) -> bool:
    """Set a STARTED task to SUCCESS, with this many units to produce. Returns False if it was stopped meanwhile."""
    changed = await session.execute(
        f"""
        UPDATE {_table(ref.schema)} SET
          stat = 'SUCCESS', heartbeat = UTC_TIMESTAMP(6), run_time = {_RUNNING_MINUTES},
          production_due = UTC_TIMESTAMP(6) + INTERVAL countdown SECOND, units = %(units)s,
          result = %(result)s, uniq_source_author = %(uniq_source_author)s,
          error = NULL, check_point = NULL, waiting_for = NULL,
          {_progress(ref.schema)}, windows = windows_done
        WHERE task_id = %(task_id)s AND stat = 'STARTED'
        """,
        {"task_id": ref.task_id, "result": result, "uniq_source_author": uniq_source_author, "units": units},
    )
    if changed:
        await events.record(session, ref, EventKind.LABELLED, result.replace(",", ", ") or "no post matched a pattern")
    return changed == 1


async def set_waiting_for(session: Session, ref: TaskRef, reason: str | None) -> None:
    """Say what the task waits for, or that it waits for nothing.

    A worker that was cut off may come back after the task has ended: a task that has ended waits for nothing.
    """
    await session.execute(
        f"""
        UPDATE {_table(ref.schema)} SET waiting_for = %(reason)s
        WHERE task_id = %(task_id)s AND NOT waiting_for <=> %(reason)s
          AND (stat IN ('PENDING', 'STARTED') OR stat = 'SUCCESS' AND prod_stat IS NULL)
        """,
        # A message may quote data of any length.
        {"task_id": ref.task_id, "reason": reason and reason[:2_000]},
    )


async def grow_windows(session: Session, ref: TaskRef, windows: int) -> None:
    """Record that a task has at least this many windows: its number was an estimate."""
    await session.execute(
        f"UPDATE {_table(ref.schema)} SET windows = GREATEST(windows, %(windows)s) WHERE task_id = %(task_id)s",
        {"task_id": ref.task_id, "windows": windows},
    )


async def production_due_in(session: Session, ref: TaskRef) -> float | None:
    """Return the seconds until the task's production is due; 0 or less if it is due.

    None if there is nothing to produce: the label job has not succeeded, or production is finished.
    """
    row = await session.row(
        f"""
        SELECT TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), production_due) / 1e6 FROM {_table(ref.schema)}
        WHERE task_id = %(task_id)s AND stat = 'SUCCESS' AND prod_stat IS NULL AND production_due IS NOT NULL
        """,
        {"task_id": ref.task_id},
    )
    return None if row is None else float(row[0])


async def complete_production(
    session: Session, ref: TaskRef, *, length_prod_table: str, rate_of_label: str, alert: bool
) -> bool:
    """Mark the task's production finished. Returns False if the task was aborted meanwhile.

    With `alert`, an alert is stored. Call this in a transaction.
    """
    changed = await session.execute(
        f"""
        UPDATE {_table(ref.schema)} SET
          prod_stat = 'finish', length_prod_table = %(length_prod_table)s, rate_of_label = %(rate_of_label)s,
          heartbeat = UTC_TIMESTAMP(6), units_done = units, waiting_for = NULL
        WHERE task_id = %(task_id)s AND stat = 'SUCCESS' AND prod_stat IS NULL
        """,
        {"task_id": ref.task_id, "length_prod_table": length_prod_table, "rate_of_label": rate_of_label},
    )
    if changed:
        rows = sum(map(int, filter(None, length_prod_table.split(","))))
        await events.record(session, ref, EventKind.PRODUCED, f"{rows:,} author{'' if rows == 1 else 's'}")
        if alert:
            await _add_alert(session, ref, AlertEvent.TASK_FINISHED)
    return changed == 1


async def fail(session: Session, ref: TaskRef, error: str, *, alert: bool) -> bool:
    """End the task in FAILURE with this error and its check point. Returns False if it had already ended.

    With `alert`, an alert is stored in the same transaction, which begins and ends here.
    """
    async with session.transaction():
        failed = await _stop(session, ref, TaskStatus.FAILURE, error)
        if failed:
            await events.record(session, ref, EventKind.FAILED, error)
            if alert:
                await _add_alert(session, ref, AlertEvent.TASK_FAILED)
    return failed


async def _add_alert(session: Session, ref: TaskRef, event: AlertEvent) -> None:
    task = await find(session, ref)
    if task is not None:
        await alerts.add(session, ref.schema, task_alert(event, task))


async def abort(session: Session, ref: TaskRef, by: str) -> bool:
    """End the task in ABORTED with its check point. Returns False if it had already ended."""
    aborted = await _stop(session, ref, TaskStatus.ABORTED, None)
    if aborted:
        await events.record(session, ref, EventKind.ABORTED, f"by {by}")
    return aborted


async def _stop(session: Session, ref: TaskRef, status: TaskStatus, error: str | None) -> bool:
    # The order of the assignments matters: MariaDB makes them from left to right, and run_time needs
    # the previous stat.
    changed = await session.execute(
        f"""
        UPDATE {_table(ref.schema)} SET
          run_time = IF(stat = 'STARTED', {_RUNNING_MINUTES}, run_time),
          stat = %(stat)s, error = %(error)s, production_due = NULL, waiting_for = NULL, heartbeat = UTC_TIMESTAMP(6),
          check_point = (
            SELECT MIN(start_time) FROM {quote(ref.schema, "task_window")} WHERE task_id = %(task_id)s AND NOT done),
          {_progress(ref.schema)}
        WHERE task_id = %(task_id)s AND (stat IN ('PENDING', 'STARTED') OR stat = 'SUCCESS' AND prod_stat IS NULL)
        """,
        {"task_id": ref.task_id, "stat": status.value, "error": error},
    )
    return changed == 1


async def resume(session: Session, ref: TaskRef, by: str) -> bool:
    """Let a failed or aborted task go on under a new generation. Returns False from any other stat.

    If production has been cut into units, the label job is done: the task goes on with them at once.
    """
    units = f"EXISTS (SELECT 1 FROM {quote(ref.schema, 'task_unit')} WHERE task_id = %(task_id)s)"
    changed = await session.execute(
        f"""
        UPDATE {_table(ref.schema)} SET
          stat = IF({units}, 'SUCCESS', 'PENDING'), production_due = IF({units}, UTC_TIMESTAMP(6), NULL),
          units = IF({units}, units, NULL), error = NULL, check_point = NULL, waiting_for = NULL,
          {_progress(ref.schema)},
          generation = generation + 1, heartbeat = UTC_TIMESTAMP(6)
        WHERE task_id = %(task_id)s AND stat IN ('FAILURE', 'ABORTED') AND generation IS NOT NULL
          AND cleaned_at IS NULL
        """,
        {"task_id": ref.task_id},
    )
    if changed:
        await events.record(session, ref, EventKind.RESUMED, f"by {by}")
    return changed == 1


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


async def requeue(session: Session, task: Task) -> bool:
    """Start a new generation of a stalled task. Returns False if another reconciler was first."""
    changed = await session.execute(
        f"""
        UPDATE {_table(task.output_schema)} SET generation = generation + 1, heartbeat = UTC_TIMESTAMP(6)
        WHERE task_id = %(task_id)s AND generation = %(generation)s AND stat = %(stat)s
        """,
        {"task_id": task.task_id, "generation": task.generation, "stat": task.stat},
    )
    if changed:
        await events.record(session, task.ref, EventKind.REQUEUED, "no worker was working on it")
    return changed == 1


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


def _progress(schema: str) -> str:
    """The assignments that update a task's progress."""
    windows, units = quote(schema, "task_window"), quote(schema, "task_unit")
    return f"""
          windows_done = (SELECT COUNT(*) FROM {windows} WHERE task_id = %(task_id)s AND done),
          length_receive_table = (SELECT COALESCE(SUM(received), 0) FROM {windows} WHERE task_id = %(task_id)s),
          length_output_table = (SELECT COALESCE(SUM(labelled), 0) FROM {windows} WHERE task_id = %(task_id)s),
          units_done = IF(units IS NULL, NULL, (SELECT COUNT(*) FROM {units} WHERE task_id = %(task_id)s AND done))"""
