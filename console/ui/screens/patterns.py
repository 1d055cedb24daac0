"""The patterns screen: the pattern files with their faults, and a box to try texts."""

import asyncio
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from console.highlight import highlight, visible
from console.sanitize import sanitize
from console.ui.formatting import cell, number
from console.ui.screens.base import BaseScreen, ScreenContext
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.text_input import TextInput
from jobs.errors import UnreadablePatterns
from jobs.services import load_explainer
from jobs.services.patterns import PatternFile, read_pattern_files
from patterns.explain import Explainer, Explanation
from patterns.files import Fault
from patterns.pattern_set import ModelType, PredictType

_MAX_SHOWN = 1_000
_MAX_HITS = 6


class PatternsScreen(BaseScreen):
    """The files on the left, the patterns or faults of one on the right, the box below."""

    TITLE = "Patterns"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "try", "Try a text"),
        Binding("r", "read", "Read again"),
    ]

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self._files: dict[str, PatternFile] = {}
        self._problems: list[Fault] = []
        self._explainers: dict[tuple[ModelType, PredictType], Explainer | str] = {}

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="body"):
            yield LiveTable(id="files")
            with Vertical(id="content"):
                yield LiveText(id="about")
                yield LiveTable(id="patterns")
        yield TextInput(
            placeholder="try a text against the model and predict type of the chosen file", id="try", compact=True
        )
        yield LiveText(id="hits")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#files", LiveTable).set_columns(
            {"model": 13, "label": 10, "predict": 11, "count": 6, "faults": 6}
        )
        self._set_columns()
        self.query_one("#files").focus()
        self.query_one("#about", LiveText).set_text("reading ...")
        self.action_read()

    def on_resize(self) -> None:
        """Give the patterns the remaining width."""
        self.call_after_refresh(self._set_columns)

    def _set_columns(self) -> None:
        table = self.query_one("#patterns", LiveTable)
        table.set_columns({"line": 6, "pattern": max(table.size.width - 24, 20), "match": 10})

    @work(group="read", exclusive=True, exit_on_error=False)
    async def action_read(self) -> None:
        """Read all pattern files again."""
        files, problems = await asyncio.to_thread(read_pattern_files, self.deployment.settings.patterns_dir)
        self._files, self._problems, self._explainers = {file.key: file for file in files}, problems, {}
        self.query_one("#files", LiveTable).show(list(self._files), lambda key: _file_cells(self._files[key]))
        self._show_file()
        self._try(self.query_one("#try", Input).value)

    @on(LiveTable.RowHighlighted, "#files")
    def _file_highlighted(self) -> None:
        self._show_file()
        self._try(self.query_one("#try", Input).value)

    @property
    def _file(self) -> PatternFile | None:
        return self._files.get(self.query_one("#files", LiveTable).cursor_key or "")

    def _show_file(self) -> None:
        file = self._file
        about = Text().append("".join(f"{sanitize(problem)}\n" for problem in self._problems), "failed")
        rows: list[tuple[str, tuple[Text, ...]]] = []
        if file is None:
            about.append(sanitize(f"pattern files are read from {self.deployment.settings.patterns_dir}"), "muted")
        elif file.faults:
            about.append(_faults(file), "bold failed")
            rows = [
                (str(index), (cell(fault.line or "", right=True), cell(fault.message, "failed"), cell("")))
                for index, fault in enumerate(file.faults[:_MAX_SHOWN])
            ]
        else:
            shown = min(len(file.patterns), _MAX_SHOWN)
            more = f", the first {shown:,} shown" if shown < len(file.patterns) else ""
            about.append(f"/{sanitize(file.label)}: {len(file.patterns):,} patterns{more}")
            rows = [
                (str(line), (cell(line, right=True), cell(visible(pattern.text)), cell(pattern.match_type)))
                for line, pattern in enumerate(file.patterns[:_MAX_SHOWN], start=1)
            ]
        self.query_one("#about", LiveText).set_text(about)
        cells = dict(rows)
        self.query_one("#patterns", LiveTable).show(list(cells), cells.__getitem__)

    @on(LiveTable.RowHighlighted, "#patterns")
    def _fault_highlighted(self) -> None:
        """Show the fault under the cursor in full."""
        file, key = self._file, self.query_one("#patterns", LiveTable).cursor_key
        if file is not None and file.faults and key is not None:
            about = Text().append(_faults(file), "bold failed").append(f"\n{sanitize(file.faults[int(key)])}", "failed")
            self.query_one("#about", LiveText).set_text(about)

    def action_try(self) -> None:
        """Move to the box."""
        self.query_one("#try").focus()

    def action_back(self) -> None:
        """Leave the box, or else the screen."""
        if self.focused is self.query_one("#try"):
            self.query_one("#files").focus()
        else:
            super().action_back()

    @on(Input.Changed, "#try")
    def _text_changed(self, event: Input.Changed) -> None:
        self._try(event.value)

    @work(group="try", exclusive=True, exit_on_error=False)
    async def _try(self, text: str) -> None:
        file, hits = self._file, self.query_one("#hits", LiveText)
        if file is None or not text:
            hits.set_text("")
            return
        key = (file.model_type, file.predict_type)
        if key not in self._explainers:
            self._explainers[key] = await asyncio.to_thread(_explainer, self.deployment.settings.patterns_dir, *key)
        explainer = self._explainers[key]
        if isinstance(explainer, str):
            hits.set_text(Text(sanitize(explainer), "failed"))
        else:
            hits.set_text(_verdict(explainer.explain(text)))


def _faults(file: PatternFile) -> str:
    return f"/{sanitize(file.label)}: {len(file.faults):,} faults; no task can be created with this file"


def _file_cells(file: PatternFile) -> tuple[Text, ...]:
    return (
        cell(file.model_type),
        cell(f"/{file.label}"),
        cell(file.predict_type),
        cell(number(len(file.patterns)), right=True),
        cell(len(file.faults) or "", "bold failed", right=True),
    )


def _explainer(directory: Path, model_type: ModelType, predict_type: PredictType) -> Explainer | str:
    """Return the explainer, or why it cannot be built."""
    try:
        return load_explainer(directory, model_type, predict_type)
    except UnreadablePatterns as error:
        return str(error)


def _verdict(explanation: Explanation) -> Text:
    decision, text = explanation.decision, explanation.text
    if decision is None:
        return Text("no pattern matches: the text gets no label", "waiting")
    shown = Text.assemble(
        (f"/{sanitize(decision.label)}", "bold done"),
        f" by {sanitize(visible(decision.pattern.text))} {decision.pattern.match_type}, line {decision.line}:  ",
        highlight(text, decision.spans),
    )
    for hit in explanation.hits[1:_MAX_HITS]:
        pattern = f"{sanitize(visible(hit.pattern.text))} {hit.pattern.match_type}, line {hit.line}"
        shown.append(f"\n  also /{sanitize(hit.label)} by {pattern}: {sanitize(explanation.reason(hit))}", "muted")
    if len(explanation.hits) > _MAX_HITS:
        shown.append(f"\n  and {len(explanation.hits) - _MAX_HITS} more", "muted")
    return shown
