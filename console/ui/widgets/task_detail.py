"""One task in full: its figures, its windows as a strip, its pace as a line."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.reactive import reactive

from console.sanitize import sanitize
from console.ui.formatting import STATUS_STYLES, bar, duration, label_rate, number, short_number
from console.ui.rates import Rates
from console.ui.widgets.live_text import LiveText
from jobs.model.task import Task, TaskStatus
from jobs.services.overview import Fleet

_STRIP_ROWS = 4
_BLOCKS = "▁▂▃▄▅▆▇█"


class TaskDetail(VerticalScroll):
    """Shows a task. Set `windows` when they have been read."""

    windows: reactive[tuple[bool, ...]] = reactive(())

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, can_focus=True)
        self._shown: Task | None = None

    def compose(self) -> ComposeResult:
        yield LiveText(id="facts")
        yield LiveText(id="pace")
        yield LiveText(id="strip")
        yield LiveText(id="columns")

    def show(self, task: Task | None, rates: Rates, fleet: Fleet | None) -> None:
        """Show how the task stands."""
        self._shown = task
        self.query_one("#facts", LiveText).set_text(_facts(task, rates, fleet) if task else Text("no task", "muted"))
        self.query_one("#columns", LiveText).set_text(_columns(task) if task else "")
        pace = self.query_one("#pace", LiveText)
        history = rates.history(task) if task and task.status is TaskStatus.STARTED else []
        pace.display = len(history) > 1
        if pace.display:
            pace.set_text(_pace(history, max(self.scrollable_content_region.width, 10)))
        self._show_strip()

    def watch_windows(self) -> None:
        """Redraw the strip."""
        if self.is_mounted:
            self._show_strip()

    def on_resize(self) -> None:
        """Redraw what depends on the width."""
        self._show_strip()

    def _show_strip(self) -> None:
        strip = self.query_one("#strip", LiveText)
        strip.display = bool(self._shown and self.windows)
        if strip.display:
            strip.set_text(_strip(self.windows, max(self.scrollable_content_region.width, 10)))


def _facts(task: Task, rates: Rates, fleet: Fleet | None) -> Text:
    text = Text()
    text.append(sanitize(task.stat) or "?", STATUS_STYLES.get(task.stat, ""))
    if task.status is TaskStatus.SUCCESS:
        text.append("  production " + ("finished" if task.produced else "waits for its countdown"))
    if (
        task.status is TaskStatus.PENDING
        and fleet is not None
        and task.queue is not None
        and not fleet.serves(task.queue)
    ):
        queue = sanitize(task.queue)
        text.append(f"\nno worker serves queue {queue}; start one: audience worker --queue {queue}", "waiting")
    rate, left = rates.rows_a_second(task), rates.seconds_left(task)
    if rate is not None:
        text.append(f"  {short_number(rate)} rows/s")
    if left is not None:
        text.append(f"  about {duration(left)} left")
    if task.error:
        text.append("\n" + sanitize(task.error), "failed")
    if task.waiting_for:
        text.append("\nwaits: " + sanitize(task.waiting_for), "waiting")
    if task.check_point:
        text.append(f"\ncheck point {task.check_point}; everything before it is done", "waiting")
    for figures in task.result_figures:
        text.append(f"\n{sanitize(figures.result)[:14]:14} ", "bold")
        text.append_text(bar((figures.rate or 0.0) / 100, 10, "done"))
        share = "-" if figures.rate is None else f"{figures.rate:.2f}"
        text.append(f" {share:>6}%  {number(figures.produced) or '-'} of {number(figures.authors) or '-'}")
    return text


def _columns(task: Task) -> Text:
    rows: list[tuple[str, object]] = [
        ("task_id", task.task_id),
        ("model", f"{task.model_type} on {task.predict_type}"),
        ("input", f"{task.target_table}.{task.source_table or '?'}"),
        *zip(("from", "to"), task.date_range.split(" - ", 1), strict=False),
        ("output", task.output_schema),
        ("queue", f"{task.queue}, countdown {task.countdown} s" if task.queue else None),
        ("windows", f"{task.windows_done or 0} of {task.windows} done" if task.windows else None),
        ("production", f"{task.units_done or 0} of {task.units} units done" if task.units else None),
        ("received", f"{number(task.length_receive_table)} rows" if task.length_receive_table is not None else None),
        (
            "labelled",
            f"{number(task.length_output_table)} rows, {label_rate(task) or '0%'}"
            if task.length_output_table is not None
            else None,
        ),
        ("created", task.create_time),
        ("started (UTC)", task.started_at.replace(microsecond=0) if task.started_at else None),
        ("run time", f"{task.run_time * 60:,.1f} s" if task.run_time is not None else None),
        ("memory", f"{task.peak_memory:.0f} MB, largest worker" if task.peak_memory else None),
        ("due (UTC)", task.production_due.replace(microsecond=0) if task.production_due else None),
        ("heard (UTC)", task.heartbeat.replace(microsecond=0) if task.heartbeat else None),
        ("patterns", task.pattern_hash[:16] if task.pattern_hash else None),
        ("generation", task.generation),
    ]
    text = Text()
    for name, value in rows:
        if value is not None:
            text.append(f"{name:14}", "muted").append(f"{sanitize(value)}\n")
    return text


def _pace(history: list[float], width: int) -> Text:
    """Return the latest rates as a line of blocks, and the greatest of them in words."""
    shown = history[-width:]
    greatest = max(shown) or 1.0
    blocks = "".join(_BLOCKS[min(int(rate / greatest * len(_BLOCKS)), len(_BLOCKS) - 1)] for rate in shown)
    return Text.assemble((blocks, "running"), (f"\nmax {short_number(max(shown))} rows/s", "muted"))


def _strip(windows: tuple[bool, ...], width: int) -> Text:
    """Return the windows from first to last, done ones green, several in a cell if there are many."""
    cells = min(len(windows), width * _STRIP_ROWS)
    text = Text()
    for index in range(cells):
        part = windows[index * len(windows) // cells : (index + 1) * len(windows) // cells]
        style = "done" if all(part) else "running" if any(part) else "faint"
        text.append("■", style)
        if (index + 1) % width == 0:
            text.append("\n")
    return text
