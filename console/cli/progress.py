"""A progress bar for what takes long: only on a terminal, and on standard error."""

import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING

from jobs.model.task import Task, TaskStatus
from jobs.model.wording import counted

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_DESCRIPTIONS = {
    TaskStatus.PENDING: "waiting for a worker",
    TaskStatus.STARTED: "labelling",
    TaskStatus.SUCCESS: "production",
}


async def follow(updates: AsyncGenerator[Task, None]) -> Task:
    """Show a task's progress with each update, until the last one, and return it."""
    async with aclosing(updates):
        return await _follow(updates)


async def _follow(updates: AsyncIterator[Task]) -> Task:
    progress = open_progress()
    with progress or nullcontext():
        bar = progress.add_task("waiting for a worker", total=None, words="") if progress else None
        started = time.monotonic()
        before = 0
        async for task in updates:
            if progress and bar is not None:
                received = task.length_receive_table or 0
                before = before or received
                rate = (received - before) / max(time.monotonic() - started, 1e-9)
                _show(progress, bar, task, rate)
    return task


def open_progress() -> "Progress | None":
    """Return a progress bar whose tasks have a text `words`; None if standard error is no terminal."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[words]}"),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
    )


def _show(progress: "Progress", bar: "TaskID", task: Task, rate: float) -> None:
    description = _DESCRIPTIONS.get(task.status, task.stat.lower()) if task.status else task.stat.lower()
    words = progress_words(task.length_receive_table or 0, "post", rate)
    progress.update(bar, description=description, total=task.windows, completed=task.windows_done or 0, words=words)


def progress_words(done: int, noun: str, rate: float) -> str:
    """Return how many posts or rows are done, and how many a second."""
    return counted(done, noun) + (f", {rate:,.0f}/s" if rate >= 1 else "")
