"""The tabs of a task's page, as text: results, windows, pace, patterns, facts, events."""

from collections import Counter
from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.text import Text

from console.figures import duration, number, short_number
from console.highlight import pattern_line, shorten_middle
from console.sanitize import sanitize
from console.ui.formatting import bar, fit, graph, hanging
from console.ui.task_columns import Situation
from console.ui.task_text import MAP, TaskData, facts, time_words, window_map, window_standings
from console.ui.task_words import DONE, FAILED, RUNNING, WAITING, Standing, unlabelled_words
from jobs.model.event import EventKind
from jobs.model.task import ResultFigures, Task, TaskStatus
from jobs.model.windows import WindowState
from jobs.model.wording import counted
from jobs.services import PatternCount, TaskHits

TABS = ("results", "windows", "pace", "patterns", "facts", "events")

_MOST_FAILED = 20
_MOST_PATTERNS = 200
_TWO_COLUMNS = 110
_NARROW = 60
_METER = 20
_GRAPH_LINES = 16
_ROUND = (10, 20, 25, 50, 100)
"""How many windows a line of the map may have."""
_TONES = {
    EventKind.STARTED: "running",
    EventKind.JOINED: "running",
    EventKind.RETRIED: "waiting",
    EventKind.REQUEUED: "waiting",
    EventKind.LABELLED: "done",
    EventKind.PRODUCED: "done",
    EventKind.FAILED: "failed",
    EventKind.ABORTED: "aborted",
}


def first_tab(task: Task) -> str:
    """Return the tab that says most about a task."""
    if task.stopped:
        return "events"
    if task.awaits_labelling:
        return "windows" if task.windows_done else "facts"
    return "results"


def tab_text(tab: str, task: Task, situation: Situation, data: TaskData, width: int, height: int) -> Text:
    """Return a tab for this width and height. It may be longer than that."""
    draw: dict[str, Callable[[Task, Situation, TaskData, int, int], Text]] = {
        "results": _results,
        "windows": _windows,
        "pace": _pace,
        "patterns": _patterns,
        "facts": _facts,
        "events": _events,
    }
    return draw[tab](task, situation, data, width, height)


def _results(task: Task, situation: Situation, data: TaskData, width: int, height: int) -> Text:
    figures = task.result_figures
    if not figures:
        empty = f"{unlabelled_words(task).capitalize()}." if task.produced else "Known when the label job has ended."
        return Text(empty, "muted")
    panels = [f"  {panel}" for counts in data.panels.values() for panel in counts]
    names = min(max(cell_len(sanitize(name)) for name in (*(one.result for one in figures), *panels)) + 1, width // 3)
    text = Text(f"{'':{names}}authors labelled, of all authors in the posts read", "muted")
    room = max(len(number(one.produced)) for one in figures)
    for one in figures:
        text.append("\n").append_text(_result(one, names, room, width))
        counts = data.panels.get(one.result, {})
        for panel, count in counts.items():
            share = count / max(sum(counts.values()), 1)
            text.append("\n" + fit(f"  {panel}", names - 1) + " ", "accent")
            text.append_text(bar(share, _bar_width(names, width), "accent"))
            text.append(f" {share:6.1%} ").append(f"{count:>{room},}", "muted")
    if task.produced and len(figures) > 1:
        text.append("\n\n" + fit("together", names), "bold")
        text.append(f"{counted(sum(one.produced or 0 for one in figures), 'author')} in {len(figures)} results")
        text.append("" if task.rate is None else f", {task.rate:.1f}% of all", "muted")
    return text


def _result(one: ResultFigures, names: int, room: int, width: int) -> Text:
    text = Text(fit(one.result, names - 1) + " ", "bold")
    if one.produced is None or one.rate is None:
        return text.append("not yet produced", "muted")
    text = Text.assemble(text, bar(one.rate / 100, _bar_width(names, width), "done"))
    return text.append(f" {one.rate:5.1f}% ").append(
        f"{number(one.produced):>{room}} of {number(one.authors)}", "muted"
    )


def _bar_width(names: int, width: int) -> int:
    return max(min(width - names - 30, 60), 4)


def _windows(task: Task, situation: Situation, data: TaskData, width: int, height: int) -> Text:
    if not data.windows:
        return Text("Reading the windows ..." if task.windows else "This task has no windows.", "muted")
    kinds = window_standings(task, situation, data.windows)
    counts = Counter(kinds)
    text = Text()
    for kind in (DONE, RUNNING, WAITING, FAILED):
        glyph, tone = MAP[kind]
        if counts[kind]:
            text.append("   " if text else "").append(glyph, tone).append(f" {number(counts[kind])} ")
            text.append("failed, to be tried again" if kind is FAILED and not task.finished else kind.word)
    failed = [window for window, kind in zip(data.windows, kinds, strict=True) if kind is FAILED][:_MOST_FAILED]
    lines = max(height - 2 - (len(failed) + 1 if failed else 0), 3)
    text.append("\n").append_text(_map(data.windows, kinds, width, lines))
    if failed:
        text.append("\n")
    for window in failed:
        text.append(f"\nwindow {window.number}", "failed").append(f"  {window.start_time} to {window.end_time}")
        if window.attempts:
            text.append(f"  failed {counted(window.attempts, 'time')}", "muted")
    return text


def _map(windows: Sequence[WindowState], kinds: Sequence[Standing], width: int, lines: int) -> Text:
    """Return the windows in lines of a round number, each with the number and the start of its first one."""
    days = len({window.start_time for window in windows}) > 1
    label = 6 + (12 if days else 0)
    columns = max((count for count in _ROUND if 2 * count <= width - label), default=_ROUND[0])
    together = -(-len(kinds) // (columns * lines))
    text = Text()
    if together > 1:
        text.append(f"each mark is {together} windows", "muted")
    for first in range(0, len(kinds), columns * together):
        part = kinds[first : first + columns * together]
        text.append(f"\n{windows[first].number:>5} ", "muted")
        if days:
            text.append(f"{windows[first].start_time:%Y-%m-%d}  ", "muted")
        text.append_text(window_map(part, -(-len(part) // together), 1, gap=" "))
    return text


def _pace(task: Task, situation: Situation, data: TaskData, width: int, height: int) -> Text:
    history = situation.rates.history(task)
    average = _average(task)
    if len(history) < 2 or not any(history):
        return average or Text("Shown while the label job runs.", "muted")
    greatest, now = max(history), f"now {short_number(history[-1])}, " if task.status is TaskStatus.STARTED else ""
    text = Text.assemble(("posts/s", "bold accent"), f"  {now}at most ")
    text.append(f"{short_number(greatest)}, in the {duration(len(history))} that this console has seen\n")
    rows, columns = max(min(height - 4 - 2 * bool(average), _GRAPH_LINES), 2), width - 7
    for place, line in enumerate(graph(history, columns, rows, greatest)):
        mark = short_number(greatest * (rows - place) / rows) if place in (0, rows // 2) else ""
        text.append(f"\n{mark:>6} ", "muted").append(f"{line:>{columns}}", "running")
    text.append(f"\n{'0':>6} ", "muted").append("─" * columns, "faint")
    text.append(f"\n{'now':>{width}}", "muted")
    return text.append("\n\n").append_text(average) if average else text


def _average(task: Task) -> Text:
    if not task.run_time or not task.length_receive_table:
        return Text()
    seconds = task.run_time * 60
    text = Text(f"{counted(task.length_receive_table, 'post')} in {seconds:,.1f} s: ")
    return text.append(f"{short_number(task.length_receive_table / seconds)} posts/s on average", "bold")


def _patterns(task: Task, situation: Situation, data: TaskData, width: int, height: int) -> Text:
    if task.awaits_labelling or (task.stopped and task.units is None):
        return Text("Known when the label job has ended.", "muted")
    if not isinstance(data.hits, TaskHits):
        return Text(sanitize(data.hits or "Reading the hits ..."), "muted")
    counts = _counts(data.hits)
    unused = len(data.hits.unused())
    if not counts:
        return Text("No pattern decided about a post.", "muted")
    narrow = width < _NARROW
    longest = max(cell_len(sanitize(count.label)) for count in counts) + 1
    label_width = min(max(longest, len("label")), 8 if narrow else 14)
    text = Text(
        f"{'posts':>11}{'' if narrow else '   authors'}  {'label':{label_width}} {'line':>6} pattern\n", "muted"
    )
    room = max(width - (22 if narrow else 32) - label_width, 10)
    for count in counts[:_MOST_PATTERNS]:
        text.append(f"{count.rows:>11,}{'' if narrow else f'{count.authors:>10,}'}  ")
        text.append(fit(f"/{count.label}", label_width), "accent")
        text.append(f" {count.line:>6} ", "muted")
        name = Text(shorten_middle(sanitize(pattern_line(count.pattern)), room))
        text.append_text(name)
        if room - name.cell_len > _METER + 2:
            blank = " " * (room - _METER - name.cell_len)
            text.append(blank).append_text(bar(count.rows / counts[0].rows, _METER, "accent"))
        text.append("\n")
    more = f"{len(counts) - _MOST_PATTERNS:,} more decided about some posts, " if len(counts) > _MOST_PATTERNS else ""
    text.append(f"\n{more}{counted(unused, 'pattern')} decided about none; all: ", "muted")
    return text.append(f"audience hits {task.task_id}")


def _counts(hits: TaskHits) -> list[PatternCount]:
    """Return what each pattern decided for all results together, those with the most posts first."""
    by_line: dict[tuple[str, int], PatternCount] = {}
    for result in hits.results:
        for count in hits.pattern_counts(result):
            known = by_line.get((count.label, count.line))
            rows, authors = (known.rows, known.authors) if known else (0, 0)
            by_line[count.label, count.line] = PatternCount(
                count.label, count.line, count.pattern, rows + count.rows, authors + count.authors
            )
    return sorted(by_line.values(), key=lambda count: -count.rows)


def _facts(task: Task, situation: Situation, data: TaskData, width: int, height: int) -> Text:
    known = facts(task, situation)
    if width < _TWO_COLUMNS:
        return Text("\n").join(_fact(*fact) for fact in known)
    half = (len(known) + 1) // 2
    left, right = known[:half], known[half:]
    lines = []
    for place, fact in enumerate(left):
        line = _fact(*fact)
        if place < len(right):
            line.append(" " * max(width // 2 - line.cell_len, 1)).append_text(_fact(*right[place]))
        lines.append(line)
    return Text("\n").join(lines)


def _fact(name: str, value: str) -> Text:
    return Text.assemble((f"{name:11}", "muted"), value)


def _events(task: Task, situation: Situation, data: TaskData, width: int, height: int) -> Text:
    if not data.events:
        return Text("No event is known: an earlier release created this task.", "muted")
    offset = situation.board.now - situation.board.utc_now
    lines = []
    for event in reversed(data.events):
        tone = _TONES.get(event.kind, "bold")  # type: ignore[call-overload]
        at = Text.assemble((f"{time_words(event.at + offset)}  ", "muted"), (f"{sanitize(event.kind):10}", tone))
        lines.append(hanging(at, event.words, width))
    return Text("\n").join(lines)
