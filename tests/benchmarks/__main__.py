"""The benchmark: how fast label and production are, compared with the floor that the database sets.

docs/benchmark.md has the results. ROWS sets the number of posts, BENCH_JSON a file for the figures, PROCESSES
the numbers of worker processes to try (at least 1 and 2). PROFILE=1 adds the profile of a lane. Nothing is
asserted about time.
"""

import asyncio
import cProfile
import json
import os
import pstats
import shutil
import sys
import tempfile
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from console.demo import posts
from console.demo.servers import private_servers
from jobs.model.task import TaskRef
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from tests.benchmarks.deployment import OUTPUT_SCHEMA, BenchDeployment, Run
from tests.benchmarks.patterns import KEYWORDS, RULES, write_patterns

ROWS = 2_376_186
QUARTER = "quarter"
PROCESSES = "1,2,3,4"

# As on a dedicated server, where the posts fit into memory.
_SERVER_OPTIONS = ("--innodb-buffer-pool-size=3G", "--innodb-log-file-size=1G")

console = Console(width=110)


def main() -> None:
    rows = int(os.environ.get("ROWS", ROWS))
    if shutil.which("mariadb") is None:
        sys.exit("the client program mariadb is missing; on Debian: apt-get install mariadb-client-core")
    with tempfile.TemporaryDirectory(prefix="audience-bench-") as name:
        folder = Path(name)
        write_patterns(folder / "patterns")
        with private_servers(folder / "servers", *_SERVER_OPTIONS) as servers:
            deployment = BenchDeployment(servers, folder, folder / "patterns")
            console.print(f"generating {rows:,} posts")
            with servers.connect() as connection:
                posts.fill(connection, rows, lambda _: None)
            deployment.copy_first_quarter(QUARTER)
            figures = measure(deployment, rows)
            if os.environ.get("PROFILE"):
                profile(deployment)
    path = os.environ.get("BENCH_JSON")
    if path:
        Path(path).write_text(json.dumps(figures, indent=2) + "\n")


def measure(deployment: BenchDeployment, rows: int) -> dict[str, float]:
    """Measure one thing after the other, print each, and return all figures."""
    floor_s = min(deployment.floor() for _ in range(2))  # the first fills the server's cache
    console.print(
        f"\nfloor: {floor_s:.2f} s, {rows / floor_s:,.0f} rows/s (mariadb --quick through the index on post_time)\n"
    )
    table = Table("author_name", *_HEADS, box=box.SIMPLE_HEAD)
    runs: dict[int, Run] = {}
    for processes in map(int, os.environ.get("PROCESSES", PROCESSES).split(",")):
        runs[processes] = one_task(deployment, processes)
        table.add_row(f"{processes} process" + "es" * (processes > 1), *_cells(runs[processes], floor_s))
    quarter = one_task(deployment, 2, target_table=QUARTER)
    table.add_row("2, the first quarter", *_cells(quarter, floor_s / 4))
    console.print(table)

    table = Table("content", *_HEADS, box=box.SIMPLE_HEAD)
    keywords = one_task(deployment, 2, predict_type="content")
    table.add_row(f"2, {KEYWORDS:,} keywords", *_cells(keywords, floor_s))
    rules = one_task(deployment, 2, predict_type="content", model_type="rule_model")
    table.add_row(f"2, {RULES} rules", *_cells(rules, floor_s))
    console.print(table)

    with deployment.workers(2):
        small_s = asyncio.run(deployment.small_behind_large(rows))
    console.print(f"a task of 1,000 rows behind one of {rows:,}: done {small_s:.2f} s after it was created\n")

    two = runs[2]
    return {
        "rows": rows,
        "floor_s": floor_s,
        **{f"label_s_{processes}": run.label_s for processes, run in runs.items()},
        **{f"rows_s_{processes}": run.rows / run.total_s for processes, run in runs.items()},
        "production_s": two.production_s,
        "ratio_to_floor_1": runs[1].total_s / floor_s,
        "ratio_to_floor_2": two.total_s / floor_s,
        "production_share": two.production_s / two.label_s,
        "worker_peak_mb": max(run.worker_peak_mb for run in runs.values()),
        "workers_cpu_s": two.workers_cpu_s,
        "server_cpu_s": two.server_cpu_s,
        "growth_4x_time": two.total_s / quarter.total_s,
        "growth_4x_memory": two.worker_peak_mb / quarter.worker_peak_mb,
        "content_keyword_rows_s": keywords.rows / keywords.total_s,
        "content_keyword_peak_mb": keywords.worker_peak_mb,
        "content_rules_rows_s": rules.rows / rules.total_s,
        "content_rules_peak_mb": rules.worker_peak_mb,
        "small_task_behind_large_s": small_s,
    }


def one_task(deployment: BenchDeployment, processes: int, **values: object) -> Run:
    """Run one task with workers and an output schema of its own."""
    deployment.servers.execute(f"DROP DATABASE IF EXISTS {OUTPUT_SCHEMA}")
    with deployment.workers(processes) as workers:
        return asyncio.run(deployment.run(workers, **values))


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


def profile(deployment: BenchDeployment) -> None:
    """Print where the time of a lane goes that labels the quarter table alone, in this process."""

    async def lane() -> None:
        task_id = await deployment.create(target_table=QUARTER)
        profiler = cProfile.Profile()
        profiler.enable()
        await LabelLane(WorkerContext(deployment), TaskRef(OUTPUT_SCHEMA, task_id)).run()
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)

    asyncio.run(lane())


if __name__ == "__main__":
    main()
