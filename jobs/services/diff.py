"""Comparing the production rows of two tasks, author by author."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from jobs.deployment import Deployment
from jobs.errors import Conflict, DatabaseError, ResultUnreadable
from jobs.model.difference import AuthorRow, Change, DifferenceCounter, Kind, PatternChange, ResultDifference
from jobs.model.sources import production_table
from jobs.model.task import Task
from jobs.services.connections import check_limit
from jobs.services.explain import frozen_patterns
from jobs.services.tasks import check_status
from jobs.storage import production
from jobs.storage.stream import stream
from patterns.match import Matcher
from patterns.matcher import build_matcher
from patterns.pattern_set import PatternSet


@dataclass(frozen=True)
class TaskDiff:
    """What became of the authors of one task in another one."""

    before: Task
    after: Task
    results: Mapping[str, ResultDifference]
    """By result, sorted by name: every one that either task has."""
    patterns: Sequence[PatternChange] | None
    """The patterns that made the difference, of the most authors first; None if they are not kept."""
    changes: Sequence[Change]
    """The authors that were asked for, in no particular order."""


async def diff_tasks(
    deployment: Deployment, before_id: str, after_id: str, listed: Collection[Kind] = (), limit: int = 50
) -> TaskDiff:
    """Compare the production rows of two tasks. At most `limit` authors of the kinds `listed` are returned.

    It needs no label rows: what decided about a production row is found by the patterns that its task froze, in the
    text that was matched. Memory does not depend on the number of rows.

    Raises InvalidTaskId, UnknownTask, StateUnreadable, InvalidValue, ResultUnreadable, and Conflict if production is
    not finished.
    """
    check_limit(limit)
    tasks = [await _find_produced(deployment, task_id) for task_id in (before_id, after_id)]
    patterns = await _frozen_patterns(deployment, tasks)
    before, after = await asyncio.to_thread(_matchers, patterns) if patterns else (None, None)
    counter = DifferenceCounter(before, after, listed, limit)
    results = sorted({result for task in tasks for result in task.results})
    try:
        for result in results:
            await _compare(deployment, tasks, result, counter)
    except DatabaseError as error:
        raise ResultUnreadable(f"cannot read the result tables: {error}") from error
    return TaskDiff(
        tasks[0],
        tasks[1],
        {result: counter.difference(result) for result in results},
        counter.pattern_changes(*patterns) if patterns else None,
        counter.changes,
    )


async def _find_produced(deployment: Deployment, task_id: str) -> Task:
    task = await check_status(deployment, task_id)
    if not task.produced:
        raise Conflict(
            f"task {task.task_id} is {task.stat}, its production is not finished; only finished tasks compare"
        )
    return task


async def _frozen_patterns(deployment: Deployment, tasks: Sequence[Task]) -> list[PatternSet] | None:
    try:
        return [await frozen_patterns(deployment, task.task_id) for task in tasks]
    except Conflict:
        return None


def _matchers(patterns: Sequence[PatternSet]) -> list[Matcher]:
    first = build_matcher(patterns[0])
    return [first, first if patterns[0] == patterns[1] else build_matcher(patterns[1])]


async def _compare(deployment: Deployment, tasks: Sequence[Task], result: str, counter: DifferenceCounter) -> None:
    """Count the authors of a result. Those of both tasks arrive in the order of their digests."""
    first, second = (_authors(deployment, task, result) for task in tasks)
    async with aclosing(first), aclosing(second):
        before, after = await anext(first, None), await anext(second, None)
        while before or after:
            if after is None or (before is not None and before[0] < after[0]):
                assert before is not None
                counter.add(result, before[1], ())
                before = await anext(first, None)
            elif before is None or after[0] < before[0]:
                counter.add(result, (), after[1])
                after = await anext(second, None)
            else:
                counter.add(result, before[1], after[1])
                before, after = await anext(first, None), await anext(second, None)


async def _authors(
    deployment: Deployment, task: Task, result: str
) -> AsyncGenerator[tuple[bytes, list[AuthorRow]], None]:
    """Yield the production rows of each author of a task, after a digest of the author, in the order of digests.

    Raises ResultUnreadable if there are not as many rows as production wrote.
    """
    if result not in task.results:
        return
    count, author, rows = 0, b"", list[AuthorRow]()
    async with stream(deployment.output, *production.rows_by_author(task.ref, result)) as batches:
        async for batch in batches:
            count += len(batch)
            for row in batch:
                if row[0] != author:
                    if rows:
                        yield author, rows
                    author, rows = row[0], []
                rows.append(cast("AuthorRow", row[1:]))
    if rows:
        yield author, rows
    written = next(figures.produced for figures in task.result_figures if figures.result == result)
    if written is not None and count != written:
        raise ResultUnreadable(
            f"{task.output_schema}.{production_table(result)} has {count:,} of the {written:,} rows that task"
            f" {task.task_id} produced; without the others there is nothing to compare"
        )
