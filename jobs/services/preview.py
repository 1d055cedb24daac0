"""Previews: what the pattern files as they are would do, estimated from a random sample of a range."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from jobs.deployment import Deployment
from jobs.errors import InvalidValue
from jobs.model.input_table import SEPARATOR, InputTable
from jobs.model.sampling import Batch, Cluster, Key, SampleRequest, ShareEstimator, exact
from jobs.model.sources import Sources, read_sources
from jobs.model.task_request import TaskRequest
from jobs.services.connections import input_session
from jobs.services.matchers import matcher_of
from jobs.services.patterns import load_patterns
from jobs.storage.cutting import estimate_range
from jobs.storage.input_table import describe_input
from jobs.storage.sampling import sample_rows
from jobs.storage.values import Row
from patterns.hits import HitCounter, PatternHits
from patterns.intervals import Share
from patterns.pattern_set import PatternSet

MAX_SAMPLE = 1_000_000


@dataclass(frozen=True, slots=True)
class ResultShares:
    """The rows of the sample that go to one result."""

    result: str
    rows: int
    labelled: Share
    """The share of the result's rows that get a label."""
    panels: tuple[Share, ...]
    """The shares that get each panel, in the order of `Preview.panels`."""


@dataclass(frozen=True)
class Preview:
    """What the patterns do to the rows drawn so far. Shares are estimates for the whole range."""

    rows: int
    """Rows drawn. A cluster that was drawn twice counts twice."""
    clusters: int
    """Independent draws that they come from."""
    everything: bool
    """Whether they are all rows of the range, so that shares are exact."""
    done: float
    """How much of the sample has been drawn, up to 1."""
    seconds: float
    labelled: Share
    """The share of rows that get a label."""
    panels: dict[str, Share]
    """The share of rows that get each panel, in deciding order."""
    results: tuple[ResultShares, ...]
    """By result, the most rows first; none before the sample is complete."""
    authors: int
    """Different authors in the sample."""
    authors_labelled: Share
    """The share of authors like those met, who write more than others, that get a label in a row of the sample."""
    patterns: tuple[PatternHits, ...]
    """Every pattern with its hits, in deciding order."""
    conflicts: dict[tuple[str, str], int]
    """The rows that several labels hit, by the label that decides and another one."""


async def preview_task(
    deployment: Deployment, request: TaskRequest, rows: int = 20_000, seed: int | None = None
) -> AsyncGenerator[Preview, None]:
    """Yield previews of a task, at least one, from a growing random sample of about this many rows.

    Nothing is written. Closing the iterator stops the sampling. Raises InvalidValue, CannotStart,
    UnreadablePatterns.
    """
    started = time.monotonic()
    settings = deployment.settings
    patterns, sources = await asyncio.gather(
        asyncio.to_thread(load_patterns, settings.patterns_dir, request.model_type, request.predict_type),
        asyncio.to_thread(read_sources, settings.sources_file),
    )
    counts = await asyncio.to_thread(_Counts, patterns, sources, seed)
    async with aclosing(sample_input(deployment, request, rows, seed)) as batches:
        async for table, batch in batches:
            for cluster in batch.clusters:
                counts.add(table, cluster)
                await asyncio.sleep(0)
            # In a thread, because hundreds of labels and results have many shares.
            yield await asyncio.to_thread(counts.preview, batch, time.monotonic() - started)


async def sample_input(
    deployment: Deployment, request: TaskRequest, rows: int, seed: int | None = None
) -> AsyncGenerator[tuple[InputTable, Batch], None]:
    """Yield the batches of a random sample of a task's rows. Raises InvalidValue, CannotStart."""
    if not 1 <= rows <= MAX_SAMPLE:
        raise InvalidValue(f"rows: expected 1 to {MAX_SAMPLE:,}, not {rows}")
    async with input_session(deployment) as session:
        table = await describe_input(session, request.target_schema, request.target_table, request.predict_type)
        window_rows = deployment.settings.window_rows
        estimate = await estimate_range(session, table, request.start_time, request.end_time, window_rows)
        wanted = SampleRequest(table, request.start_time, request.end_time, rows)
        batches = sample_rows(deployment.input, session, wanted, estimate, random.Random(seed))
        async with aclosing(batches):
            async for batch in batches:
                yield table, batch


def text_of(table: InputTable, row: Row) -> str:
    """Return the text of a row that is matched. What stands for half a surrogate pair can be printed."""
    who: bytes = row[0]
    return who[who.index(SEPARATOR) + 1 :].decode(errors="replace") if table.matches_author else str(row[3])


_ROWS, _LABELLED = ("rows",), ("labelled",)


class _Counts:
    """What has been counted of a sample."""

    def __init__(self, patterns: PatternSet, sources: Sources, seed: int | None) -> None:
        self._panels = [f"/{label.name}" for label in patterns.labels]
        self._sources = sources
        self._hits = HitCounter(patterns, seed, matcher_of(patterns))
        self._rows = ShareEstimator()
        self._authors = ShareEstimator()
        self._results: Counter[str] = Counter()
        self._met: dict[bytes, bool] = {}

    def add(self, table: InputTable, cluster: Cluster) -> None:
        """Count the rows of a cluster."""
        counts: Counter[Key] = Counter()
        authors: Counter[Key] = Counter()
        for row in cluster.rows:
            label = self._hits.add(text_of(table, row))
            who: bytes = row[0]
            results = self._sources.results_of(who[: who.index(SEPARATOR)].decode(errors="replace"))
            counts[_ROWS] += 1
            if label is not None:
                counts[_LABELLED] += 1
                counts["panel", f"/{label}"] += 1
            for result in results:
                counts["rows", result] += 1
                self._results[result] += 1
                if label is not None:
                    counts["labelled", result] += 1
                    counts["panel", f"/{label}", result] += 1
            if who not in self._met:
                authors[_ROWS] += 1
                self._met[who] = False
            if label is not None and not self._met[who]:
                authors[_LABELLED] += 1
                self._met[who] = True
        self._rows.add(cluster.chance, counts)
        self._authors.add(1.0, authors)

    def preview(self, batch: Batch, seconds: float) -> Preview:
        """Return what has been counted so far."""

        def share(part: Key, whole: Key, estimator: ShareEstimator = self._rows) -> Share:
            if batch.everything:
                return exact(estimator.count(part), estimator.count(whole))
            return estimator.share(part, whole)

        return Preview(
            rows=self._rows.count(_ROWS),
            clusters=self._rows.clusters,
            everything=batch.everything,
            done=batch.done,
            seconds=seconds,
            labelled=share(_LABELLED, _ROWS),
            panels={panel: share(("panel", panel), _ROWS) for panel in self._panels},
            results=tuple(
                ResultShares(
                    result,
                    rows,
                    share(("labelled", result), ("rows", result)),
                    tuple(share(("panel", panel, result), ("rows", result)) for panel in self._panels),
                )
                for result, rows in (self._results.most_common() if batch.done == 1 else ())
            ),
            authors=len(self._met),
            authors_labelled=share(_LABELLED, _ROWS, self._authors),
            patterns=self._hits.patterns(),
            conflicts=dict(self._hits.conflicts),
        )
