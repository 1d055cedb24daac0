"""Creating a task: its plan, its definition, its windows."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid1

from jobs.deployment import Deployment
from jobs.errors import LOCK_WAIT_TIMEOUT, DatabaseError, OutputUnreachable
from jobs.model.definition import Definition
from jobs.model.input_table import RangeEstimate
from jobs.model.sources import production_table, read_sources
from jobs.model.task import TaskRef
from jobs.model.task_request import TaskRequest
from jobs.model.windows import Window, key_windows, quantiles, time_windows, window_count
from jobs.queue.client import open_redis
from jobs.services.connections import input_session, operator, output_session
from jobs.services.patterns import load_patterns
from jobs.services.queueing import call_redis, enqueue_task
from jobs.storage import definitions, production, state, task_search, windows
from jobs.storage.connection import Session
from jobs.storage.cutting import cut_keys, estimate_range
from jobs.storage.input_table import describe_input
from jobs.storage.labels import label_tables, production_tables
from jobs.storage.schema import columns_of, ensure_tables, require_transactions
from jobs.storage.server import read_identity
from jobs.storage.task_tables import ensure_task_tables

CANNOT_CONNECT = "cannot connect to output schema"


@dataclass(frozen=True)
class Plan:
    """What a task would do: everything that create_task finds out before it writes."""

    definition: Definition
    estimate: RangeEstimate
    windows: int
    """The approximate number of windows."""
    input_server_id: str
    """What the input server calls itself."""
    warnings: tuple[str, ...]
    """What to know before the task is created."""

    @property
    def results(self) -> list[str]:
        """Every result that rows may go to, sorted by name."""
        return self.definition.sources.names


@dataclass(frozen=True)
class PreparedTask:
    """A task that is ready to be inserted."""

    ref: TaskRef
    request: TaskRequest
    plan: Plan
    windows: Sequence[Window]
    origin: state.Origin


async def plan_task(deployment: Deployment, request: TaskRequest) -> Plan:
    """Plan a task, without writing anything. Raises CannotStart, UnreadablePatterns.

    Takes milliseconds, and up to 0.2 s more for a rule_model, whose rules are probed.
    """
    settings = deployment.settings
    warnings: tuple[str, ...] = ()
    patterns, sources = await asyncio.gather(
        asyncio.to_thread(load_patterns, settings.patterns_dir, request.model_type, request.predict_type),
        asyncio.to_thread(read_sources, settings.sources_file),
    )
    if request.model_type == "rule_model":
        # No keyword is slow, and no keyword task waits for this import.
        from jobs.services.matchers import pattern_warnings

        warnings = await asyncio.to_thread(pattern_warnings, patterns)
    async with input_session(deployment) as session:
        table = await describe_input(session, request.target_schema, request.target_table, request.predict_type)
        estimate = await estimate_range(session, table, request.start_time, request.end_time, settings.window_rows)
        input_server_id = await read_identity(session)
    rows = estimate.table_rows if estimate.favours_scan(table) else estimate.rows
    divisible = table.time_index is not None or table.key is not None
    count = window_count(rows, settings.window_rows) if divisible else 1
    return Plan(Definition(patterns, sources, table), estimate, count, input_server_id, warnings)


async def create_task(
    deployment: Deployment,
    request: TaskRequest,
    warn: Callable[[str], object] = lambda _: None,
    begin: Callable[[str], object] = lambda _: None,
) -> str:
    """Create a task, queue it, and return its id.

    Calls `warn` with each warning of its plan, and `begin` with its id before it is inserted.

    Raises CannotStart, UnreadablePatterns, OutputUnreachable, ReadOnly. If it raises before the task is
    in the state table, nothing has been written. If it raises later, the task is there as FAILURE.
    """
    deployment.require_writable()
    async with open_redis(deployment.settings) as redis:
        await call_redis(redis.ping())
        prepared = await prepare_task(deployment, request, warn)
        async with output_session(deployment, OutputUnreachable, CANNOT_CONNECT) as session:
            await prepare_tables(session, prepared)
            begin(prepared.ref.task_id)
            async with session.transaction():
                await insert_task(session, prepared)
            task = await task_search.find(session, prepared.ref)
            assert task is not None
            await enqueue_task(deployment, redis, session, task)
    return prepared.ref.task_id


async def prepare_task(
    deployment: Deployment,
    request: TaskRequest,
    warn: Callable[[str], object] = lambda _: None,
    schedule: str | None = None,
) -> PreparedTask:
    """Plan a task and cut its windows, without writing anything. `schedule` is the name of the one that creates it.

    Raises CannotStart, UnreadablePatterns.
    """
    plan = await plan_task(deployment, request)
    for warning in plan.warnings:
        warn(warning)
    cut = await _cut_windows(deployment, request, plan)
    origin = state.Origin(deployment.settings.deployment, deployment.input.address, plan.input_server_id, schedule)
    return PreparedTask(TaskRef(request.output_schema, uuid1().hex), request, plan, cut, origin)


async def insert_task(session: Session, task: PreparedTask) -> None:
    """Insert a task whose tables are prepared. To be called in a transaction: a task is there as a whole or not."""
    await definitions.insert(session, task.ref, task.plan.definition)
    await windows.insert(session, task.ref, task.windows)
    await state.insert(
        session,
        task.ref,
        task.request,
        pattern_hash=task.plan.definition.patterns.hash,
        windows=max(len(task.windows), task.plan.windows) if task.windows[-1].uncut else len(task.windows),
        origin=task.origin,
        by=f"schedule {task.origin.schedule}" if task.origin.schedule else operator(),
    )


async def prepare_tables(session: Session, task: PreparedTask) -> None:
    """Create and widen every table that the task may write to. Raises OutputUnreachable, DatabaseError."""
    schema, plan = task.ref.schema, task.plan
    await ensure_task_tables(session, schema)
    await _refuse_foreign_tables(session, schema, plan.results)
    try:
        tables = label_tables(plan.definition, plan.results) + production_tables(plan.definition.input, plan.results)
        await ensure_tables(session, schema, tables)
    except DatabaseError as error:
        if error.code != LOCK_WAIT_TIMEOUT:
            raise
        # Another transaction is using the table. The task is created: its worker waits for that, and says so.


async def _refuse_foreign_tables(session: Session, schema: str, results: Sequence[str]) -> None:
    """Raise OutputUnreachable if a table that rows would go to exists, but cannot be a result table."""
    names = [*results, *map(production_table, results)]
    await require_transactions(session, schema, names)
    for table, columns in (await columns_of(session, schema, names)).items():
        missing = [name for name in production.COLUMNS if columns and name not in columns]
        if missing:
            raise OutputUnreachable(
                f"cannot write to output schema: {schema}.{table} exists, but has no column {missing[0]}, so it is"
                " not a result table; drop or rename it, or choose another result name in the sources file"
            )


async def _cut_windows(deployment: Deployment, request: TaskRequest, plan: Plan) -> list[Window]:
    table, estimate = plan.definition.input, plan.estimate
    start, end = request.start_time, request.end_time
    if plan.windows == 1 or not estimate.favours_scan(table):
        return time_windows(start, end, quantiles(estimate.pieces, plan.windows))
    async with input_session(deployment) as session:
        cuts = await cut_keys(session, table, estimate, plan.windows)
    return [Window(1, start, end, uncut=True)] if cuts is None else key_windows(start, end, cuts)
