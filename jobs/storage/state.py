"""The state table: every change of how a task stands (docs/contract.md, "State table").

Times that are compared or subtracted (`started_at`, `heartbeat`, `production_due`) are UTC by the database's
clock, so that neither a worker's clock nor a change of daylight saving time affects them.
"""

from dataclasses import dataclass

from jobs.model.alert import AlertEvent, task_alert
from jobs.model.event import EventKind
from jobs.model.task import Task, TaskRef, TaskStatus
from jobs.model.task_request import TaskRequest
from jobs.model.wording import counted
from jobs.storage import alerts, events, task_search
from jobs.storage.connection import Session, quote

_RUNNING_MINUTES = "COALESCE(run_time, 0) + TIMESTAMPDIFF(MICROSECOND, started_at, UTC_TIMESTAMP(6)) / 60e6"

# Before a statement that is repeated anyway, so that a locked row of one task does not keep the next task waiting.
_BRIEFLY = "SET STATEMENT innodb_lock_wait_timeout = 1 FOR"


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
        {_BRIEFLY} UPDATE {_table(ref.schema)} SET
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


async def lock_status(session: Session, ref: TaskRef) -> tuple[str | None, bool]:
    """Return the task's stat, and whether it says that it waits. Keep both from changing until the transaction ends."""
    row = await session.row(
        f"SELECT stat, waiting_for IS NOT NULL FROM {_table(ref.schema)} WHERE task_id = %(task_id)s"
        " LOCK IN SHARE MODE",
        {"task_id": ref.task_id},
    )
    return (row[0], bool(row[1])) if row else (None, False)


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
        await events.record(session, ref, EventKind.LABELLED, result.replace(",", ", ") or "no post")
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
        await events.record(session, ref, EventKind.PRODUCED, counted(rows, "author"))
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
    task = await task_search.find(session, ref)
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
    # An earlier release could store units without completing the label job, which counts the authors.
    units = (
        f"(EXISTS (SELECT 1 FROM {quote(ref.schema, 'task_unit')} WHERE task_id = %(task_id)s)"
        " AND uniq_source_author IS NOT NULL)"
    )
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


async def requeue(session: Session, task: Task, seconds: float) -> bool:
    """Start a new generation of a task that has had no heartbeat for this long.

    Returns False if it has one by now, or another reconciler was first.
    """
    changed = await session.execute(
        f"""
        {_BRIEFLY} UPDATE {_table(task.output_schema)} SET generation = generation + 1, heartbeat = UTC_TIMESTAMP(6)
        WHERE task_id = %(task_id)s AND generation = %(generation)s AND stat = %(stat)s
          AND heartbeat < UTC_TIMESTAMP(6) - INTERVAL %(seconds)s SECOND
        """,
        {"task_id": task.task_id, "generation": task.generation, "stat": task.stat, "seconds": seconds},
    )
    if changed:
        await events.record(session, task.ref, EventKind.REQUEUED, "no worker was working on it")
    return changed == 1


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
