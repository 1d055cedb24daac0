"""What there is to say about a task, as text: how it stands, its results, its pace, its windows, its facts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rich.cells import cell_len
from rich.text import Text

from console.figures import duration, number, short_number
from console.sanitize import sanitize
from console.ui.formatting import bar, blocks, fit, share_labelled
from console.ui.task_columns import Situation
from console.ui.task_words import (
    DONE,
    FAILED,
    RUNNING,
    WAITING,
    Standing,
    done_words,
    producing_words,
    share_done,
    standing,
    unserved,
    waiting_words,
)
from jobs.model.event import TaskEvent
from jobs.model.task import ResultFigures, Task, TaskStatus
from jobs.model.windows import WindowState
from jobs.model.wording import counted
from jobs.services import TaskHits
from jobs.services.panels import PanelCounts

_STRIP_LINES = 3
_FACT = 11
MAP: dict[Standing, tuple[str, str]] = {
    FAILED: ("✗", "bold failed"),
    RUNNING: ("▸", "bold running"),
    DONE: ("■", "done"),
    WAITING: ("□", "muted"),
}
"""The glyphs and tones of the windows in a map, the most urgent first."""
_PARTLY_DONE = ("▪", "done")
_FAILED_WINDOW = re.compile(r"window (\d+):")


@dataclass(frozen=True)
class TaskData:
    """What has been read about a task beyond its row in the state table."""

    windows: tuple[WindowState, ...] = ()
    panels: PanelCounts = field(default_factory=dict)
    hits: TaskHits | str = ""
    """Or why they are not known."""
    events: tuple[TaskEvent, ...] = ()


def detail_text(task: Task, situation: Situation, data: TaskData, width: int, height: int) -> Text:
    """Return everything there is to say about a task, for this width and height. Blank lines are left if they fit."""
    sections = [
        standing_text(task, situation, width),
        _results(task, data.panels, width),
        _pace(task, situation, width),
        _windows(task, situation, data.windows, width),
        _facts(task, situation, width),
    ]
    sections = [section for section in sections if section]
    lines = sum(section.plain.count("\n") + 1 for section in sections) + len(sections) - 1
    return Text("\n\n" if lines <= height else "\n").join(sections)


def standing_text(task: Task, situation: Situation, width: int) -> Text:
    """Return how a task stands, with a bar while it runs, and what can be done about it."""
    text = Text()
    now = standing(task)
    text.append(f"{now.glyph} {now.word if now.word != 'running' else 'labelling'}", now.tone)
    if task.status is TaskStatus.STARTED:
        text.append(f" {share_done(task):.0%}", "bold running")
    rate, left = situation.rates.rows_per_second(task), situation.rates.seconds_left(task)
    if rate is not None:
        text.append(f"  {short_number(rate)} posts/s")
    if left is not None:
        text.append(f"  {duration(left)} left")
    if task.status is TaskStatus.STARTED or (task.stopped and task.windows_done):
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
    if task.stopped and task.check_point and task.start_time and task.check_point > task.start_time:
        text.append(f"\neverything before {time_words(task.check_point)} is labelled")
    if task.task_id in situation.stale:
        text.append("\nstale: the pattern files have changed since it was created; d compares", "waiting")
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
    widths = [max(map(len, counts)) for counts in zip(*map(_counts, figures), strict=True)]
    for one in figures:
        padded = "".join(f"{count:>{widest}}" for count, widest in zip(_counts(one), widths, strict=True))
        share = f"{one.rate:.1f}%" if one.rate is not None else ""
        text.append("\n" + fit(one.result, name_width) + " ", "bold")
        # As long for each result, so that the eye can compare them.
        room = width - name_width - 1 - 8 - sum(widths)
        if one.rate is not None and room >= 4:
            text.append_text(bar(one.rate / 100, min(room, 30), "done"))
        text.append(f" {share:>6} " if share else " ").append(padded, "muted")
        counted = panels.get(one.result, {})
        total = sum(counted.values())
        shares = [f"{sanitize(panel)} {count / total:.0%}" for panel, count in sorted(counted.items())]
        if shares:
            text.append(f"\n{'':{name_width + 1}}{'  '.join(shares)}", "muted")
    return text


def _counts(figures: ResultFigures) -> tuple[str, str, str]:
    if figures.produced is None:
        return "not yet produced", "", ""
    return number(figures.produced), " of ", number(figures.authors)


def _pace(task: Task, situation: Situation, width: int) -> Text:
    history = situation.rates.history(task)[-width:] if task.status is TaskStatus.STARTED else []
    if len(history) < 2:
        return Text()
    text = _rule("Pace", f"at most {short_number(max(history))} posts/s", width)
    return text.append("\n" + blocks(history), "running")


def _windows(task: Task, situation: Situation, windows: Sequence[WindowState], width: int) -> Text:
    if not task.windows:
        return Text()
    text = _rule("Windows", f"{number(task.windows_done or 0)} of {number(task.windows)} done", width)
    kinds = window_standings(task, situation, windows)
    return text.append("\n").append_text(window_map(kinds, width, _STRIP_LINES)) if len(kinds) > 1 else text


def window_standings(task: Task, situation: Situation, windows: Sequence[WindowState]) -> list[Standing]:
    """Return how each window stands.

    Workers claim windows in order, one each, so the first open ones are being worked on by the workers that say that
    they work on the task: a claim itself cannot be seen from outside.
    """
    workers = situation.fleet.workers if situation.fleet and task.status is TaskStatus.STARTED else ()
    running = sum(task.task_id in worker.tasks and not worker.silent for worker in workers)
    match = _FAILED_WINDOW.match(task.error or "")
    failed = int(match[1]) if match else 0
    kinds = []
    for window in windows:
        if window.done:
            kinds.append(DONE)
        elif window.attempts or window.number == failed:
            kinds.append(FAILED)
        elif running:
            running -= 1
            kinds.append(RUNNING)
        else:
            kinds.append(WAITING)
    return kinds


def window_map(kinds: Sequence[Standing], width: int, lines: int, gap: str = "") -> Text:
    """Return the windows from first to last, several in a mark if there are many."""
    cells = min(len(kinds), width * lines)
    text = Text()
    for index in range(cells):
        part = set(kinds[index * len(kinds) // cells : (index + 1) * len(kinds) // cells])
        urgent = next(kind for kind in MAP if kind in part)
        glyph, tone = _PARTLY_DONE if urgent is DONE and WAITING in part else MAP[urgent]
        if index and index % width == 0:
            text.append("\n")
        text.append(glyph + gap, tone)
    return text


def _facts(task: Task, situation: Situation, width: int) -> Text:
    text = _rule("Facts", "", width)
    for name, value in facts(task, situation):
        text.append(f"\n{name:{_FACT}}", "muted").append(value)
    return text


def facts(task: Task, situation: Situation) -> list[tuple[str, str]]:
    """Return what is known about a task. Times are by the output server's clock, in its own zone."""
    return [(name, value) for name, value in _facts_and_blanks(task, situation) if value]


def _facts_and_blanks(task: Task, situation: Situation) -> list[tuple[str, str]]:
    offset = situation.board.now - situation.board.utc_now
    received, labelled = task.length_receive_table, task.length_output_table
    share = f" ({share_labelled(task)})" if received else ""
    ends = task.date_range.split(" - ", 1)
    return [
        ("id", sanitize(task.task_id)),
        ("model", sanitize(f"{task.model_type} on {task.predict_type}")),
        ("input", sanitize(f"{task.target_table}.{task.source_table or '?'}")),
        *((name, sanitize(end)) for name, end in zip(("from", "to"), ends, strict=False)),
        ("output", sanitize(task.output_schema)),
        ("queue", sanitize(task.queue or "")),
        ("deployment", sanitize(task.deployment or "")),
        ("schedule", sanitize(task.schedule or "")),
        ("countdown", f"{task.countdown} s" if task.countdown is not None else ""),
        ("read", counted(received, "post") if received is not None else ""),
        ("labelled", f"{counted(labelled, 'post')}{share}" if labelled is not None else ""),
        ("created", time_words(task.create_time)),
        ("started", time_words(task.started_at and task.started_at + offset)),
        ("run time", f"{task.run_time * 60:,.1f} s" if task.run_time is not None else ""),
        ("due", time_words(task.production_due and task.production_due + offset)),
        ("heartbeat", time_words(task.heartbeat and task.heartbeat + offset) if not task.finished else ""),
        ("production", f"{task.units_done or 0} of {counted(task.units, 'unit')} done" if task.units else ""),
        ("cleaned", time_words(task.cleaned_at and task.cleaned_at + offset)),
        ("memory", f"{task.peak_memory:.0f} MB, the largest worker's peak" if task.peak_memory else ""),
        ("patterns", sanitize(task.pattern_hash or "")[:16] + (", stale" if task.task_id in situation.stale else "")),
        ("generation", str(task.generation or "")),
    ]


def time_words(moment: datetime | None) -> str:
    """Return a time to the second; "" for None."""
    return str(moment - timedelta(microseconds=moment.microsecond)) if isinstance(moment, datetime) else ""


def _rule(title: str, words: str, width: int) -> Text:
    """Return the line that begins a section: its title, what it counts, and a rule."""
    text = Text.assemble((title, "bold accent"), " ", (words + " " if words else "", "muted"))
    return text.append("─" * max(width - text.cell_len, 0), "faint")
