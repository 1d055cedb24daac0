"""Suggested lines, added to a pattern file with a key; those that a gold file judges."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from console.figures import number, percent, percentage
from console.highlight import pattern_line, visible
from console.sanitize import sanitize
from console.ui.formatting import cell
from console.ui.pattern_book import SetKey
from console.ui.screens.base import BaseScreen, ScreenContext
from console.ui.screens.dialogs import Confirm
from console.ui.widgets.live_table import Cells, LiveTable
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title
from jobs.errors import AudienceError
from jobs.model.wording import counted
from jobs.services import GoldSuggestions, suggest_from_gold
from jobs.services.patterns import add_pattern
from patterns.files import pattern_path
from patterns.pattern_set import Pattern
from patterns.suggestions import Suggestion

# Precision and support that are asked for: the first that anything reaches.
_DEMANDS = ((0.97, 20), (0.95, 10), (0.9, 5))


@dataclass(frozen=True)
class Suggested:
    """What has been found."""

    note: Text
    """What to say about it all."""
    rows: Sequence[tuple[Cells, Text]] = ()
    """The cells of each line, and what to say about it, the best first."""


class SuggestionsScreen(BaseScreen):
    """Lines that could be added to the files of a pattern set, the best first."""

    TITLE = "Suggestions"

    BINDINGS: ClassVar[list[BindingType]] = [Binding("a", "add", "Add to a file")]

    COLUMNS: ClassVar[dict[str, int]] = {}
    """The columns and their widths. In a narrow terminal the last ones are left out."""
    WIDEST: ClassVar[str] = "pattern"
    """The column that gets the remaining width."""

    def __init__(self, context: ScreenContext, key: SetKey) -> None:
        super().__init__(context)
        self.key = key
        self.added: tuple[str, int] | None = None
        """The label and the line of the suggestion that was added."""
        self._suggested = Suggested(Text())

    def compose_body(self) -> ComposeResult:
        with Pane(id="body"):
            yield LiveText(id="note")
            yield LiveTable(id="suggestions")
            yield LiveText(id="row")

    def on_mount(self) -> None:
        super().on_mount()
        set_title(self.query_one("#body"), f"Suggestions ─ {self.key[0]} {self.key[1]}")
        self.query_one("#suggestions").focus()
        self._find()

    def on_resize(self) -> None:
        """Drop the columns that do not fit."""
        self.show_rows()

    async def find(self) -> Suggested:
        """Find the suggestions. Raises AudienceError."""
        raise NotImplementedError

    async def choose_line(self, row: int) -> tuple[str, Pattern] | None:
        """Ask, and return the label and the line to add, or None to add nothing."""
        raise NotImplementedError

    def say(self, text: Text) -> None:
        """Show a note above the table."""
        self.query_one("#note", LiveText).set_text(text)

    @work(group="suggest", exit_on_error=False)
    async def _find(self) -> None:
        try:
            self._suggested = await self.find()
            self.say(self._suggested.note)
        except AudienceError as error:
            self.say(Text(f"{error.code} {sanitize(error)}", "failed"))
        self.show_rows()

    def show_rows(self) -> None:
        """Show the suggestions in the columns that fit."""
        table, rows = self.query_one("#suggestions", LiveTable), self._suggested.rows
        columns = _columns_for(self.COLUMNS, self.WIDEST, table.size.width) if rows else {}
        table.set_columns(columns)
        table.show([str(row) for row in range(len(rows))], lambda key: rows[int(key)][0][: len(columns)])
        self._show_row()
        self.refresh_keys()

    @property
    def _chosen(self) -> int | None:
        key = self.query_one("#suggestions", LiveTable).cursor_key
        return int(key) if key is not None else None

    @on(LiveTable.RowHighlighted, "#suggestions")
    def _show_row(self) -> None:
        """Say what the suggestion under the cursor would do."""
        row = self._chosen
        self.query_one("#row", LiveText).set_text(Text() if row is None else self._suggested.rows[row][1])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to add what there is, unless nothing may be changed."""
        if action == "add":
            return self.is_mounted and bool(self._suggested.rows) and not self.deployment.read_only
        return super().check_action(action, parameters)

    @on(LiveTable.RowSelected, "#suggestions")
    def action_add(self) -> None:
        """Ask, then add the suggestion that was under the cursor when the key was pressed."""
        row = self._chosen
        if row is not None and self.check_action("add", ()):
            self._add(row)

    @work(group="dialog", exit_on_error=False)
    async def _add(self, row: int) -> None:
        chosen = await self.choose_line(row)
        if chosen is None:
            return
        (label, pattern), directory = chosen, self.deployment.settings.patterns_dir
        number = await asyncio.to_thread(add_pattern, directory, self.key[0], label, self.key[1], pattern)
        self.added = (label, number)
        self.show_message(f"added to {self.path_of(label)}, line {number}")
        self.action_back()

    def path_of(self, label: str) -> Path:
        """Return the file of a label, below the folder of all pattern files."""
        directory = self.deployment.settings.patterns_dir
        return pattern_path(directory, self.key[0], label, self.key[1]).relative_to(directory)


class GoldSuggestionsScreen(SuggestionsScreen):
    """Suggestions that are learnt from one half of a gold file, and judged by the other."""

    COLUMNS: ClassVar[dict[str, int]] = {
        "label": 10,
        "pattern": 14,
        "match": 9,
        "support": 7,
        "precision %": 17,
        "sure": 4,
        "adds": 6,
    }

    def __init__(self, context: ScreenContext, key: SetKey, gold_file: Path) -> None:
        super().__init__(context, key)
        self._gold_file = gold_file
        self._suggestions: tuple[Suggestion, ...] = ()

    async def find(self) -> Suggested:
        """See SuggestionsScreen."""
        self.say(Text(f"learning from {sanitize(self._gold_file)} ...  Escape stops it", "running"))
        directory = self.deployment.settings.patterns_dir
        for precision, support in _DEMANDS:
            suggest = partial(suggest_from_gold, precision=precision, support=support)
            found = await asyncio.to_thread(suggest, directory, self._gold_file, *self.key)
            if found.found.suggestions:
                break
        self._suggestions = found.found.suggestions
        rows = [(_cells(one), _about(one)) for one in self._suggestions]
        return Suggested(_summary(found, self._gold_file, precision, support), rows)

    async def choose_line(self, row: int) -> tuple[str, Pattern] | None:
        """See SuggestionsScreen."""
        one = self._suggestions[row]
        question = f"Add this line to {self.path_of(one.label)}?\n\n{pattern_line(one.pattern)}"
        return (one.label, one.pattern) if await self.ask(Confirm(question, "Add")) else None


def _summary(found: GoldSuggestions, gold_file: Path, precision: float, support: int) -> Text:
    count, before, after = len(found.found.suggestions), found.found.before, found.found.after
    name = sanitize(gold_file.name)
    asked = f"decides {support} texts or more with a precision of {precision:.0%} or more"
    if not count:
        more = "Label more texts; or go back, and press f for what posts without a label have in common."
        return Text(f"No line {asked} in the half of {name} that judges. {more}", "waiting")
    text = Text(f"Each of {counted(count, 'line')} {asked}, judged by {counted(before.lines, 'text')} of {name}. ")
    text.append("With all of them, ")
    text.append(f"labelled {percentage(before.coverage)} becomes {percentage(after.coverage)}, ")
    return text.append(f"right {percentage(before.precision)} becomes {percentage(after.precision)}.")


def _about(one: Suggestion) -> Text:
    text = Text(f"decides {one.support:,} of {counted(one.lines, 'text')}, {one.adds:,} of them without a label now; ")
    text.append(f"{percentage(one.precision)} right. ")
    return text.append("Surely as precise as requested." if one.sure else "More texts would show how precise it is.")


def _columns_for(wanted: Mapping[str, int], widest: str, width: int) -> dict[str, int]:
    """Return the columns that fit. The widest gets the remaining width."""
    rest, columns = width - 1, {}
    for name, needed in wanted.items():
        if rest < needed + 2:
            break
        rest -= needed + 2
        columns[name] = needed
    return {name: needed + (max(rest, 0) if name == widest else 0) for name, needed in columns.items()}


def _cells(one: Suggestion) -> Cells:
    return (
        cell(f"/{one.label}"),
        cell(visible(one.pattern.text)),
        cell(one.pattern.match_type, "muted"),
        cell(number(one.support), right=True),
        cell(percent(one.precision), right=True),
        cell("yes" if one.sure else "", "done"),
        cell(number(one.adds), right=True),
    )
