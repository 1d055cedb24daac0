"""What a purge and a cleaning take from three tasks that are labelled into the same tables meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from statistics import median
from unittest.mock import patch

from jobs import services
from jobs.model.sources import production_table
from jobs.storage import deletion, production
from jobs.worker.housekeeping import sweep
from tests.benchmarks.deployment import OUTPUT_SCHEMA, BenchDeployment

_COLUMNS = ", ".join(production.COLUMNS)
_LABEL_COLUMNS = f"{_COLUMNS}, votes, rule, slice"
_TASKS = 3
_OLD_TASKS = 1


@dataclass
class Runs:
    """Seconds of the three tasks, alone and beside deletions; the seconds and rows of each batch."""

    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    batches: list[tuple[float, int]] = field(default_factory=list)
    waits_alone: list[int] = field(default_factory=list)
    waits_beside: list[int] = field(default_factory=list)
    """Milliseconds that all transactions of a run together waited for row locks."""

    @property
    def loss(self) -> float:
        """The share of their speed that the tasks lost."""
        return 1 - median(self.alone) / median(self.beside)

    @property
    def rows_deleted(self) -> int:
        return sum(rows for _, rows in self.batches)

    @property
    def longest_batch_s(self) -> float:
        return max(seconds for seconds, _ in self.batches)


async def run_beside(deployment: BenchDeployment, pairs: int, rows: int) -> Runs:
    """Run the tasks alone and beside deletions, in turns. Workers must be running.

    Each of the deleted tasks has this many label rows and production rows.
    """
    runs = Runs()
    purged, cleaned = [await _old_tasks(deployment, rows) for _ in range(2)]
    await _run_tasks(deployment)
    with _recorded_batches(runs):
        for number in range(2 * pairs):
            waits = _lock_waits(deployment)
            if number % 4 in (0, 3):
                runs.alone.append(await _run_tasks(deployment))
                runs.waits_alone.append(_lock_waits(deployment) - waits)
            else:
                async with _deleting(deployment, purged, cleaned):
                    runs.beside.append(await _run_tasks(deployment))
                runs.waits_beside.append(_lock_waits(deployment) - waits)
    return runs


async def _old_tasks(deployment: BenchDeployment, rows: int) -> list[str]:
    """Return tasks that are done, each with at least this many label rows, and as many production rows."""
    task_ids = [await deployment.create() for _ in range(_OLD_TASKS)]
    for task_id in task_ids:
        await deployment.times_of(task_id)
        task = await services.check_status(deployment, task_id)
        for result in task.results:
            for table, columns, copied in (
                (production_table(result), _COLUMNS, _COLUMNS),
                (result, f"{_LABEL_COLUMNS}, number", f"{_LABEL_COLUMNS}, number + (seq << 48)"),
            ):
                _multiply(deployment, table, columns, copied, task_id, rows // len(task.results))
    return task_ids


def _multiply(deployment: BenchDeployment, table: str, columns: str, copied: str, task_id: str, rows: int) -> None:
    """Copy the rows of a task until there are at least this many. `copied` is what each column of copy `seq` holds."""
    name = f"{OUTPUT_SCHEMA}.{table}"
    with deployment.servers.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {name} WHERE task_id = %s", (task_id,))
        (found,) = cursor.fetchone() or (0,)
        copies = -(-rows // found) if found else 0
        cursor.execute(
            f"INSERT INTO {name} ({columns})"
            f" SELECT {copied} FROM {name}, mysql.seq_1_to_{max(copies, 1)} WHERE task_id = %s",
            (task_id,),
        )


async def _run_tasks(deployment: BenchDeployment) -> float:
    """Return the seconds from the creation of the tasks to the end of the last one."""
    started = time.monotonic()
    task_ids = [await deployment.create() for _ in range(_TASKS)]
    for task_id in task_ids:
        await deployment.times_of(task_id)
    return time.monotonic() - started


@asynccontextmanager
async def _deleting(deployment: BenchDeployment, purged: list[str], cleaned: list[str]) -> AsyncIterator[None]:
    """Purge and clean for the length of the block. What is left is deleted in the next one."""
    deployment.servers.execute(
        f"UPDATE {OUTPUT_SCHEMA}.state SET heartbeat = heartbeat - INTERVAL 30 DAY WHERE cleaned_at IS NULL"
        f" AND task_id IN ({', '.join(f'{task_id!r}' for task_id in cleaned)})"
    )

    async def purge() -> None:
        while purged:
            await services.purge_task(deployment, purged[0])
            purged.pop(0)

    working = [asyncio.create_task(purge()), asyncio.create_task(sweep(deployment))]
    yield
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)
    if failed := [task.exception() for task in working if not task.cancelled() and task.exception()]:
        raise RuntimeError(f"not deleted: {failed}")


def _lock_waits(deployment: BenchDeployment) -> int:
    with deployment.servers.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_time'")
        ((_, waits),) = cursor.fetchall()
        return int(waits)


@contextmanager
def _recorded_batches(runs: Runs) -> Iterator[None]:
    def next_batch(rows: int, seconds: float) -> int:
        runs.batches.append((seconds, rows))
        return original(rows, seconds)

    original = deletion.next_batch
    with patch.object(deletion, "next_batch", next_batch):
        yield
