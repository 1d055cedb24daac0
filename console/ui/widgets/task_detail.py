"""One task in full: every column in words, its windows as a strip, its pace as a line."""

import math

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.reactive import reactive
from textual.widgets import Sparkline

from console.sanitize import harmless
from console.ui.formatting import STAT_STYLES, bar, duration, label_rate, number, short_number
from console.ui.rates import Rates
from console.ui.widgets.live_text import Words
from jobs.model.task import Task, whole_number
from jobs.services.overview import Fleet

_STRIP_ROWS = 4


class TaskView(VerticalScroll):
    """Shows a task. Set `windows` when they are known."""

    windows: reactive[tuple[bool, ...]] = reactive(())

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, can_focus=True)
        self._shown: Task | None = None

    def compose(self) -> ComposeResult:
        yield Words(id="facts")
        yield Sparkline([], id="pace")
        yield Words(id="strip")
        yield Words(id="columns")

    def show(self, task: Task | None, rates: Rates, fleet: Fleet | None) -> None:
        """Shows how the task stands now."""
        self._shown = task
        self.query_one("#facts", Words).say(_facts(task, rates, fleet) if task else Text("no task", "dim"))
        self.query_one("#columns", Words).say(_columns(task) if task else "")
        pace = self.query_one("#pace", Sparkline)
        history = rates.history(task) if task else []
        pace.display = len(history) > 1 and bool(task and task.stat == "STARTED")
        if list(pace.data or []) != history:
            pace.data = history
        self._show_strip()

    def watch_windows(self) -> None:
        """Redraws the strip."""
        if self.is_mounted:
            self._show_strip()

    def on_resize(self) -> None:
        """Redraws what depends on the width."""
        self._show_strip()

    def _show_strip(self) -> None:
        strip = self.query_one("#strip", Words)
        strip.display = bool(self._shown and self.windows)
        if strip.display:
            strip.say(_strip(self.windows, max(self.scrollable_content_region.width, 10)))


def _facts(task: Task, rates: Rates, fleet: Fleet | None) -> Text:
    text = Text()
    text.append(harmless(task.stat) or "?", STAT_STYLES.get(task.stat, ""))
    if task.stat == "SUCCESS":
        text.append("  production " + ("finished" if task.prod_stat == "finish" else "waits for its countdown"))
    if task.stat == "PENDING" and fleet is not None and task.queue is not None and not fleet.serves(task.queue):
        queue = harmless(task.queue)
        text.append(f"\nno worker serves queue {queue}; start one: audience worker --queue {queue}", "yellow")
    rate, left = rates.rows_a_second(task), rates.seconds_left(task)
    if rate is not None:
        text.append(f"  {short_number(rate)} rows/s")
    if left is not None:
        text.append(f"  about {duration(left)} left")
    if task.error:
        text.append("\n" + harmless(task.error), "red")
    if task.check_point:
        text.append(f"\nstands at {task.check_point}; what is before that is done", "yellow")
    for result, produced, authors, rate_of_label in _results(task):
        text.append(f"\n{result[:14]:14} ", "bold")
        share = _share(rate_of_label)
        text.append_text(bar(share, 10, "green"))
        text.append(f" {rate_of_label or '-':>6}%  {produced or '-'} of {authors or '-'}")
    return text


def _results(task: Task) -> list[tuple[str, str, str, str]]:
    columns = [
        (value or "").split(",") for value in (task.length_prod_table, task.uniq_source_author, task.rate_of_label)
    ]
    rows = []
    for index, result in enumerate(task.results):
        produced, authors, rate = (column[index] if index < len(column) else "" for column in columns)
        rows.append((harmless(result), _grouped(produced), _grouped(authors), harmless(rate)))
    return rows


def _share(per_cent: str) -> float:
    try:
        share = float(per_cent) / 100
    except ValueError:
        return 0.0
    return share if math.isfinite(share) else 0.0


def _grouped(digits: str) -> str:
    number = whole_number(digits)
    return harmless(digits) if number is None else f"{number:,}"


def _columns(task: Task) -> Text:
    rows: list[tuple[str, object]] = [
        ("task_id", task.task_id),
        ("model", f"{task.model_type} on {task.predict_type}"),
        ("input", f"{task.target_table}.{task.source_table or '?'}"),
        *zip(("from", "to"), task.date_range.split(" - ", 1), strict=False),
        ("output", task.output_schema),
        ("queue", f"{task.queue}, countdown {task.countdown} s" if task.queue else None),
        ("windows", f"{task.windows_done or 0} of {task.windows} done" if task.windows else None),
        ("received", f"{number(task.length_receive_table)} rows" if task.length_receive_table is not None else None),
        (
            "labelled",
            f"{number(task.length_output_table)} rows, {label_rate(task) or '0%'}"
            if task.length_output_table is not None
            else None,
        ),
        ("created", task.create_time),
        ("started", task.started_at.replace(microsecond=0) if task.started_at else None),
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
            text.append(f"{name:12}", "dim").append(f"{harmless(value)}\n")
    return text


def _strip(windows: tuple[bool, ...], width: int) -> Text:
    """The windows from first to last, done ones green; several to a cell where there are many."""
    cells = min(len(windows), width * _STRIP_ROWS)
    text = Text()
    for index in range(cells):
        part = windows[index * len(windows) // cells : (index + 1) * len(windows) // cells]
        style = "on green" if all(part) else "on dark_olive_green3" if any(part) else "on grey30"
        text.append(" ", style)
        if (index + 1) % width == 0:
            text.append("\n")
    return text
