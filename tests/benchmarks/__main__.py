"""The benchmark: how fast label and production are, compared with the floor that the database sets.

docs/benchmark.md has the results. ROWS sets the number of posts, ONLY=words the measurements whose name contains these
words, GROWTH=10 adds ten times the posts, BENCH_FOLDER names a folder that keeps the posts for a later run. BENCH_JSON
is a file for the figures, PROCESSES the numbers of worker processes to try (at least 1 and 2). PROFILE=1 adds the
profile of a lane. Nothing is asserted about time.
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

from rich.console import Console

from console.demo.servers import private_servers
from jobs.model.task import TaskRef
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from tests.benchmarks.deployment import OUTPUT_SCHEMA, BenchDeployment
from tests.benchmarks.measurements import MEASUREMENTS, Bench
from tests.benchmarks.patterns import write_patterns
from tests.benchmarks.tables import QUARTER, Tables

ROWS = 2_376_186

# As on a dedicated server, where the posts fit into memory. What it held when it stopped is not read again,
# because that would run beside the first measurements.
_SERVER_OPTIONS = (
    "--innodb-buffer-pool-size=3G",
    "--innodb-log-file-size=1G",
    "--innodb-buffer-pool-load-at-startup=OFF",
)

console = Console(width=110)


def main() -> None:
    rows, growth = int(os.environ.get("ROWS", ROWS)), int(os.environ.get("GROWTH") or 0)
    chosen = {name: measure for name, measure in MEASUREMENTS.items() if os.environ.get("ONLY", "") in name}
    if not chosen:
        sys.exit(f"ONLY selects no measurement; there are: {', '.join(MEASUREMENTS)}")
    if shutil.which("mariadb") is None:
        sys.exit("the client program mariadb is missing; on Debian: apt-get install mariadb-client-core")
    with tempfile.TemporaryDirectory(prefix="audience-bench-") as name:
        folder = Path(name)
        write_patterns(folder / "patterns")
        kept = Path(os.environ.get("BENCH_FOLDER") or folder)
        with private_servers(kept / "servers", *_SERVER_OPTIONS) as servers:
            Tables(servers, rows, growth, console.print).prepare()
            deployment = BenchDeployment(servers, folder, folder / "patterns")
            bench = Bench(deployment, rows, growth, console)
            assert bench.floor_s  # reading them fills the server's cache
            figures: dict[str, float] = {"rows": rows}
            for measure in chosen.values():
                figures |= measure(bench)
            if os.environ.get("PROFILE"):
                profile(deployment)
            servers.execute(f"DROP DATABASE IF EXISTS {OUTPUT_SCHEMA}")
    path = os.environ.get("BENCH_JSON")
    if path:
        Path(path).write_text(json.dumps(figures, indent=2) + "\n")


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
