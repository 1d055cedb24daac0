"""A progress bar for a task that is waited for; on a terminal only, and on standard error."""

import sys
import time
from collections.abc import AsyncIterator
from contextlib import nullcontext

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from jobs.model.task import Task


async def follow(tasks: AsyncIterator[Task]) -> Task:
    """Shows the standings of a task as they come, until the last; returns that."""
    progress = _progress() if sys.stderr.isatty() else None
    with progress or nullcontext():
        bar = progress.add_task("waiting for a worker", total=None, rows="") if progress else None
        started = time.monotonic()
        before = 0
        async for task in tasks:
            if progress and bar is not None:
                received = task.length_receive_table or 0
                before = before or received
                rate = (received - before) / max(time.monotonic() - started, 1e-9)
                _show(progress, bar, task, rate)
    return task


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
    )


def _show(progress: Progress, bar: TaskID, task: Task, rate: float) -> None:
    description = {
        "PENDING": "waiting for a worker",
        "STARTED": "labelling",
        "SUCCESS": "production",
    }.get(task.stat, task.stat.lower())
    rows = f"{task.length_receive_table or 0:,} rows" + (f", {rate:,.0f}/s" if rate >= 1 else "")
    progress.update(bar, description=description, total=task.windows, completed=task.windows_done or 0, rows=rows)
