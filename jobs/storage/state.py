"""The SQL of the state table: how each task stands, for everyone to read (spec 1).

Times that only workers compare (`heartbeat`, `production_due`) are UTC by the database's clock,
so neither a worker's clock nor a change to winter time moves them.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from typing import Any, get_args, get_type_hints

from jobs.errors import DatabaseError
from jobs.model.task import Task, TaskRequest
from jobs.storage.connection import Session, quote

_LONG_AGO = datetime(1970, 1, 1)
_HINTS = get_type_hints(Task)
_TYPES = {field.name: (get_args(_HINTS[field.name]) or (_HINTS[field.name],))[0] for field in fields(Task)}
_RUNNING_MINUTES = "COALESCE(run_time, 0) + TIMESTAMPDIFF(MICROSECOND, started_at, NOW(6)) / 60e6"


async def insert(session: Session, task_id: str, request: TaskRequest, *, pattern_hash: str, windows: int) -> None:
    """A new task, PENDING."""
    await session.execute(
        f"""
        INSERT INTO {_table(request.output_schema)} (
          task_id, stat, model_type, predict_type, date_range, target_table, create_time, result,
          queue, countdown, start_time, end_time, source_table, output_schema, pattern_hash,
          windows, windows_done, generation, heartbeat)
        VALUES (%s, 'PENDING', %s, %s, %s, %s, NOW(), '', %s, %s, %s, %s, %s, %s, %s, %s, 0, 1, UTC_TIMESTAMP(6))
        """,
        (
            task_id,
            request.model_type,
            request.predict_type,
            request.date_range,
            request.target_schema,
            request.queue,
            request.countdown,
            request.start_time,
            request.end_time,
            request.target_table,
            request.output_schema,
            pattern_hash,
            windows,
        ),
    )


async def find(session: Session, schema: str, task_id: str) -> Task | None:
    """The task with this id."""
    tasks = await _select(session, schema, "WHERE task_id = %s", task_id)
    return tasks[0] if tasks else None


async def newest(session: Session, schema: str, limit: int) -> list[Task]:
    """The tasks created last, newest first."""
    return await _select(session, schema, "ORDER BY create_time DESC, task_id DESC LIMIT %s", limit)


_SEEDS = ("task_id", "stat", "prod_stat", "date_range", "target_table", "create_time")
_OURS = ("generation", "heartbeat", "production_due")


async def schemas(session: Session, *, ours: bool = False) -> list[str]:
    """The schemas this account can see that have a state table; with `ours`, no longer one of v2.1."""
    columns = _SEEDS + _OURS if ours else _SEEDS
    rows = await session.rows(
        """
        SELECT table_schema FROM information_schema.columns
        WHERE table_name = 'state' AND column_name IN %s
        GROUP BY table_schema HAVING COUNT(*) = %s ORDER BY table_schema
        """,
        (columns, len(columns)),
    )
    return [row[0] for row in rows]


@contextmanager
def passing_over(schema: str, own: str) -> Iterator[None]:
    """Passes over a state table that cannot be read, unless it is in the own schema: others may be anybody's."""
    try:
        yield
    except DatabaseError as error:
        if error.unreachable or schema == own:
            raise


async def start(session: Session, schema: str, task_id: str) -> None:
    """PENDING to STARTED; nothing where another lane was first."""
    await session.execute(
        f"""
        UPDATE {_table(schema)} SET stat = 'STARTED', started_at = NOW(6), heartbeat = UTC_TIMESTAMP(6)
        WHERE task_id = %s AND stat = 'PENDING'
        """,
        (task_id,),
    )


async def beat(session: Session, schema: str, task_id: str, peak_memory: float) -> str | None:
    """Says that the task is being worked on, brings its progress up to date, and returns its stat.

    `peak_memory` is this worker's, in MB. None: there is no such task.
    """
    await session.execute(
        f"""
        UPDATE {_table(schema)} SET
          heartbeat = UTC_TIMESTAMP(6),
          peak_memory = GREATEST(COALESCE(peak_memory, 0), %s),
          {_progress(schema)}
        WHERE task_id = %s AND stat IN ('PENDING', 'STARTED', 'SUCCESS')
        """,
        (round(peak_memory, 2), task_id, task_id, task_id, task_id),
    )
    return await stat(session, schema, task_id)


async def stat(session: Session, schema: str, task_id: str) -> str | None:
    """The task's stat, None for an unknown id."""
    row = await session.row(f"SELECT stat FROM {_table(schema)} WHERE task_id = %s", (task_id,))
    return row[0] if row else None


async def hold(session: Session, schema: str, task_id: str) -> str | None:
    """The task's stat, which then cannot change until the transaction ends."""
    row = await session.row(f"SELECT stat FROM {_table(schema)} WHERE task_id = %s LOCK IN SHARE MODE", (task_id,))
    return row[0] if row else None


async def join(session: Session, schema: str, task_id: str, *, results: str, uniq_source_author: str) -> bool:
    """STARTED to SUCCESS where every window is done; whether it was this call that did it.

    Two last lanes may both try: the condition and the row's lock let one succeed.
    """
    changed = await session.execute(
        f"""
        UPDATE {_table(schema)} SET
          stat = 'SUCCESS', heartbeat = UTC_TIMESTAMP(6), run_time = {_RUNNING_MINUTES},
          production_due = UTC_TIMESTAMP(6) + INTERVAL countdown SECOND,
          result = %s, uniq_source_author = %s, error = NULL, check_point = NULL,
          {_progress(schema)}
        WHERE task_id = %s AND stat = 'STARTED'
          AND windows = (SELECT COUNT(*) FROM {quote(schema, "task_window")} WHERE task_id = %s AND done)
        """,
        (results, uniq_source_author, task_id, task_id, task_id, task_id, task_id),
    )
    return changed == 1


async def production_due_in(session: Session, schema: str, task_id: str) -> float | None:
    """Seconds until the task's production may run, 0 or less when it may.

    None where it is not to run: the label job has not succeeded, or production is finished.
    """
    row = await session.row(
        f"""
        SELECT TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), production_due) / 1e6 FROM {_table(schema)}
        WHERE task_id = %s AND stat = 'SUCCESS' AND prod_stat IS NULL AND production_due IS NOT NULL
        """,
        (task_id,),
    )
    return None if row is None else float(row[0])


async def finish(session: Session, schema: str, task_id: str, *, length_prod_table: str, rate_of_label: str) -> bool:
    """The production is done; False where the task was aborted meanwhile."""
    changed = await session.execute(
        f"""
        UPDATE {_table(schema)} SET prod_stat = 'finish', length_prod_table = %s, rate_of_label = %s,
          heartbeat = UTC_TIMESTAMP(6)
        WHERE task_id = %s AND stat = 'SUCCESS' AND prod_stat IS NULL
        """,
        (length_prod_table, rate_of_label, task_id),
    )
    return changed == 1


async def fail(session: Session, schema: str, task_id: str, error: str) -> bool:
    """The task ends in FAILURE with this error and its check point; False where it had ended already."""
    return await _stop(session, schema, task_id, "FAILURE", error)


async def abort(session: Session, schema: str, task_id: str) -> bool:
    """The task ends in ABORTED with its check point; False where it had ended already."""
    return await _stop(session, schema, task_id, "ABORTED", None)


async def _stop(session: Session, schema: str, task_id: str, stat: str, error: str | None) -> bool:
    # The order of the assignments matters: MariaDB makes them from left to right, and run_time
    # must see the stat of before.
    changed = await session.execute(
        f"""
        UPDATE {_table(schema)} SET
          run_time = IF(stat = 'STARTED', {_RUNNING_MINUTES}, run_time),
          stat = %s, error = %s, production_due = NULL,
          check_point = (SELECT MIN(start_time) FROM {quote(schema, "task_window")} WHERE task_id = %s AND NOT done),
          {_progress(schema)}
        WHERE task_id = %s AND (stat IN ('PENDING', 'STARTED') OR stat = 'SUCCESS' AND prod_stat IS NULL)
        """,
        (stat, error, task_id, task_id, task_id, task_id, task_id),
    )
    return changed == 1


async def resume(session: Session, schema: str, task_id: str) -> bool:
    """FAILURE or ABORTED to PENDING, under a new generation of lanes; False from any other stat."""
    changed = await session.execute(
        f"""
        UPDATE {_table(schema)} SET stat = 'PENDING', error = NULL, check_point = NULL,
          generation = generation + 1, heartbeat = UTC_TIMESTAMP(6)
        WHERE task_id = %s AND stat IN ('FAILURE', 'ABORTED') AND generation IS NOT NULL
        """,
        (task_id,),
    )
    return changed == 1


async def neglected(session: Session, schema: str, seconds: float) -> list[Task]:
    """The tasks that should be worked on, or produced, and that nobody has for this long."""
    return await _select(
        session,
        schema,
        """
        WHERE heartbeat < UTC_TIMESTAMP(6) - INTERVAL %s SECOND
          AND (stat IN ('PENDING', 'STARTED')
               OR stat = 'SUCCESS' AND prod_stat IS NULL AND production_due < UTC_TIMESTAMP(6) - INTERVAL %s SECOND)
        """,
        seconds,
        seconds,
    )


async def adopt(session: Session, schema: str, task: Task) -> bool:
    """Starts a new generation of a neglected task; False where another reconciler was first."""
    changed = await session.execute(
        f"""
        UPDATE {_table(schema)} SET generation = generation + 1, heartbeat = UTC_TIMESTAMP(6)
        WHERE task_id = %s AND generation = %s AND stat = %s
        """,
        (task.task_id, task.generation, task.stat),
    )
    return changed == 1


async def silence(session: Session, schema: str, task_id: str) -> float | None:
    """Seconds since the task's last heartbeat."""
    row = await session.row(
        f"""
        SELECT TIMESTAMPDIFF(MICROSECOND, heartbeat, UTC_TIMESTAMP(6)) / 1e6 FROM {_table(schema)}
        WHERE task_id = %s
        """,
        (task_id,),
    )
    return None if row is None or row[0] is None else float(row[0])


async def finished_of(session: Session, schema: str, task_ids: Collection[str]) -> list[str]:
    """Those of the tasks that nothing more will happen to."""
    if not task_ids:
        return []
    rows = await session.rows(
        f"""
        SELECT task_id FROM {_table(schema)}
        WHERE task_id IN %s AND (stat IN ('FAILURE', 'ABORTED') OR prod_stat = 'finish')
        """,
        (tuple(task_ids),),
    )
    return [row[0] for row in rows]


async def _select(session: Session, schema: str, condition: str, *arguments: object) -> list[Task]:
    # Every column, because a table of v2.1 that no create_task has migrated yet lacks ours.
    records = await session.records(f"SELECT * FROM {_table(schema)} {condition}", arguments)
    return [_task(schema, record) for record in records]


def _task(schema: str, record: dict[str, Any]) -> Task:
    values: dict[str, Any] = dict.fromkeys(_TYPES) | {"output_schema": schema}
    for name, value in record.items():
        if name in values and value is not None:
            values[name] = _of_type(_TYPES[name], value)
    # v2.1 let them be NULL.
    for name in ("task_id", "stat", "model_type", "predict_type", "date_range", "target_table"):
        values[name] = values[name] or ""
    values["create_time"] = values["create_time"] or _LONG_AGO
    return Task(**values)


def _of_type(kind: type[Any], value: object) -> Any:
    """The value as a Task has it; None where it cannot be one: a table of that name may be anybody's."""
    if isinstance(value, kind):
        return value
    if kind is str:  # in v2.1 some were numbers
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    if kind is datetime:  # a time that Python's calendar does not have comes as a text
        return None
    try:
        return kind(value)
    except (ValueError, TypeError, OverflowError):
        return None


def _table(schema: str) -> str:
    return quote(schema, "state")


def _progress(schema: str) -> str:
    """The assignments that bring a task's progress up to date; they take its id three times."""
    windows, results = quote(schema, "task_window"), quote(schema, "task_result")
    return f"""
          windows_done = (SELECT COUNT(*) FROM {windows} WHERE task_id = %s AND done),
          length_receive_table = (SELECT COALESCE(SUM(received), 0) FROM {windows} WHERE task_id = %s),
          length_output_table = (SELECT COALESCE(SUM(labelled), 0) FROM {results} WHERE task_id = %s)"""
