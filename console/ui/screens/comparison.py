"""A comparison: what the pattern files, or another task, change in the labels of a task, and which patterns do."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from console.figures import percentage, short_number
from console.highlight import visible
from console.sanitize import sanitize
from console.ui.formatting import cell
from console.ui.screens.base import BaseScreen, ScreenContext
from console.ui.screens.dialogs import Choose
from console.ui.task_words import model_words, range_words
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title
from jobs.errors import AudienceError
from jobs.model.difference import KINDS, Change, PatternChange, Side
from jobs.model.task import Task
from jobs.model.wording import counted
from jobs.services import SampledDiff, TaskDiff, diff_now, diff_tasks

# Changed rows that are kept as examples, and how many of them are shown for a pattern.
_KEPT, _SHOWN = 1_000, 30
_MOST_RESULTS = 6
_COLUMNS = {"of": 8, "label": 10, "line": 5, "pattern": 14, "match": 9, "gained": 6, "lost": 6, "changed": 7, "both": 4}
# A narrow table leaves these out, the first one first.
_OPTIONAL = ("both", "match", "line")


class ComparisonScreen(BaseScreen):
    """A task against the pattern files as they are, over a sample; or against another task, over all authors."""

    TITLE = "Comparison"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "compare", "Compare again"),
        Binding("c", "other", "With another task"),
    ]

    def __init__(self, context: ScreenContext, before: Task, after: Task | None = None) -> None:
        """Compare a task with a later one, or with the pattern files."""
        super().__init__(context)
        self._before, self._after = before, after
        self._found: SampledDiff | TaskDiff | None = None

    def compose_body(self) -> ComposeResult:
        with Pane(id="body"):
            yield LiveText(id="note")
            yield LiveTable(id="changes")
        with Pane(id="row-box"), VerticalScroll():
            yield LiveText(id="row")

    def on_mount(self) -> None:
        super().on_mount()
        set_title(self.query_one("#row-box"), "What it changed")
        self.query_one("#changes").focus()
        self.action_compare()

    def on_resize(self) -> None:
        """Drop the columns that do not fit."""
        self.call_after_refresh(self._show)

    def action_compare(self) -> None:
        """Compare, over another sample if it is one."""
        self._found = None
        self._show()
        self._compare()

    @work(group="compare", exclusive=True, exit_on_error=False)
    async def _compare(self) -> None:
        deployment, task_id = self.deployment, self._before.task_id
        self._say("comparing ...  Escape stops it", "running")
        try:
            if self._after is None:
                self._found = await diff_now(
                    deployment, task_id, listed=KINDS, limit=_KEPT, on_progress=self._show_progress
                )
            else:
                self._found = await diff_tasks(deployment, task_id, self._after.task_id, KINDS, _KEPT)
        except AudienceError as error:
            self._say(f"{error.code} {error}", "failed")
            return
        self._show()

    def _show_progress(self, done: float) -> None:
        self._say(f"comparing, {done:.0%} ...  Escape stops it", "running")

    def _say(self, what: str, style: str) -> None:
        self.query_one("#note", LiveText).set_text(Text(sanitize(what), style))

    @work(group="dialog", exit_on_error=False)
    async def action_other(self) -> None:
        """Choose another finished task of the predict type to compare with, or the pattern files."""
        board = self.snapshot.board
        tasks = [
            task
            for task in (board.tasks if board else ())
            if task.can_compare
            and task.task_id != self._before.task_id
            and task.predict_type == self._before.predict_type
        ]
        lines = ["the pattern files now", *map(task_line, tasks)]
        chosen = await self.ask(Choose(f"Compare {self._before.task_id[:8]} with", lines))
        if chosen is not None:
            self._after = [None, *tasks][lines.index(chosen)]
            self.action_compare()

    def _show(self) -> None:
        if not self.is_mounted:
            return
        self.query_one("#row-box").display = bool(self._patterns)
        other = f"task {self._after.task_id[:8]}" if self._after else "the pattern files now"
        set_title(self.query_one("#body"), f"Task {self._before.task_id[:8]} against {other}")
        if self._found is not None:
            self.query_one("#note", LiveText).set_text(_summary(self._found))
        table, rows = self.query_one("#changes", LiveTable), self._patterns
        columns = _columns_for(table.size.width - 1) if rows else {}
        table.set_columns(columns)
        sides: dict[Side, str] = {
            "before": self._before.task_id[:8],
            "after": self._after.task_id[:8] if self._after else "files",
        }

        def cells(key: str) -> tuple[Text, ...]:
            shown = _cells(rows[int(key)], sides)
            return tuple(shown[name] for name in columns)

        table.show([str(number) for number in range(len(rows))], cells)
        self._show_row()

    @property
    def _patterns(self) -> Sequence[PatternChange]:
        return (self._found.patterns or ()) if self._found else ()

    @on(LiveTable.RowHighlighted, "#changes")
    def _show_row(self) -> None:
        """Show what the pattern under the cursor changed."""
        key, found = self.query_one("#changes", LiveTable).cursor_key, self._found
        text = Text()
        if key is not None and found is not None and int(key) < len(self._patterns):
            pattern = self._patterns[int(key)]
            examples = {change.text: change for change in found.changes if _is_by(change, pattern)}
            text = Text("\n").join(map(_example, islice(examples.values(), _SHOWN)))
        self.query_one("#row", LiveText).set_text(text)


def task_line(task: Task) -> str:
    """Return what tells a task from others, in a line."""
    return f"{task.task_id[:8]}  {task.create_time:%Y-%m-%d %H:%M}  {model_words(task)}, {range_words(task)}"


def _summary(found: SampledDiff | TaskDiff) -> Text:
    if isinstance(found, TaskDiff):
        text = Text("\n").join(
            Text(
                f"{sanitize(result)}: {counted(one.gained, 'author')} gained, {one.lost:,} lost,"
                f" {one.changed:,} changed, {one.same:,} the same"
            )
            for result, one in list(found.results.items())[:_MOST_RESULTS]
        )
        if len(found.results) > _MOST_RESULTS:
            text.append(f"\nand {len(found.results) - _MOST_RESULTS} more results: audience diff lists them", "muted")
        if found.patterns is None:
            text.append("\nwhich patterns made the difference is not known: those of one task are not kept", "waiting")
    else:
        posts = f"{'all ' if found.everything else ''}{counted(found.rows, 'post')}"
        words = {"gained": "gain a label", "lost": "lose theirs", "changed": "change it"}
        shares = ", ".join(f"{percentage(found.shares[kind])} {words[kind]}" for kind in KINDS)
        text = Text.assemble(("sample  ", "muted"), f"{posts}: {shares}")
    if found.patterns is not None and not found.patterns:
        text.append("\nno pattern made a difference", "done")
    return text


def _is_by(change: Change, pattern: PatternChange) -> bool:
    by = change.pattern_before if pattern.side == "before" else change.pattern_after
    panels = change.before if pattern.side == "before" else change.after
    return by is not None and f", {pattern.pattern}, " in f", {by}, " and f"/{pattern.label}" in panels


def _example(change: Change) -> Text:
    before, after = (sanitize(" ".join(panels)) or "no label" for panels in (change.before, change.after))
    text = Text.assemble(sanitize(change.text), ("  ", ""), (before, "muted"), (" → ", "muted"), (after, "bold"))
    by = [
        f"{side} {sanitize(name)}"
        for side, name in (("was", change.pattern_before), ("by", change.pattern_after))
        if name
    ]
    return text.append(f"  {', '.join(by)}", "muted")


def _columns_for(width: int) -> dict[str, int]:
    """Return the columns that fit. The pattern gets the remaining width."""
    columns = dict(_COLUMNS)
    for name in _OPTIONAL:
        if sum(columns.values()) + 2 * len(columns) > width:
            del columns[name]
    rest = width - sum(columns.values()) - 2 * len(columns)
    return columns | {"pattern": columns["pattern"] + max(rest, 0)}


def _cells(one: PatternChange, sides: Mapping[Side, str]) -> dict[str, Text]:
    def count(value: int, style: str = "") -> Text:
        return cell(short_number(value), style if value else "muted", right=True)

    return {
        "of": cell(sides[one.side], "muted"),
        "label": cell(f"/{one.label}"),
        "line": cell(one.line, "muted", right=True),
        "pattern": cell(visible(one.pattern.text)),
        "match": cell(one.pattern.match_type, "muted"),
        "gained": count(one.gained, "done"),
        "lost": count(one.lost, "failed"),
        "changed": count(one.changed, "waiting"),
        "both": cell("yes" if one.in_both else "no", "muted"),
    }
