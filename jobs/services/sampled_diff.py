"""Comparing the patterns that a task froze with the pattern files as they are, over a random sample of its range."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from jobs.deployment import Deployment
from jobs.errors import Conflict
from jobs.model.difference import KINDS, Change, DifferenceCounter, Kind, PatternChange, ResultDifference
from jobs.model.input_table import SEPARATOR
from jobs.model.sampling import Key, ShareEstimator, exact
from jobs.model.task import Task
from jobs.model.task_request import TaskRequest
from jobs.services.connections import check_limit
from jobs.services.explain import frozen_patterns
from jobs.services.matchers import matcher_of
from jobs.services.patterns import check_types, load_patterns
from jobs.services.preview import sample_input, text_of
from jobs.services.tasks import check_status
from patterns.intervals import Share

_ROWS: Key = ("rows",)


@dataclass(frozen=True)
class SampledDiff:
    """What the pattern files as they are would change in a task, estimated from a sample of its rows."""

    task: Task
    rows: int
    """Rows drawn."""
    everything: bool
    """Whether they are all rows of the range, so that shares are exact."""
    shares: Mapping[Kind, Share]
    """The shares of the range's rows that gain, lose or change their label."""
    difference: ResultDifference
    """The rows of the sample, by what became of each."""
    patterns: Sequence[PatternChange]
    """The patterns that made the difference, of the most rows first."""
    changes: Sequence[Change]
    """The rows of the sample that were asked for."""


async def diff_now(
    deployment: Deployment,
    task_id: str,
    rows: int = 20_000,
    listed: Collection[Kind] = (),
    limit: int = 50,
    seed: int | None = None,
    on_progress: Callable[[float], object] | None = None,
) -> SampledDiff:
    """Compare a task's patterns with the files over about this many random rows. Nothing is written.

    At most `limit` rows of the kinds `listed` are returned. `on_progress` learns how much of the sample is done, up to
    1. Raises InvalidTaskId, UnknownTask, StateUnreadable, InvalidValue, CannotStart, UnreadablePatterns, and Conflict
    if the task's range or patterns are not kept.
    """
    check_limit(limit)
    task = await check_status(deployment, task_id)
    frozen = await frozen_patterns(deployment, task.task_id)
    if not task.can_rerun:
        raise Conflict(f"the range of task {task.task_id} is not known")
    types = check_types(task.model_type, task.predict_type)
    current = await asyncio.to_thread(load_patterns, deployment.settings.patterns_dir, *types)
    before, after = [await asyncio.to_thread(matcher_of, patterns) for patterns in (frozen, current)]
    counter = DifferenceCounter(before, after, listed, limit)
    request = TaskRequest.from_values(deployment.settings, TaskRequest.from_task(task))
    estimator, everything = ShareEstimator(), False
    async with aclosing(sample_input(deployment, request, rows, seed)) as batches:
        async for table, batch in batches:
            everything = batch.everything
            for cluster in batch.clusters:
                counts: Counter[Key] = Counter({_ROWS: len(cluster.rows)})
                for row in cluster.rows:
                    source_author = row[0].replace(SEPARATOR, b"_").decode(errors="replace")
                    if changed := counter.add_row(source_author, text_of(table, row)):
                        counts[changed,] += 1
                estimator.add(cluster.chance, counts)
                await asyncio.sleep(0)
            if on_progress is not None:
                on_progress(batch.done)
    drawn = estimator.count(_ROWS)
    return SampledDiff(
        task,
        drawn,
        everything,
        {
            kind: exact(estimator.count((kind,)), drawn) if everything else estimator.share((kind,), _ROWS)
            for kind in KINDS
        },
        counter.difference(""),
        counter.pattern_changes(frozen, current),
        counter.changes,
    )
