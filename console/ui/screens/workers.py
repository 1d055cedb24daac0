"""The workers screen: live workers, and the depth of the queues."""

import time
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from console.sanitize import sanitize
from console.ui.formatting import cell, duration, number, short_number
from console.ui.screens.base import BaseScreen
from console.ui.snapshot import Snapshot
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText
from jobs.services.overview import QueueDepth, Worker


class WorkersScreen(BaseScreen):
    """A table of workers and a table of queues."""

    TITLE = "Workers"
    BINDINGS: ClassVar[list[BindingType]] = []

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"):
            yield LiveText(id="note")
            yield LiveTable(id="workers")
            yield LiveText("Queues", id="queues-title")
            yield LiveTable(id="queues")

    def on_mount(self) -> None:
        workers = {"host": 14, "pid": 7, "queue": 10, "lanes": 5, "rows/s": 6, "memory": 7, "heard": 5, "state": 7}
        self.query_one("#workers", LiveTable).set_columns(workers)
        self.query_one("#queues", LiveTable).set_columns(
            {"queue": 16, "ready": 7, "deferred": 9, "next due": 9, "deferred tasks": 26}
        )
        super().on_mount()
        self.query_one("#workers").focus()

    def show(self, snapshot: Snapshot) -> None:
        """Show the workers and queues of the snapshot."""
        note, fleet = self.query_one("#note", LiveText), snapshot.fleet
        if fleet is None:
            note.set_text(Text(sanitize(snapshot.redis.error or "asking Redis ..."), "waiting"))
            return
        since = snapshot.redis.age(time.monotonic()) if not snapshot.redis.ok else 0.0
        if not snapshot.redis.ok:
            note.set_text(Text(f"Redis is away; this is {duration(since)} old", "bold reverse failed"))
        elif fleet.workers:
            total = sum(worker.rows_a_second for worker in fleet.workers if not worker.stale)
            note.set_text(
                f"{len(fleet.workers)} worker{'s' if len(fleet.workers) > 1 else ''}, {number(total)} rows/s together"
            )
        else:
            note.set_text(Text("No worker is running: tasks wait. Start one with: audience worker", "waiting"))
        # While Redis is away, its last answer grows older.
        older = [replace(worker, age=worker.age + since) for worker in fleet.workers]
        workers = {f"{worker.host}:{worker.pid}": worker for worker in older}
        self.query_one("#workers", LiveTable).show(list(workers), lambda key: _worker_cells(workers[key]))
        queues = {queue.name: queue for queue in fleet.queues}
        self.query_one("#queues", LiveTable).show(list(queues), lambda key: _queue_cells(queues[key]))


def _worker_cells(worker: Worker) -> tuple[Text, ...]:
    style = "muted" if worker.stale else ""
    return (
        cell(worker.host, style),
        cell(worker.pid, style, right=True),
        cell(worker.queue, style),
        cell(len(worker.tasks), style, right=True),
        cell(short_number(worker.rows_a_second), style, right=True),
        cell(f"{worker.peak_memory:.0f} MB", style, right=True),
        cell(duration(worker.age), "bold failed" if worker.stale else "", right=True),
        cell("stale", "bold failed") if worker.stale else cell("working" if worker.tasks else "idle"),
    )


def _queue_cells(queue: QueueDepth) -> tuple[Text, ...]:
    due = "" if queue.due_in is None else f"in {duration(queue.due_in)}"
    numbers = (cell(queue.ready, right=True), cell(len(queue.deferred), right=True), cell(due, right=True))
    return cell(queue.name), *numbers, cell(" ".join(task_id[:8] for task_id in queue.deferred))
