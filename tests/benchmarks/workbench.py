"""What the workbench takes: previews, lint, diff, evaluation, and the counting of hits in label jobs."""

import asyncio
import csv
import random
import time
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from statistics import median
from unittest import mock

from xxhash import xxh3_64_intdigest

from console.demo import posts
from jobs import services
from jobs.model.tally import BUCKETS, AuthorHashes, AuthorTally, unpack_authors
from jobs.model.task import TaskRef
from jobs.model.task_request import TaskRequest
from jobs.settings import Settings
from jobs.storage import windows
from jobs.storage.connection import Session
from jobs.storage.windows import AuthorCounts, ResultRows
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from patterns.pattern_set import ModelType
from tests.benchmarks.deployment import OUTPUT_SCHEMA, BenchDeployment

PREVIEW_ROWS = 20_000
KEYWORDS = 100_000
GOLD_LINES = 1_000_000

_REPEATS = 3
_LANES = 3
_SYLLABLES = [first + vowel for first in "bcdfghjklmnprstvwyz" for vowel in "aeiou"]
_HAN = [chr(0x4E00 + number) for number in range(2_000)]


def preview_s(deployment: BenchDeployment, model_type: ModelType, **values: object) -> tuple[float, int]:
    """Return the seconds of a preview of the project's own patterns, and its rows. The median of several."""
    shipped = BenchDeployment(deployment.servers, deployment.folder, Settings.model_fields["patterns_dir"].default)
    values |= {"model_type": model_type, "start_time": posts.START, "end_time": posts.END}
    request = TaskRequest.from_values(shipped.settings, values)

    async def preview(seed: int) -> tuple[float, int]:
        started = time.monotonic()
        async for found in services.preview_task(shipped, request, PREVIEW_ROWS, seed):
            rows = found.rows
        return time.monotonic() - started, rows

    runs = [asyncio.run(preview(seed)) for seed in range(_REPEATS)]
    return median(seconds for seconds, _ in runs), runs[-1][1]


def lint_s(folder: Path, keywords: int) -> tuple[float, int]:
    """Return the seconds that lint takes for this many keywords of two labels, and its warnings."""
    patterns = folder / "lint-patterns"
    rng = random.Random(1)
    for label in ("female", "male"):
        file = patterns / "keyword_model" / label / "author_name.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(_keyword(rng) for _ in range(keywords // 2)), encoding="utf-8")
    started = time.monotonic()
    findings = services.lint_patterns(patterns)
    return time.monotonic() - started, len(findings)


def _keyword(rng: random.Random) -> str:
    parts, most = rng.choice(((_SYLLABLES, 6), (_HAN, 4)))
    match_type = rng.choice(("partially", "exactly", "start", "end"))
    return f"{''.join(rng.choices(parts, k=rng.randint(2, most)))}\t{match_type}\n"


def evaluate_s(deployment: BenchDeployment, lines: int) -> float:
    """Return the seconds that an evaluation takes by a gold file of this many author names, and files for the wrong."""
    file = deployment.folder / "gold.csv"
    rng = random.Random(1)
    authors = (post[3] for post in posts.make_posts(posts.ROWS_PER_AUTHOR * lines))
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(("text", "label"))
        writer.writerows((author, rng.choice(("female", "male", ""))) for author in islice(authors, lines))
    errors = deployment.folder / "wrong.csv"
    started = time.monotonic()
    found = services.evaluate_gold(
        deployment.settings.patterns_dir, file, "keyword_model", "author_name", errors=errors
    )
    seconds = time.monotonic() - started
    assert found.evaluation.lines + found.bad_count == lines
    for path in (file, errors):
        path.unlink()
    return seconds


def diff_s(deployment: BenchDeployment) -> tuple[float, int, int]:
    """Return the seconds of a diff of two tasks over all contents, and the production rows of each.

    The patterns of the second lack every tenth line of the first.
    """
    fewer = deployment.folder / "fewer-patterns"
    for file in deployment.settings.patterns_dir.rglob("*.txt"):
        copy = fewer / file.relative_to(deployment.settings.patterns_dir)
        copy.parent.mkdir(parents=True, exist_ok=True)
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        copy.write_text("".join(line for number, line in enumerate(lines) if number % 10), encoding="utf-8")
    other = BenchDeployment(deployment.servers, deployment.folder, fewer)
    deployment.servers.execute(f"DROP DATABASE IF EXISTS {OUTPUT_SCHEMA}")
    with deployment.workers(2) as workers:
        before, after = [asyncio.run(one.run(workers, predict_type="content")).task for one in (deployment, other)]
    taken = []
    for _ in range(_REPEATS):
        started = time.monotonic()
        asyncio.run(services.diff_tasks(deployment, before.task_id, after.task_id))
        taken.append(time.monotonic() - started)
    produced = [sum(figures.produced or 0 for figures in task.result_figures) for task in (before, after)]
    return median(taken), produced[0], produced[1]


def hits_cost_percent(deployment: BenchDeployment) -> float:
    """Return how many per cent of the CPU time of a label lane over all posts the counting of hits takes.

    The CPU time of a lane varies by more than that, so lanes with and without hits would tell nothing. What a lane
    does for the hits is done with them and without them, on the same rows, and the difference is added up.
    """
    deployment.servers.execute(f"DROP DATABASE IF EXISTS {OUTPUT_SCHEMA}")
    lanes = [asyncio.run(_lane_cpu_s(deployment, LabelLane)) for _ in range(_LANES)]
    costs = []
    for _ in range(_LANES):
        _MeasuredTally.spent = 0.0
        with mock.patch("jobs.worker.label.new_tally", _MeasuredTally):
            asyncio.run(_lane_cpu_s(deployment, _MeasuredLane))
        costs.append(_MeasuredTally.spent)
    return 100 * median(costs) / median(lanes)


async def _lane_cpu_s(deployment: BenchDeployment, kind: type[LabelLane]) -> float:
    # In a queue without workers, because the lane runs in this process.
    task_id = await deployment.create(queue="in-process")
    started = time.process_time()
    await kind(WorkerContext(deployment), TaskRef(OUTPUT_SCHEMA, task_id)).run()
    return time.process_time() - started


class _MeasuredTally(AuthorTally):
    """A tally that adds up by how much longer it takes because of the hits."""

    spent = 0.0

    def hits(self) -> dict[str, Counter[int]]:
        """See WindowTally. Without hits, the labelled rows of each result would be counted."""

        def without_hits() -> object:
            return {source: sum(vote.count for vote in votes) for source, votes in self._votes_of.items()}

        _MeasuredTally.spent += _least_cpu_s(super().hits) - _least_cpu_s(without_hits)
        return super().hits()

    def author_hashes(self) -> dict[tuple[str, int], AuthorHashes]:
        """See WindowTally. Without hits, there would be the hashes of all authors, without patterns."""

        def without_hits() -> object:
            packed: dict[tuple[str, int], bytes] = {}
            for result, sources in self._sources_by_result([*self._votes_of, *self._hashes]).items():
                buckets = [array("Q") for _ in range(BUCKETS)]
                for source in sources:
                    labelled = (xxh3_64_intdigest(vote.who) for vote in self._votes_of.get(source, ()))
                    for hash_ in chain(labelled, self._hashes.get(source, ())):
                        buckets[hash_ % BUCKETS].append(hash_)
                packed |= {(result, number): hashes.tobytes() for number, hashes in enumerate(buckets) if hashes}
            return packed

        self._forget_authors()
        _MeasuredTally.spent += _least_cpu_s(super().author_hashes) - _least_cpu_s(without_hits)
        return super().author_hashes()


class _MeasuredLane(LabelLane):
    """A lane that adds to the same sum."""

    async def _keep_hits(self, session: Session, results: Mapping[str, ResultRows], authors: AuthorCounts) -> None:
        """See LabelLane. The authors have just been counted by pattern; without hits, they would be counted alone."""
        labels = [label.name for label, _ in self.definition.patterns]
        keeping = await _cpu_s(lambda: super(_MeasuredLane, self)._keep_hits(session, results, authors))
        with_hits = await _cpu_s(lambda: windows.count_authors(session, self.ref, labels))
        with mock.patch("jobs.storage.windows.unpack_authors", _unpack_hashes):
            without_hits = await _cpu_s(lambda: windows.count_authors(session, self.ref, labels))
        _MeasuredTally.spent += keeping + with_hits - without_hits


def _unpack_hashes(packed: AuthorHashes) -> tuple[Sequence[int], Sequence[int]]:
    return unpack_authors(AuthorHashes(packed.authors, b""))


def _least_cpu_s(function: Callable[[], object]) -> float:
    taken = []
    for _ in range(3):
        started = time.process_time()
        function()
        taken.append(time.process_time() - started)
    return min(taken)


async def _cpu_s(function: Callable[[], Awaitable[object]]) -> float:
    taken = []
    for _ in range(3):
        started = time.process_time()
        await function()
        taken.append(time.process_time() - started)
    return min(taken)
