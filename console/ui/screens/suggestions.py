"""Suggested lines: judged by a gold file, and added to a pattern file with a key."""

import asyncio
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from console.highlight import visible
from console.sanitize import sanitize
from console.shares import percent
from console.ui.formatting import cell, number
from console.ui.pattern_book import SetKey
from console.ui.screens.base import BaseScreen, ScreenContext
from console.ui.screens.dialogs import Confirm
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title
from jobs.errors import AudienceError
from jobs.services import GoldSuggestions, suggest_from_gold
from jobs.services.patterns import add_pattern
from patterns.files import pattern_path
from patterns.suggestions import Suggestion

# Precision and support that are asked for: the first that anything reaches.
_DEMANDS = ((0.97, 20), (0.95, 10), (0.9, 5))
# The columns and their widths. In a narrow terminal the last ones are left out.
_COLUMNS = {"label": 10, "pattern": 14, "match": 9, "support": 7, "precision %": 17, "sure": 4, "adds": 6}


class SuggestionsScreen(BaseScreen):
    """Lines that could be added to the files of a pattern set, the best first."""

    TITLE = "Suggestions"

    BINDINGS: ClassVar[list[BindingType]] = [Binding("a", "add", "Add to its file")]

    def __init__(self, context: ScreenContext, key: SetKey, gold_file: Path) -> None:
        super().__init__(context)
        self.key = key
        self._gold_file = gold_file
        self._suggestions: tuple[Suggestion, ...] = ()
        self.added: tuple[str, int] | None = None
        """The label and the line of the suggestion that was added."""

    def compose_body(self) -> ComposeResult:
        with Pane(id="body"):
            yield LiveText(id="note")
            yield LiveTable(id="suggestions")
            yield LiveText(id="row")

    def on_mount(self) -> None:
        super().on_mount()
        set_title(self.query_one("#body"), f"Suggestions ─ {self.key[0]} {self.key[1]}")
        self.query_one("#note", LiveText).set_text(Text(f"learning from {sanitize(self._gold_file)} ...", "muted"))
        self.query_one("#suggestions").focus()
        self._suggest()

    def on_resize(self) -> None:
        """Drop the columns that do not fit."""
        self._show_rows()

    @work(group="suggest", exit_on_error=False)
    async def _suggest(self) -> None:
        note = self.query_one("#note", LiveText)
        directory = self.deployment.settings.patterns_dir
        try:
            for precision, support in _DEMANDS:
                suggest = partial(suggest_from_gold, precision=precision, support=support)
                found = await asyncio.to_thread(suggest, directory, self._gold_file, *self.key)
                if found.found.suggestions:
                    break
        except AudienceError as error:
            note.set_text(Text(f"{error.code} {sanitize(error)}", "failed"))
            return
        self._suggestions = found.found.suggestions
        note.set_text(_summary(found, self._gold_file, precision, support))
        self._show_rows()

    def _show_rows(self) -> None:
        table, rows = self.query_one("#suggestions", LiveTable), self._suggestions
        table.styles.visibility = "visible" if rows else "hidden"
        columns = _columns_for(table.size.width)
        table.set_columns(columns)
        table.show([str(row) for row in range(len(rows))], lambda key: _cells(rows[int(key)])[: len(columns)])
        self._show_row()
        self.refresh_keys()

    @property
    def _chosen(self) -> Suggestion | None:
        key = self.query_one("#suggestions", LiveTable).cursor_key
        return self._suggestions[int(key)] if key is not None else None

    @on(LiveTable.RowHighlighted, "#suggestions")
    def _show_row(self) -> None:
        """Say what the suggestion under the cursor would do."""
        one, text = self._chosen, Text()
        if one is not None:
            text.append(f"decides {one.support:,} of {one.lines:,} texts, {one.adds:,} of them without a label now; ")
            text.append(f"{percent(one.precision)} % right. ")
            text.append("Surely as precise as requested." if one.sure else "More texts would show how precise it is.")
        self.query_one("#row", LiveText).set_text(text)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to add what there is, unless nothing may be changed."""
        if action == "add":
            return self.is_mounted and bool(self._suggestions) and not self.deployment.read_only
        return super().check_action(action, parameters)

    @on(LiveTable.RowSelected, "#suggestions")
    def action_add(self) -> None:
        """Ask, then add the suggestion that was under the cursor when the key was pressed."""
        one = self._chosen
        if one is not None and self.check_action("add", ()):
            self._add(one)

    @work(group="dialog", exit_on_error=False)
    async def _add(self, one: Suggestion) -> None:
        directory = self.deployment.settings.patterns_dir
        path = pattern_path(directory, self.key[0], one.label, self.key[1])
        line = visible(one.pattern.text) + ("" if one.pattern.match_type == "regex" else f"  {one.pattern.match_type}")
        if not await self.ask(Confirm(f"Add this line to {path.relative_to(directory)}?\n\n{line}", "Add")):
            return
        number = await asyncio.to_thread(add_pattern, directory, self.key[0], one.label, self.key[1], one.pattern)
        self.added = (one.label, number)
        self.show_message(f"added to {path.relative_to(directory)}, line {number}")
        self.action_back()


def _summary(found: GoldSuggestions, gold_file: Path, precision: float, support: int) -> Text:
    count, before, after = len(found.found.suggestions), found.found.before, found.found.after
    name = sanitize(gold_file.name)
    asked = f"decides {support} texts or more with a precision of {precision:.0%} or more"
    if not count:
        return Text(f"No line {asked} in the half of {name} that judges. Label more texts.", "waiting")
    text = Text(f"Each of {count:,} lines {asked}, judged by {before.lines:,} texts of {name}. With all of them, ")
    text.append(f"labelled {percent(before.coverage)} % becomes {percent(after.coverage)} %, ")
    return text.append(f"right {percent(before.precision)} % becomes {percent(after.precision)} %.")


def _columns_for(width: int) -> dict[str, int]:
    """Return the columns that fit. The pattern gets the remaining width."""
    rest, columns = width - 1, {}
    for name, needed in _COLUMNS.items():
        if rest < needed + 2:
            break
        rest -= needed + 2
        columns[name] = needed
    return {name: needed + (max(rest, 0) if name == "pattern" else 0) for name, needed in columns.items()}


def _cells(one: Suggestion) -> tuple[Text, ...]:
    return (
        cell(f"/{one.label}"),
        cell(visible(one.pattern.text)),
        cell(one.pattern.match_type, "muted"),
        cell(number(one.support), right=True),
        cell(percent(one.precision), right=True),
        cell("yes" if one.sure else "", "done"),
        cell(number(one.adds), right=True),
    )
