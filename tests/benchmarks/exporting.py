"""Exporting a large task by the command: how fast, in how much memory, and whether every row arrives as it is."""

import csv
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from console.demo import posts
from jobs.services.row_files import formula_safe
from jobs.storage.production import COLUMNS
from tests.benchmarks.deployment import OUTPUT_SCHEMA, BenchDeployment, part_of_range

EXPORT_ROWS = 5_000_000
_TABLE = f"{OUTPUT_SCHEMA}.wh_panel_mapping_fbfans"


@dataclass(frozen=True)
class ExportRun:
    """What one export took."""

    rows: int
    seconds: float
    peak_mb: float


async def produce(deployment: BenchDeployment, rows: int, of: int) -> str:
    """Make a finished task with this many production rows, copies of the posts, and return its id."""
    # In a queue without workers, because its rows are made here.
    task_id = await deployment.create(queue="in-process", **part_of_range(1_000, of))
    deployment.servers.execute(
        f"INSERT INTO {_TABLE} SELECT id, '{task_id}', CONCAT(s_id, '_', author), '/female', post_time, s_id, author"
        f" FROM mysql.seq_1_to_{2 * rows // of + 2} STRAIGHT_JOIN {posts.SCHEMA}.{posts.TABLE}"
        f" WHERE author IS NOT NULL LIMIT {rows}",
        f"UPDATE {OUTPUT_SCHEMA}.state SET stat = 'SUCCESS', prod_stat = 'finish', result = 'fbfans',"
        f" length_prod_table = '{rows}' WHERE task_id = '{task_id}'",
    )
    return task_id


def run_export(deployment: BenchDeployment, task_id: str, path: Path) -> ExportRun:
    """Run `audience export` into a new file."""
    started = time.monotonic()
    command = [sys.executable, "-m", "console", "export", task_id, "--output", str(path)]
    process = subprocess.Popen(command, env=deployment.environment, stdout=subprocess.DEVNULL)
    peak_kb = 0
    # Not what wait4 returns: that begins with the memory of this process, which it is a fork of.
    while process.poll() is None:
        with suppress(OSError, StopIteration):  # it has just ended
            peak_kb = next(int(line.split()[1]) for line in _status(process.pid) if line.startswith("VmHWM"))
        time.sleep(0.02)
    seconds = time.monotonic() - started
    if process.returncode:
        raise RuntimeError(f"audience export ended with status {process.returncode}")
    return ExportRun(_rows(deployment, task_id), seconds, peak_kb / 1024)


def check_equal(deployment: BenchDeployment, task_id: str, path: Path) -> None:
    """Raise RuntimeError unless a CSV file has the rows of a task, in any order: their number and sum of checksums."""
    sums = f"COUNT(*), SUM(CRC32(CONCAT_WS('|', {', '.join(COLUMNS)})))"
    expected = _one_row(deployment, f"SELECT {sums} FROM {_TABLE} WHERE task_id = '{task_id}'")
    count = total = 0
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for row in rows:
            count += 1
            total += zlib.crc32("|".join(map(_unquoted, row)).encode())
    if (count, total) != tuple(int(str(value)) for value in expected):
        raise RuntimeError(f"{path} has {count:,} rows with the sum {total:,}, the table {expected}")


def _status(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text().splitlines()


def _unquoted(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and formula_safe(cell[1:]) == cell else cell


def _rows(deployment: BenchDeployment, task_id: str) -> int:
    (rows,) = _one_row(deployment, f"SELECT COUNT(*) FROM {_TABLE} WHERE task_id = '{task_id}'")
    return int(str(rows))


def _one_row(deployment: BenchDeployment, sql: str) -> tuple[object, ...]:
    with deployment.servers.connect() as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return tuple(cursor.fetchone())
