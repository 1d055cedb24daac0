"""One task in full: how it stands, its results, its pace, its windows, its facts."""

from datetime import datetime, timedelta

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.reactive import reactive

from console.sanitize import sanitize
from console.ui.formatting import bar, blocks, duration, number, short_number
from console.ui.task_columns import Situation
from console.ui.task_words import done_words, producing_words, share_done, standing, unserved, waiting_words
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import set_title
from jobs.model.task import Task, TaskStatus
from jobs.services.panels import PanelCounts

_STRIP_LINES = 3
_FACT = 11


class TaskDetail(VerticalScroll):
    """Shows a task. Set `windows` and `panels` when they have been read."""

    windows: reactive[tuple[bool, ...]] = reactive((), repaint=False)
    panels: reactive[PanelCounts] = reactive(dict, repaint=False)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, can_focus=True)
        self._shown: tuple[Task, Situation] | None = None

    def compose(self) -> ComposeResult:
        yield LiveText(id="detail")

    def show(self, task: Task | None, situation: Situation | None) -> None:
        """Show how the task stands."""
        self._shown = (task, situation) if task and situation else None
        set_title(self, f"Task {task.task_id[:8]}" if task else "Task")
        self._draw()

    def watch_windows(self) -> None:
        """Draw the strip of windows."""
        self._draw()

    def watch_panels(self) -> None:
        """Draw the panels of the results."""
        self._draw()

    def on_resize(self) -> None:
        """Draw what depends on the width."""
        self._draw()

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        text = Text("no task", "muted")
        if self._shown is not None:
            width = max(self.scrollable_content_region.width, 20)
            text = detail_text(*self._shown, self.windows, self.panels, width, self.size.height)
        self.query_one("#detail", LiveText).set_text(text)


def detail_text(
    task: Task, situation: Situation, windows: tuple[bool, ...], panels: PanelCounts, width: int, height: int
) -> Text:
    """Return everything there is to say about a task, for this width and height. Blank lines are left if they fit."""
    sections = [
        _standing(task, situation, width),
        _results(task, panels, width),
        _pace(task, situation, width),
        _windows(task, windows, width),
        _facts(task, situation, width),
    ]
    sections = [section for section in sections if section]
    lines = sum(section.plain.count("\n") + 1 for section in sections) + len(sections) - 1
    return Text("\n\n" if lines <= height else "\n").join(sections)


def _standing(task: Task, situation: Situation, width: int) -> Text:
    text = Text()
    now = standing(task)
    text.append(f"{now.glyph} {now.word if now.word != 'running' else 'labelling'}", now.tone)
    if task.status is TaskStatus.STARTED:
        text.append(f" {share_done(task):.0%}", "bold running")
    rate, left = situation.rates.rows_a_second(task), situation.rates.seconds_left(task)
    if rate is not None:
        text.append(f"  {short_number(rate)} posts/s")
    if left is not None:
        text.append(f"  {duration(left)} left")
    if task.status in (TaskStatus.STARTED, TaskStatus.ABORTED, TaskStatus.FAILURE) and task.windows:
        text.append("\n").append_text(bar(share_done(task), width, now.tone))
    if task.status is TaskStatus.PENDING:
        text.append("\n" + waiting_words(task, situation.fleet), "waiting" if unserved(task, situation.fleet) else "")
        if unserved(task, situation.fleet):
            text.append(f"\nstart one: audience worker --queue {sanitize(task.queue)}")
    if task.awaits_production:
        text.append("\n" + producing_words(task, situation.board))
        if task.units:
            text.append("\n").append_text(bar((task.units_done or 0) / task.units, width, "running"))
    if task.produced:
        text.append("\n" + done_words(task))
    if task.error:
        text.append("\n" + sanitize(task.error), "failed")
    if task.waiting_for:
        text.append("\nwaits: " + sanitize(task.waiting_for), "waiting")
    if task.stopped and task.check_point:
        text.append(f"\neverything before {_time(task.check_point)} is labelled")
    if task.can_resume:
        text.append("\nr resumes it where it stopped", "muted")
    elif task.stopped and task.cleaned_at:
        text.append(f"\nit cannot be resumed: {task.refuses_resume}", "muted")
    return text


def _results(task: Task, panels: PanelCounts, width: int) -> Text:
    figures = task.result_figures
    if not figures:
        return Text()
    text = _rule("Results", "authors labelled", width)
    name_width = min(max(cell_len(sanitize(one.result)) for one in figures), width // 3)
    for one in figures:
        counts = f"{number(one.produced)} of {number(one.authors)}" if one.produced is not None else "not yet produced"
        share = f"{one.rate:.1f}%" if one.rate is not None else ""
        text.append("\n" + set_cell_size(sanitize(one.result), name_width) + " ", "bold")
        room = width - name_width - 1 - 8 - len(counts)
        if one.rate is not None and room >= 4:
            text.append_text(bar(one.rate / 100, min(room, 30), "done"))
        text.append(f" {share:>6} " if share else " ").append(counts, "muted")
        counted = panels.get(one.result, {})
        total = sum(counted.values())
        shares = [f"{sanitize(panel)} {count / total:.0%}" for panel, count in sorted(counted.items())]
        if shares:
            text.append(f"\n{'':{name_width + 1}}{'  '.join(shares)}", "muted")
    return text


def _pace(task: Task, situation: Situation, width: int) -> Text:
    history = situation.rates.history(task)[-width:] if task.status is TaskStatus.STARTED else []
    if len(history) < 2:
        return Text()
    text = _rule("Pace", f"at most {short_number(max(history))} posts/s", width)
    return text.append("\n" + blocks(history), "running")


def _windows(task: Task, windows: tuple[bool, ...], width: int) -> Text:
    if not task.windows:
        return Text()
    text = _rule("Windows", f"{number(task.windows_done or 0)} of {number(task.windows)} done", width)
    return text.append("\n").append_text(_strip(windows, width)) if len(windows) > 1 else text


def _strip(windows: tuple[bool, ...], width: int) -> Text:
    """Return the windows from first to last, several in a cell if there are many."""
    cells = min(len(windows), width * _STRIP_LINES)
    text = Text()
    for index in range(cells):
        part = windows[index * len(windows) // cells : (index + 1) * len(windows) // cells]
        glyph, tone = ("■", "done") if all(part) else ("▪", "running") if any(part) else ("□", "muted")
        if index and index % width == 0:
            text.append("\n")
        text.append(glyph, tone)
    return text


def _facts(task: Task, situation: Situation, width: int) -> Text:
    text = _rule("Facts", "", width)
    for name, value in _known(task, situation):
        if value:
            text.append(f"\n{name:{_FACT}}", "muted").append(value)
    return text


def _known(task: Task, situation: Situation) -> list[tuple[str, str]]:
    """Return what is known about a task. Times are by the output server's clock, in its own zone."""
    offset = situation.board.now - situation.board.utc_now
    received, labelled = task.length_receive_table, task.length_output_table
    share = f", {100 * (labelled or 0) / received:.1f}%" if received else ""
    ends = task.date_range.split(" - ", 1)
    return [
        ("id", sanitize(task.task_id)),
        ("model", sanitize(f"{task.model_type} on {task.predict_type}")),
        ("input", sanitize(f"{task.target_table}.{task.source_table or '?'}")),
        *((name, sanitize(end)) for name, end in zip(("from", "to"), ends, strict=False)),
        ("output", sanitize(task.output_schema)),
        ("queue", sanitize(task.queue or "")),
        ("deployment", sanitize(task.deployment or "")),
        ("countdown", f"{task.countdown} s" if task.countdown is not None else ""),
        ("read", f"{number(received)} posts" if received is not None else ""),
        ("labelled", f"{number(labelled)} posts{share} of read" if labelled is not None else ""),
        ("created", _time(task.create_time)),
        ("started", _time(task.started_at and task.started_at + offset)),
        ("run time", f"{task.run_time * 60:,.1f} s" if task.run_time is not None else ""),
        ("due", _time(task.production_due and task.production_due + offset)),
        ("heard", _time(task.heartbeat and task.heartbeat + offset) if not task.finished else ""),
        ("production", f"{task.units_done or 0} of {task.units} units done" if task.units else ""),
        ("cleaned", _time(task.cleaned_at and task.cleaned_at + offset)),
        ("memory", f"{task.peak_memory:.0f} MB, the largest worker's peak" if task.peak_memory else ""),
        ("patterns", sanitize(task.pattern_hash or "")[:16]),
        ("generation", str(task.generation or "")),
    ]


def _time(moment: datetime | None) -> str:
    return str(moment - timedelta(microseconds=moment.microsecond)) if isinstance(moment, datetime) else ""


def _rule(title: str, words: str, width: int) -> Text:
    """Return the line that begins a section: its title, what it counts, and a rule."""
    text = Text.assemble((title, "bold accent"), " ", (words + " " if words else "", "muted"))
    return text.append("─" * max(width - text.cell_len, 0), "faint")
