"""The workers screen: what each live worker does, and the depth of the queues."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from console.sanitize import sanitize
from console.ui.formatting import bar, cell, duration, short_number
from console.ui.screens.base import BaseScreen
from console.ui.snapshot import Snapshot
from console.ui.task_words import DONE, FAILED, RUNNING, predict_words, range_words
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title
from jobs.model.task import Task
from jobs.services.overview import QueueDepth, Worker

_METER = 10
_WIDE = 100
"""From this width on, a bar compares the workers' paces."""


class WorkersScreen(BaseScreen):
    """A pane of workers and a pane of queues."""

    TITLE = "Workers"
    BINDINGS: ClassVar[list[BindingType]] = []

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"):
            with Pane(id="workers-box"):
                yield LiveText(id="note")
                yield LiveTable(id="workers")
            with Pane(id="queues-box"):
                yield LiveTable(id="queues")

    def on_mount(self) -> None:
        self.query_one("#queues", LiveTable).set_columns(
            {"queue": 16, "ready": 7, "deferred": 9, "next due": 9, "deferred tasks": 26}
        )
        super().on_mount()
        self.query_one("#workers").focus()

    def on_resize(self) -> None:
        """Give the tasks the width that is left."""
        self.call_after_refresh(self.show, self.snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Show the workers and queues of the snapshot."""
        fleet = snapshot.fleet
        since = snapshot.redis.age(time.monotonic()) if not snapshot.redis.ok else 0.0
        self._show_note(snapshot, since)
        if fleet is None:
            return
        # While Redis is away, its last answer grows older.
        older = [replace(worker, age=worker.age + since) for worker in fleet.workers]
        workers = {f"{worker.host}:{worker.pid}": worker for worker in older}
        tasks = {task.task_id: task for task in snapshot.board.tasks} if snapshot.board else {}
        fastest = max((worker.rows_a_second for worker in older), default=0.0)
        table = self.query_one("#workers", LiveTable)
        meter = _METER if table.size.width >= _WIDE else 0
        fixed = {"": 1, "host": 14, "pid": 7, "queue": 10, "posts/s": meter + 7, "memory": 7}
        room = table.size.width - 1 - sum(width + 2 for width in fixed.values()) - 2
        table.set_columns(fixed | {"works on": max(room, 8)})
        table.show(list(workers), lambda key: _worker_cells(workers[key], fastest, tasks, meter))
        queues = {queue.name: queue for queue in fleet.queues}
        self.query_one("#queues", LiveTable).show(list(queues), lambda key: _queue_cells(queues[key]))
        total = sum(worker.rows_a_second for worker in older if not worker.stale)
        set_title(self.query_one("#workers-box"), f"Workers {len(workers)} ─ {short_number(total)} posts/s together")
        set_title(self.query_one("#queues-box"), f"Queues {len(queues)}")

    def _show_note(self, snapshot: Snapshot, since: float) -> None:
        text = Text()
        if snapshot.fleet is None:
            text = Text(sanitize(snapshot.redis.error or "asking Redis ..."), "waiting")
        elif not snapshot.redis.ok:
            text = Text(f"✗ Redis is away; this is {duration(since)} old", "bold failed")
        elif not snapshot.fleet.workers:
            queue = sanitize(self.deployment.settings.queue)
            text = Text(f"No worker is running: tasks wait. Start one: audience worker --queue {queue}", "waiting")
        note = self.query_one("#note", LiveText)
        note.set_text(text)
        note.display = bool(text)


def _worker_cells(worker: Worker, fastest: float, tasks: Mapping[str, Task], meter: int) -> tuple[Text, ...]:
    style = "muted" if worker.stale else ""
    kind = FAILED if worker.stale else RUNNING if worker.tasks else DONE
    pace = bar(0 if worker.stale or not fastest else worker.rows_a_second / fastest, meter, "running")
    pace.append(f" {short_number(worker.rows_a_second):>6}", style)
    works_on = ", ".join(_name(task_id, tasks) for task_id in worker.tasks) or "idle"
    return (
        cell(kind.glyph, kind.tone),
        cell(worker.host, style),
        cell(worker.pid, style, right=True),
        cell(worker.queue, style),
        pace,
        cell(f"{worker.peak_memory:.0f} MB", style, right=True),
        cell(f"stale, silent {duration(worker.age)}", "failed")
        if worker.stale
        else cell(works_on, "" if worker.tasks else "muted"),
    )


def _name(task_id: str, tasks: Mapping[str, Task]) -> str:
    task = tasks.get(task_id)
    return f"{task_id[:8]} {predict_words(task)} {range_words(task)}" if task else task_id[:8]


def _queue_cells(queue: QueueDepth) -> tuple[Text, ...]:
    due = "" if queue.due_in is None else f"in {duration(queue.due_in)}"
    numbers = (cell(queue.ready, right=True), cell(len(queue.deferred), right=True), cell(due, right=True))
    return cell(queue.name), *numbers, cell(" ".join(task_id[:8] for task_id in queue.deferred), "muted")
