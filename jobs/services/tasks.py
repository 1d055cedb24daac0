"""The services, each one typed async function, used alike by the console and by the command line.

What they return is typed; what goes wrong is raised as an AudienceError with its code (spec 2).
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from uuid import uuid1

from arq.connections import ArqRedis

from jobs.deployment import Site
from jobs.errors import (
    AudienceError,
    CannotStart,
    Conflict,
    DatabaseError,
    EmptyResult,
    InvalidValue,
    OutputUnreachable,
    ResultUnreadable,
    StateUnreadable,
    UnknownTask,
    UnreadablePatterns,
)
from jobs.model import definition as definitions
from jobs.model.definition import Definition
from jobs.model.sources import read_sources
from jobs.model.task import Task, TaskRequest, Window, check_task_id, whole_number
from jobs.model.windows import key_windows, plan_windows, window_count
from jobs.queue import client as queue
from jobs.queue.client import REDIS_ERRORS, open_redis
from jobs.storage import production as production_table
from jobs.storage import state
from jobs.storage import windows as window_table
from jobs.storage.connection import Session, connect
from jobs.storage.input_table import Extent, by_key, cut_by_key, describe, extent
from jobs.storage.production import production_table as table_of
from jobs.storage.schema import existing_columns
from jobs.storage.task_tables import ensure_own_tables
from patterns.files import PatternFileError, read_pattern_set
from patterns.matcher import PatternsTooLarge, build_matcher
from patterns.pattern_set import PatternSet

MAX_ROWS = 100_000
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Plan:
    """What a task would be: all that create_task finds out before it writes anything."""

    definition: Definition
    extent: Extent
    windows: int
    """How many the range would be cut into, about."""

    @property
    def results(self) -> list[str]:
        """Every result that rows may go to, in the order of their names."""
        sources = self.definition.sources
        return sorted({*sources.results.values(), sources.default})


async def plan_task(site: Site, request: TaskRequest) -> Plan:
    """The plan of a task; milliseconds, and nothing is written. Raises CannotStart, UnreadablePatterns."""
    patterns, sources = await asyncio.gather(
        asyncio.to_thread(_read_patterns, site, request), asyncio.to_thread(read_sources, site.settings.sources_file)
    )
    async with _input(site) as session:
        schema, table = request.target_schema, request.target_table
        input_table = await describe(session, schema, table, request.predict_type)
        found = await extent(session, schema, table, request.start_time, request.end_time)
    rows = found.table_rows if by_key(input_table, found) else found.estimated_rows
    divisible = found.indexed or input_table.key is not None
    count = window_count(rows, site.settings.window_rows) if divisible else 1
    return Plan(Definition(patterns, sources, input_table), found, count)


async def create_task(site: Site, request: TaskRequest) -> str:
    """Freezes what the task needs, plans its windows, and has it run; the new task's id.

    Raises CannotStart, UnreadablePatterns, OutputUnreachable, ReadOnly. Where it raises before the task is
    in the state table, nothing has been written; else the task stands there as FAILURE.
    """
    site.refuse_if_read_only()
    async with open_redis(site.settings) as redis:
        await _on_redis(redis.ping())
        plan = await plan_task(site, request)
        windows = await _cut(site, request, plan)
        task_id = uuid1().hex
        schema = request.output_schema
        async with _output(site, OutputUnreachable, "Cannot connect to output schema") as session:
            await ensure_own_tables(session, schema)
            await _refuse_foreign_tables(session, request, plan.results)
            async with session.transaction():
                await definitions.insert(session, schema, task_id, plan.definition)
                await window_table.insert(session, schema, task_id, windows)
                await state.insert(
                    session,
                    task_id,
                    request,
                    pattern_hash=plan.definition.patterns.hash,
                    windows=len(windows),
                )
            task = await state.find(session, schema, task_id)
            assert task is not None
            await _enqueue(redis, session, schema, task)
    return task_id


async def task_list(site: Site, limit: int = 100, schema: str | None = None) -> list[Task]:
    """The newest tasks of an output schema, newest first. Raises StateUnreadable."""
    schema = schema or site.settings.output_schema
    _check_limit(limit)
    if not schema.isprintable():
        raise InvalidValue(f"output_schema: {schema!r} cannot be the name of a schema")
    async with _output(site, StateUnreadable, "cannot connect to state table") as session:
        if schema not in await state.schemas(session):
            raise StateUnreadable(f"cannot connect to state table: {schema} has none; the first create_task makes it")
        return await state.newest(session, schema, limit)


async def check_status(site: Site, task_id: str) -> Task:
    """How a task stands. Raises UnknownTask, InvalidTaskId, StateUnreadable."""
    async with _output(site, StateUnreadable, "cannot connect to state table") as session:
        return (await _find(site, session, task_id))[1]


async def watch_status(site: Site, task_id: str, seconds: float = 0.5) -> AsyncIterator[Task]:
    """How a task stands, again and again until nothing more will happen to it.

    A server may be away for PATIENCE_SECONDS. Raises what `check_status` does.
    """
    heard = time.monotonic()
    while True:
        try:
            task = await check_status(site, task_id)
        except StateUnreadable:
            if time.monotonic() - heard > PATIENCE_SECONDS:
                raise
            await asyncio.sleep(seconds)
            continue
        heard = time.monotonic()
        yield task
        if task.finished:
            return
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class SampleRow:
    """A row of a production table, in the seed's columns."""

    id: str
    task_id: str
    source_author: str
    panel: str
    create_time: datetime
    field_content: str
    match_content: str


async def sample_result(site: Site, task_id: str, tables: Sequence[str] = (), limit: int = 50) -> list[SampleRow]:
    """A random sample of a task's production rows, over all its tables or those named.

    Raises InvalidTaskId, EmptyResult, ResultUnreadable.
    """
    check_task_id(task_id)
    _check_limit(limit)
    async with _output(site, ResultUnreadable, "Cannot scrape data from result tables") as session:
        try:
            schema, task = await _find(site, session, task_id)
        except UnknownTask as error:
            raise EmptyResult(f"empty result: {error}") from error
        if task.prod_stat != "finish":
            raise EmptyResult(f"empty result: task {task_id} is {task.stat}, its production is not finished")
        lengths = (task.length_prod_table or "").split(",")
        there = {
            table_of(result): whole_number(length) or 0
            for result, length in zip_longest(task.results, lengths[: len(task.results)], fillvalue="0")
        }
        unknown = [table for table in tables if table not in there]
        if unknown:
            known = ", ".join(there) or "none"
            raise EmptyResult(f"empty result: task {task_id} has no table {', '.join(unknown)}; it has: {known}")
        chosen = {table: there[table] for table in (tables or there)}
        rows = await _sample(session, schema, task_id, chosen, limit)
    if not rows:
        raise EmptyResult(f"empty result: task {task_id} has no rows in {', '.join(chosen) or 'any table'}")
    return rows


async def abort(site: Site, task_id: str) -> Task:
    """Stops a task at its check point; its lanes drop what they have in hand within two seconds.

    Raises UnknownTask, InvalidTaskId, Conflict, StateUnreadable, ReadOnly.
    """
    site.refuse_if_read_only()
    async with _output(site, StateUnreadable, "cannot connect to state table") as session:
        schema, task = await _find(site, session, task_id)
        if task.generation is None or not await state.abort(session, schema, task_id):
            raise Conflict(f"task {task_id} is {_standing(task)}; only a task that is not finished can be aborted")
        return (await _find(site, session, task_id))[1]


async def resume(site: Site, task_id: str) -> Task:
    """Has a failed or aborted task go on with the windows that are not done.

    Raises UnknownTask, InvalidTaskId, Conflict, CannotStart, StateUnreadable, ReadOnly.
    """
    site.refuse_if_read_only()
    async with (
        open_redis(site.settings) as redis,
        _output(site, StateUnreadable, "cannot connect to state table") as session,
    ):
        schema, task = await _find(site, session, task_id)
        await _on_redis(redis.ping())
        # Not in one transaction: a lane that has not yet heard of the abort holds its window, and waits
        # for the state row.
        if task.stat in ("FAILURE", "ABORTED"):
            await window_table.forget_attempts(session, schema, task_id)
        if not await state.resume(session, schema, task_id):
            raise Conflict(f"task {task_id} is {_standing(task)}; only a failed or aborted task can be resumed")
        task = (await _find(site, session, task_id))[1]
        await _enqueue(redis, session, schema, task)
        return task


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_ROWS:
        raise InvalidValue(f"limit: expected 1 to {MAX_ROWS:,}, not {limit}")


async def _enqueue(redis: ArqRedis, session: Session, schema: str, task: Task) -> None:
    """Enqueues a task that is PENDING; where that fails, so has the task, and can be resumed."""
    assert task.queue is not None and task.generation is not None
    try:
        await _on_redis(queue.enqueue_lane(redis, task.queue, schema, task.task_id, task.generation))
    except CannotStart as error:
        await state.fail(session, schema, task.task_id, str(error))
        raise CannotStart(f"{error}; mend it, then: audience resume {task.task_id}") from error


def _read_patterns(site: Site, request: TaskRequest) -> PatternSet:
    try:
        patterns = read_pattern_set(site.settings.patterns_dir, request.model_type, request.predict_type)
        build_matcher(patterns)  # what a worker could not build, it must not be given
    except (PatternFileError, PatternsTooLarge) as error:
        raise UnreadablePatterns(
            "Cannot read pattern file, probably unknown file path or file is not exist,"
            f" additional error message: {error}"
        ) from error
    return patterns


async def _refuse_foreign_tables(session: Session, request: TaskRequest, results: Sequence[str]) -> None:
    """Raises OutputUnreachable where a table that rows would go to is there, but none of ours."""
    schema = request.output_schema
    for table in (*results, *map(table_of, results)):
        columns = await existing_columns(session, schema, table)
        missing = [name for name in production_table.COLUMNS if columns and name not in columns]
        if missing:
            raise OutputUnreachable(
                f"Cannot connect to output schema: {schema}.{table} is there, but has no {missing[0]}, so is none of"
                " ours; drop or rename it, or name the result otherwise in the sources file"
            )


async def _cut(site: Site, request: TaskRequest, plan: Plan) -> list[Window]:
    """The task's windows."""
    table, found = plan.definition.input, plan.extent
    start, end = request.start_time, request.end_time
    if plan.windows == 1 or not by_key(table, found):
        return plan_windows(start, end, plan.windows, found.first, found.last)
    async with _input(site) as session:
        return key_windows(start, end, await cut_by_key(session, table, found, plan.windows))


@asynccontextmanager
async def _input(site: Site) -> AsyncIterator[Session]:
    """A session with the input server, whose failures keep a task from being started."""
    try:
        async with connect(site.input) as session:
            yield session
    except DatabaseError as error:
        raise CannotStart(f"failed to start a labeling task, additional error message: {error}") from error


@asynccontextmanager
async def _output(site: Site, kind: type[AudienceError], message: str) -> AsyncIterator[Session]:
    """A session with the output server, whose failures are errors of this kind."""
    try:
        async with site.output_session() as session:
            yield session
    except DatabaseError as error:
        raise kind(f"{message}, additional error message: {error}") from error


async def _find(site: Site, session: Session, task_id: str) -> tuple[str, Task]:
    """The task and its schema: the settings' own, or any other with a state table."""
    check_task_id(task_id)
    own = site.settings.output_schema
    for schema in sorted(await state.schemas(session), key=lambda schema: schema != own):
        with state.passing_over(schema, own):
            task = await state.find(session, schema, task_id)
            if task is not None:
                return schema, task
    raise UnknownTask(f"task id is not exist, plz re-check the task id: {task_id}")


async def _sample(session: Session, schema: str, task_id: str, lengths: dict[str, int], limit: int) -> list[SampleRow]:
    """A uniform sample: each row with a probability that yields somewhat more than enough, then some of those.

    One pass without sorting. It falls short less often than once in 10^15 times, unless rows were
    deleted since production; then all that are left are drawn from.
    """
    total = sum(lengths.values())
    share = (2 * limit + 50) / max(total, 1)
    for probability in (share, 1.0):
        rows = [
            row
            for table in lengths
            for row in await production_table.sample(session, schema, table, task_id, probability)
        ]
        if len(rows) >= min(limit, total):
            break
    return [SampleRow(*row) for row in random.sample(rows, min(limit, len(rows)))]


def _standing(task: Task) -> str:
    return f"{task.stat}, production finished" if task.prod_stat == "finish" else task.stat


async def _on_redis(call: Awaitable[object]) -> None:
    try:
        await call
    except REDIS_ERRORS as error:
        raise CannotStart(f"failed to start a labeling task, additional error message: Redis: {error}") from error
