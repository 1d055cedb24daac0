"""The benchmark: how fast label and production are, against the floor that the database sets (see README.md).

It asserts nothing about time. ROWS sets the number of posts, BENCH_JSON a file for the figures, PROCESSES
how many processes are tried (1 and 2 at least); PROFILE=1 adds the profile of a lane.
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
from jobs.worker.context import Workplace
from jobs.worker.label import Lane
from tests.benchmarks.deployment import OUTPUT_SCHEMA, BenchSite, Run
from tests.benchmarks.patterns import KEYWORDS, RULES, write_patterns

ROWS = 2_376_186
QUARTER = "quarter"
PROCESSES = "1,2,3,4"

# As on a server of its own: the posts fit into memory.
_SERVER_OPTIONS = ("--innodb-buffer-pool-size=3G", "--innodb-log-file-size=1G")

console = Console(width=110)


def main() -> None:
    rows = int(os.environ.get("ROWS", ROWS))
    if shutil.which("mariadb") is None:
        sys.exit("the client program mariadb is missing; on Debian: apt-get install mariadb-client-core")
    with tempfile.TemporaryDirectory(prefix="audience-bench-") as name:
        folder = Path(name)
        write_patterns(folder / "patterns")
        with private_servers(
            folder / "servers", "--innodb-buffer-pool-size=3G", "--innodb-log-file-size=1G"
        ) as servers:
            site = BenchSite(servers, folder, folder / "patterns")
            console.print(f"making up {rows:,} posts")
            with servers.connect() as connection:
                posts.fill(connection, rows, lambda _: None)
            site.copy_first_quarter(QUARTER)
            figures = measure(site, rows)
            if os.environ.get("PROFILE"):
                profile(site)
    path = os.environ.get("BENCH_JSON")
    if path:
        Path(path).write_text(json.dumps(figures, indent=2) + "\n")


def measure(site: BenchSite, rows: int) -> dict[str, float]:
    """Everything in one run, one after the other; prints as it goes, returns the figures."""
    floor_s = min(site.floor() for _ in range(2))  # the first warms the server's cache
    console.print(
        f"\nfloor: {floor_s:.2f} s, {rows / floor_s:,.0f} rows/s (mariadb --quick through the index on post_time)\n"
    )
    table = Table("author_name", *_HEADS, box=box.SIMPLE_HEAD)
    runs: dict[int, Run] = {}
    for processes in map(int, os.environ.get("PROCESSES", PROCESSES).split(",")):
        runs[processes] = one_task(site, processes)
        table.add_row(f"{processes} process" + "es" * (processes > 1), *_cells(runs[processes], floor_s))
    quarter = one_task(site, 2, target_table=QUARTER)
    table.add_row("2, the first quarter", *_cells(quarter, floor_s / 4))
    console.print(table)

    table = Table("content", *_HEADS, box=box.SIMPLE_HEAD)
    keywords = one_task(site, 2, predict_type="content")
    table.add_row(f"2, {KEYWORDS:,} keywords", *_cells(keywords, floor_s))
    rules = one_task(site, 2, predict_type="content", model_type="rule_model")
    table.add_row(f"2, {RULES} rules", *_cells(rules, floor_s))
    console.print(table)

    with site.workers(2):
        small_s = asyncio.run(site.small_behind_large(rows))
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


def one_task(site: BenchSite, processes: int, **values: object) -> Run:
    """One task, on workers and an output schema of its own."""
    site.servers.execute(f"DROP DATABASE IF EXISTS {OUTPUT_SCHEMA}")
    with site.workers(processes) as workers:
        return asyncio.run(site.run(workers, **values))


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


def profile(site: BenchSite) -> None:
    """Where the time of a lane goes: one that does the quarter table alone, in this process."""

    async def lane() -> None:
        task_id = await site.create(target_table=QUARTER)
        profiler = cProfile.Profile()
        profiler.enable()
        await Lane(Workplace(site), OUTPUT_SCHEMA, task_id).run()
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)

    asyncio.run(lane())


if __name__ == "__main__":
    main()
