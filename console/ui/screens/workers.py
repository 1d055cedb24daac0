"""The workers screen: what each worker does, their pace together, the queues, and alerts that wait."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from console.figures import duration, short_number
from console.sanitize import sanitize
from console.ui.formatting import bar, blocks, cell, graph
from console.ui.rates import Rates
from console.ui.screens.base import BaseScreen
from console.ui.snapshot import Snapshot
from console.ui.task_words import DONE, FAILED, RUNNING, predict_words, range_words
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title
from jobs import services
from jobs.errors import AudienceError
from jobs.model.task import Task
from jobs.services.overview import QueueDepth, Worker

_METER = 8
_NARROW = 60
"""Below this width, only what matters most is shown."""
_WIDE = 100
"""From this width on, bars and graphs compare the workers' paces; from _WIDEST on, their memory too."""
_WIDEST = 140
_GRAPH, _SHORT_GRAPH = 16, 8
_TALL = 30
"""From this height on, a graph shows the pace of all workers together."""
_LEAST_GRAPH_LINES = 4
_ALERTS_SECONDS = 5.0
_LONG_SECONDS = 60.0
"""A job that waits for longer than this stands out."""


class WorkersScreen(BaseScreen):
    """A pane of workers, one of their pace together, and one of queues."""

    TITLE = "Workers"
    WORDS: ClassVar[Mapping[str, str]] = {
        "done": "windows and units since it started",
        FAILED.glyph: "attempts at them that failed",
        "ready": "jobs that are due: running, or to be taken",
        "deferred": "jobs that are not due yet",
    }
    BINDINGS: ClassVar[list[BindingType]] = []

    def compose_body(self) -> ComposeResult:
        with Vertical(id="body"):
            with Pane(id="workers-box"):
                yield LiveText(id="note")
                yield LiveTable(id="workers")
            with Pane(id="pace-box"):
                yield LiveText(id="pace")
            with Pane(id="queues-box"):
                yield LiveTable(id="queues")
            yield LiveText(id="alerts")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#workers").focus()
        self.set_interval(_ALERTS_SECONDS, self._read_alerts)
        self._read_alerts()

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
        table = self.query_one("#workers", LiveTable)
        columns = _columns(table.size.width - 1)
        look = _Look(self.context.rates, tasks, max((worker.rows_per_second for worker in older), default=0.0), columns)
        table.set_columns(columns)
        table.show(list(workers), lambda key: _worker_cells(workers[key], look))
        queues = {queue.name: queue for queue in fleet.queues}
        table = self.query_one("#queues", LiveTable)
        names = _queue_columns(table.size.width - 1)
        table.set_columns(names)
        table.show(list(queues), lambda key: _queue_cells(queues[key], older, names))
        total = sum(worker.rows_per_second for worker in older if not worker.silent)
        set_title(self.query_one("#workers-box"), f"Workers {len(workers)} ─ {short_number(total)} posts/s together")
        set_title(self.query_one("#queues-box"), f"Queues {len(queues)}")
        self._show_pace()

    @work(group="alerts", exclusive=True, exit_on_error=False)
    async def _read_alerts(self) -> None:
        """Say whether alerts reach their receiver."""
        if not self.is_current:
            return
        try:
            waiting = await services.read_notifications(self.deployment)
        except AudienceError:
            return  # the header shows an outage
        self.query_one("#alerts", LiveText).set_text(alerts_text(self.deployment.notify_host, waiting))

    def _show_pace(self) -> None:
        """Show the pace of all workers together, for as long as this console has seen it, ten minutes at most."""
        history, box = list(self.context.rates.fleet_history), self.query_one("#pace-box")
        box.display = self.size.height >= _TALL and len(history) > 1
        if not box.display:
            return
        greatest, width = max(history), max(box.size.width - 7, 10)
        lines = max(box.size.height, _LEAST_GRAPH_LINES)
        span = f"the last {duration(len(history))}"
        set_title(box, f"Pace ─ {span} ─ at most {short_number(greatest)} posts/s")
        text = Text(no_wrap=True)
        for place, line in enumerate(graph(history, width, lines, greatest)):
            text.append("\n" if place else "").append(f"{short_number(greatest) if place == 0 else '':>6} ", "muted")
            text.append(f"{line:>{width}}", "running")
        self.query_one("#pace", LiveText).set_text(text)

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


@dataclass(frozen=True)
class _Look:
    """What the cells of a worker depend on besides the worker."""

    rates: Rates
    tasks: Mapping[str, Task]
    fastest: float
    columns: Mapping[str, int]


def _columns(width: int) -> dict[str, int]:
    """Return the columns for a width. What a worker works on gets what is left."""
    wide, widest = width >= _WIDE, width >= _WIDEST
    if width < _NARROW:
        return {"": 1, "pid": 7, "posts/s": 7, "works on": max(width - 23, 8)}
    columns = {"": 1, "host": 14 if wide else 9, "pid": 7, "queue": 10 if wide else 8}
    graph_ = _GRAPH if widest else _SHORT_GRAPH
    columns |= {"posts/s": 7 + (_METER + graph_ + 2 if wide else 0), "memory": 7 + (graph_ + 1 if widest else 0)}
    columns |= {"done": 9 if wide else 7} | ({"up": 4} if wide else {})
    room = width - sum(needed + 2 for needed in columns.values()) - 2
    return columns | {"works on": max(room, 8)}


def _queue_columns(width: int) -> dict[str, int]:
    """Return the columns for a width: fewer in a narrow one. The deferred tasks get what is left, if it is enough."""
    if width < _NARROW:
        return {"queue": max(width - 23, 6), "ready": 5, "oldest waits": 12}
    columns = {"queue": 16, "workers": 7, "ready": 5, "oldest waits": 12, "deferred": 8, "next due": 8}
    room = width - sum(needed + 2 for needed in columns.values()) - 2
    return columns | ({"deferred tasks": room} if room >= len("deferred tasks") else {})


def _worker_cells(worker: Worker, look: _Look) -> tuple[Text, ...]:
    style = "muted" if worker.silent else ""
    kind = FAILED if worker.silent else RUNNING if worker.tasks else DONE
    width = _GRAPH if look.columns.get("memory", 0) > 7 else _SHORT_GRAPH
    history = look.rates.worker_history(worker)[-width:]
    pace, memory = Text(no_wrap=True, end=""), Text(no_wrap=True, end="", justify="right")
    if look.columns["posts/s"] > 7:
        share = 0 if worker.silent or not look.fastest else worker.rows_per_second / look.fastest
        pace.append_text(bar(share, _METER, "running"))
        graph_ = blocks([rate for rate, _ in history]) if any(rate for rate, _ in history) else ""
        pace.append(f" {graph_:{width}}", "running")
    pace.append(f" {short_number(worker.rows_per_second):>6}", style)
    if look.columns.get("memory", 0) > 7:
        memory.append(f"{blocks([value for _, value in history]):{width}} ", "muted")
    memory.append(f"{worker.memory or worker.peak_memory:>4.0f} MB", style)
    done = cell("" if worker.parts_done is None else short_number(worker.parts_done), style, right=True)
    if worker.parts_failed:
        done.append(f" ✗{short_number(worker.parts_failed)}", "failed")
    works_on = ", ".join(_name(task_id, look.tasks) for task_id in worker.tasks) or "idle"
    state = cell(works_on, "" if worker.tasks else "muted")
    if worker.silent:
        state = cell(f"silent for {duration(worker.age)}", "failed")
    cells = {
        "": cell(kind.glyph, kind.tone),
        "host": cell(worker.host, style),
        "pid": cell(worker.pid, style, right=True),
        "queue": cell(worker.queue, style),
        "posts/s": pace,
        "memory": memory,
        "done": done,
        "up": cell(duration(worker.uptime), "muted", right=True),
        "works on": state,
    }
    return tuple(cells[column] for column in look.columns)


def alerts_text(receiver: str, waiting: services.Notifications) -> Text:
    """Return whether alerts reach their receiver; without one, that nobody is notified."""
    text = Text("alerts  ", "muted")
    if waiting.undelivered:
        text.append(f"! {waiting.undelivered:,} not delivered", "bold waiting")
        why = f"{sanitize(waiting.answer or 'not tried yet')}; try: audience notify --test"
        why = why if receiver else "set NOTIFY_URL, for the workers too"
        return text.append(f", the oldest for {duration(waiting.oldest_seconds)}: {why}", "waiting")
    if not receiver:
        return text.append("none are sent: NOTIFY_URL is not set", "muted")
    return text.append("✓", "done").append(f" all delivered to {sanitize(receiver)}")


def _name(task_id: str, tasks: Mapping[str, Task]) -> str:
    task = tasks.get(task_id)
    return f"{predict_words(task)} {range_words(task)} {task_id[:8]}" if task else task_id[:8]


def _queue_cells(queue: QueueDepth, workers: Sequence[Worker], columns: Mapping[str, int]) -> tuple[Text, ...]:
    due = "" if queue.due_in is None else f"in {duration(queue.due_in)}"
    serving = sum(worker.queue == queue.name and not worker.silent for worker in workers)
    needed = queue.ready or queue.deferred
    cells = {
        "queue": cell(queue.name),
        "workers": cell(serving or "none", "waiting" if needed and not serving else "", right=True),
        "ready": cell(queue.ready, right=True),
        "oldest waits": cell(
            duration(queue.oldest), "waiting" if (queue.oldest or 0) > _LONG_SECONDS else "", right=True
        ),
        "deferred": cell(len(queue.deferred), right=True),
        "next due": cell(due, right=True),
        "deferred tasks": cell(" ".join(task_id[:8] for task_id in queue.deferred), "muted"),
    }
    return tuple(cells[column] for column in columns)
