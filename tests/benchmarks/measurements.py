"""What the benchmark measures. Each measurement prints a table or a line, and returns its figures."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import chain
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table

from tests.benchmarks import exporting, flow, workbench
from tests.benchmarks.beside import run_beside
from tests.benchmarks.deployment import OUTPUT_SCHEMA, BenchDeployment, Run, part_of_range
from tests.benchmarks.many_tasks import look_at
from tests.benchmarks.patterns import KEYWORDS, RULES
from tests.benchmarks.tables import MANY, QUARTER

_PROCESSES = "1,2,3,4"
_REPEATS = 5
_PAIRS = 6
_ROWS_WITHOUT_NOISE = 100_000
_MANY_TASKS = 200_000

Figures = dict[str, float]


@dataclass
class Bench:
    """The deployment that is measured, and the runs that several measurements compare with."""

    deployment: BenchDeployment
    rows: int
    growth: int
    console: Console
    _runs: dict[int, Run] = field(default_factory=dict)

    @cached_property
    def floor_s(self) -> float:
        """The seconds of a plain read of the posts. The first read fills the server's cache."""
        return min(self.deployment.floor() for _ in range(2))

    def author_names(self, processes: int) -> Run:
        """Return the run over the author names of all posts with this many worker processes."""
        if processes not in self._runs:
            self._runs[processes] = self.one_task(processes)
        return self._runs[processes]

    def one_task(self, processes: int, **values: object) -> Run:
        """Run one task with workers and an output schema of its own."""
        self.drop_output()
        with self.deployment.workers(processes) as workers:
            return asyncio.run(self.deployment.run(workers, **values))

    def several_tasks(self, processes: int, **values: datetime) -> list[Run]:
        """Run a task several times, on workers and in an output schema that have seen it once before."""
        self.drop_output()
        with self.deployment.workers(processes) as workers:
            runs = [asyncio.run(self.deployment.run(workers, **values)) for _ in range(self.repeats + 1)]
        return runs[1:]

    @property
    def small(self) -> bool:
        """Whether the posts are too few for a measurement without noise, as in the test of the benchmark."""
        return self.rows < _ROWS_WITHOUT_NOISE

    @property
    def repeats(self) -> int:
        """How often what takes a moment is measured."""
        return 1 if self.small else _REPEATS

    def drop_output(self) -> None:
        """Remove all that earlier tasks have left."""
        self.deployment.servers.execute(f"DROP DATABASE IF EXISTS {OUTPUT_SCHEMA}")

    def print_runs(self, heading: str, runs: dict[str, Run]) -> None:
        """Print a table with a row for each run."""
        table = Table(heading, *_HEADS, box=box.SIMPLE_HEAD)
        for name, run in runs.items():
            table.add_row(name, *_cells(run, self.floor_s * run.rows / self.rows))
        self.console.print(table)


def floor(bench: Bench) -> Figures:
    """The floor that the database sets."""
    bench.console.print(
        f"\nfloor: {bench.floor_s:.2f} s, {bench.rows / bench.floor_s:,.0f} rows/s"
        " (mariadb --quick through the index on post_time)\n"
    )
    return {"floor_s": bench.floor_s}


def author_names(bench: Bench) -> Figures:
    """All author names, with one worker process and with several."""
    counts = list(map(int, os.environ.get("PROCESSES", _PROCESSES).split(",")))
    runs = {count: bench.author_names(count) for count in counts}
    bench.print_runs("author_name", {f"{count} process" + "es" * (count > 1): run for count, run in runs.items()})
    one, two = runs[1], runs[2]
    return {
        **{f"label_s_{count}": run.label_s for count, run in runs.items()},
        **{f"rows_s_{count}": run.rows / run.total_s for count, run in runs.items()},
        "production_s": two.production_s,
        "ratio_to_floor_1": one.total_s / bench.floor_s,
        "ratio_to_floor_2": two.total_s / bench.floor_s,
        "production_share": two.production_s / two.label_s,
        "worker_peak_mb": max(run.worker_peak_mb for run in runs.values()),
        "workers_cpu_s": two.workers_cpu_s,
        "server_cpu_s": two.server_cpu_s,
    }


def quarter(bench: Bench) -> Figures:
    """Growth from the first quarter of the posts to all."""
    run = bench.one_task(2, target_table=QUARTER)
    bench.print_runs("author_name", {"2, the first quarter": run, "2, all": bench.author_names(2)})
    return _growth("growth_4x", run, bench.author_names(2))


def many(bench: Bench) -> Figures:
    """Growth from all posts to GROWTH times as many."""
    if not bench.growth:
        return {}
    base, run = bench.author_names(2), bench.one_task(2, target_table=MANY)
    bench.print_runs("author_name", {"2, all": base, f"2, {bench.growth} times all": run})
    expected = [bench.growth * figure for figure in _figures(base)]
    if _figures(run) != expected:
        raise RuntimeError(f"{bench.growth} times the posts gave the figures {_figures(run)}, not {expected}")
    return _growth(f"growth_{bench.growth}x", base, run)


def contents(bench: Bench) -> Figures:
    """All contents, by keywords and by regular expressions."""
    keywords = bench.one_task(2, predict_type="content")
    rules = bench.one_task(2, predict_type="content", model_type="rule_model")
    bench.print_runs("content", {f"2, {KEYWORDS:,} keywords": keywords, f"2, {RULES} rules": rules})
    return {
        "content_keyword_rows_s": keywords.rows / keywords.total_s,
        "content_keyword_peak_mb": keywords.worker_peak_mb,
        "content_rules_rows_s": rules.rows / rules.total_s,
        "content_rules_peak_mb": rules.worker_peak_mb,
    }


def behind_large(bench: Bench) -> Figures:
    """A small task behind a large one."""
    with bench.deployment.workers(2):
        seconds = asyncio.run(bench.deployment.small_behind_large(bench.rows))
    bench.console.print(
        f"a task of 1,000 rows behind one of {bench.rows:,}: done {seconds:.2f} s after it was created\n"
    )
    return {"small_task_behind_large_s": seconds}


def small_215k(bench: Bench) -> Figures:
    """A task of about 215,000 rows, 2 processes."""
    return _small(bench, "small_215k_s", 215_000, processes=2)


def small_1k(bench: Bench) -> Figures:
    """A task of about 1,000 rows on one idle worker."""
    return _small(bench, "small_1k_s", 1_000, processes=1)


def create_and_wait(bench: Bench) -> Figures:
    """What the command `audience create --wait` adds to the time from create_task to finish."""
    values = part_of_range(1_000, bench.rows)
    bench.drop_output()
    by_service, by_command = [], []
    with bench.deployment.workers(1) as workers:
        for _ in range(bench.repeats + 1):  # the first of each creates tables, or reads files
            by_service.append(asyncio.run(bench.deployment.run(workers, **values)).total_s)
            by_command.append(bench.deployment.create_and_wait(**values))
    service_s, command_s = median(by_service[1:]), median(by_command[1:])
    bench.console.print(
        f"audience create --wait, a task of 1,000 rows: {command_s:.2f} s, of which the task {service_s:.2f} s\n"
    )
    return {"create_wait_extra_s": command_s - service_s}


def wide_texts(bench: Bench) -> Figures:
    """The memory of a worker over contents of 1 MB."""
    texts = min(flow.WIDE_TEXTS, bench.rows // 400)
    peak = flow.wide_texts_mb(bench.deployment, texts)
    bench.console.print(f"{texts:,} contents of 1 MB: {peak:.0f} MB a worker\n")
    return {"wide_texts_mb": peak}


def export(bench: Bench) -> Figures:
    """`audience export` of 5 million production rows to CSV, compared with the table."""
    rows = min(exporting.EXPORT_ROWS, 5 * bench.rows)
    bench.drop_output()
    task_id = asyncio.run(exporting.produce(bench.deployment, rows, bench.rows))
    path = bench.deployment.folder / "export.csv"
    try:
        run = exporting.run_export(bench.deployment, task_id, path)
        exporting.check_equal(bench.deployment, task_id, path)
    finally:
        path.unlink(missing_ok=True)
    bench.console.print(
        f"audience export of {run.rows:,} rows to CSV, equal to the table: {run.seconds:.1f} s,"
        f" {run.rows / run.seconds:,.0f} rows/s, {run.peak_mb:.0f} MB\n"
    )
    return {"export_rows_per_second": run.rows / run.seconds, "export_mb": run.peak_mb}


def slow_rules(bench: Bench) -> Figures:
    """How long slow rules hold a worker's event loop."""
    texts = min(flow.SLOW_TEXTS, bench.rows // 100)
    pause = flow.slow_rules_longest_pause_s(bench.deployment, texts)
    bench.console.print(f"1,000 rules with gaps, {texts:,} contents of 2,000 characters: a pause of {pause:.3f} s\n")
    return {"slow_rules_longest_pause_s": pause}


def preview(bench: Bench) -> Figures:
    """Previews of all posts, by the project's own keywords and rules."""
    return _previews(bench, "all posts", "preview_s", "preview_rules_s")


def preview_many(bench: Bench) -> Figures:
    """The same previews of GROWTH times the posts."""
    if not bench.growth:
        return {}
    key = f"preview_{bench.growth}x_s"
    return _previews(bench, f"{bench.growth} times the posts", key, f"preview_rules_{bench.growth}x_s", MANY)


def _previews(bench: Bench, of: str, keywords_key: str, rules_key: str, table: str | None = None) -> Figures:
    keywords_s, rows = workbench.preview_s(bench.deployment, "keyword_model", target_table=table)
    rules_s, _ = workbench.preview_s(bench.deployment, "rule_model", target_table=table)
    bench.console.print(
        f"a preview of {rows:,} rows of {of}: {keywords_s:.2f} s by keywords, {rules_s:.2f} s by rules\n"
    )
    return {keywords_key: keywords_s, rules_key: rules_s}


def lint(bench: Bench) -> Figures:
    """Lint of 100,000 keywords."""
    keywords = min(workbench.KEYWORDS, bench.rows)
    seconds, warnings = workbench.lint_s(bench.deployment.folder, keywords)
    bench.console.print(f"lint of {keywords:,} keywords: {seconds:.2f} s, {warnings:,} warnings\n")
    return {"lint_100k_s": seconds}


def diff(bench: Bench) -> Figures:
    """A diff of two tasks over all posts."""
    seconds, *rows = workbench.diff_s(bench.deployment)
    bench.console.print(f"a diff of two tasks of {rows[0]:,} and {rows[1]:,} production rows: {seconds:.2f} s\n")
    return {"diff_s": seconds}


def evaluate(bench: Bench) -> Figures:
    """An evaluation by a million texts."""
    lines = min(workbench.GOLD_LINES, bench.rows)
    seconds = workbench.evaluate_s(bench.deployment, lines)
    bench.console.print(f"an evaluation by {lines:,} texts, with a file of the wrong ones: {seconds:.2f} s\n")
    return {"evaluate_1m_s": seconds}


def hits_cost(bench: Bench) -> Figures:
    """What counting the hits costs a label job."""
    percent = workbench.hits_cost_percent(bench.deployment)
    bench.console.print(f"counting hits: {percent:.1f} % of the CPU time of a label lane\n")
    return {"hits_cost_percent": percent}


def deletions(bench: Bench) -> Figures:
    """Three tasks alone, and beside a purge and a cleaning of others in the same tables."""
    pairs, deleted_rows = (1, 10_000) if bench.small else (_PAIRS, 500_000)
    bench.drop_output()
    with bench.deployment.workers(2):
        runs = asyncio.run(run_beside(bench.deployment, pairs, deleted_rows))
    seconds = [" ".join(f"{one:.2f}" for one in each) for each in (runs.alone, runs.beside)]
    bench.console.print(
        f"three tasks of {bench.rows:,} rows: {median(runs.alone):.2f} s alone ({seconds[0]}),"
        f" {median(runs.beside):.2f} s beside a purge and a cleaning ({seconds[1]}): {100 * runs.loss:.1f} % of their"
        f" speed; {runs.rows_deleted:,} rows deleted in {len(runs.batches):,} batches, the longest of"
        f" {1000 * runs.longest_batch_s:.0f} ms; waits for row locks: {sum(runs.waits_alone)} ms in all"
        f" runs alone, {sum(runs.waits_beside)} ms beside\n"
    )
    return {
        "beside_deletions_alone_s": median(runs.alone),
        "beside_deletions_s": median(runs.beside),
        "longest_deletion_s": runs.longest_batch_s,
    }


def many_tasks(bench: Bench) -> Figures:
    """How long it takes to look at a state table with 200,000 tasks."""
    tasks = min(_MANY_TASKS, bench.rows)
    bench.drop_output()
    seconds = asyncio.run(look_at(bench.deployment, tasks))
    looks = ", ".join(f"{name} {1000 * one:.0f} ms" for name, one in seconds.items())
    bench.console.print(f"{tasks:,} tasks in the state table: {looks}\n")
    bench.drop_output()
    return {f"many_tasks_{name}_s": one for name, one in seconds.items()}


def _small(bench: Bench, key: str, rows: int, processes: int) -> Figures:
    runs = bench.several_tasks(processes, **part_of_range(rows, bench.rows))
    seconds = sorted(run.total_s for run in runs)
    bench.console.print(
        f"a task of {runs[0].rows:,} rows, {processes} process{'es' * (processes > 1)}: {median(seconds):.2f} s"
        f" from create_task to finish ({seconds[0]:.2f} to {seconds[-1]:.2f}, {runs[0].task.windows} windows)\n"
    )
    return {key: median(seconds)}


def _figures(run: Run) -> list[int]:
    """Return what a task counted: rows read and labelled; distinct authors and production rows of each result."""
    task = run.task
    of_results = [(figures.authors or 0, figures.produced or 0) for figures in task.result_figures]
    return [task.length_receive_table or 0, task.length_output_table or 0, *chain.from_iterable(of_results)]


def _growth(key: str, small: Run, large: Run) -> Figures:
    return {
        f"{key}_time": large.total_s / small.total_s,
        f"{key}_memory": large.worker_peak_mb / small.worker_peak_mb,
    }


_HEADS = ("label s", "prod. s", "rows/s", "of floor", "labelled", "peak MB", "CPU s workers", "server")


def _cells(run: Run, floor_s: float) -> list[str]:
    return [
        f"{run.label_s:.2f}",
        f"{run.production_s:.2f}",
        f"{run.rows / run.total_s:,.0f}",
        f"{run.total_s / floor_s:.2f}",
        f"{100 * (run.task.length_output_table or 0) / max(run.rows, 1):.0f} %",
        f"{run.worker_peak_mb:.0f}",
        f"{run.workers_cpu_s:.1f}",
        f"{run.server_cpu_s:.1f}",
    ]


# What displaces the posts from the server's cache is last.
MEASUREMENTS: dict[str, Callable[[Bench], Figures]] = {
    "the floor": floor,
    "author names": author_names,
    "a quarter of the posts": quarter,
    "contents": contents,
    "a small task behind a large one": behind_large,
    "a small task of 215,000 rows": small_215k,
    "a small task of 1,000 rows": small_1k,
    "create --wait": create_and_wait,
    "preview": preview,
    "lint": lint,
    "diff": diff,
    "evaluate": evaluate,
    "hits": hits_cost,
    "beside deletions": deletions,
    "many tasks": many_tasks,
    "slow rules": slow_rules,
    "export": export,
    "wide texts": wide_texts,
    "many times the posts": many,
    "preview of many times the posts": preview_many,
}
"""Each by its name, which ONLY selects by."""
