"""The pattern files: what is in them, what is wrong with them, and what a text would get."""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from console.sanitize import harmless
from console.ui.formatting import cell, number
from console.ui.screens.base import Page
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.text_input import Field
from jobs.deployment import Site
from patterns.files import Fault, PatternFileError, label_names, read_pattern_file, read_pattern_set
from patterns.matcher import Match, Matcher, PatternsTooLarge, build_matcher
from patterns.pattern_set import MODEL_TYPES, PREDICT_TYPES, ModelType, Pattern, PredictType

_MOST_SHOWN = 1_000
_MOST_HITS = 6


@dataclass(frozen=True)
class PatternFile:
    """One pattern file as it is now."""

    model_type: ModelType
    predict_type: PredictType
    label: str
    patterns: tuple[Pattern, ...]
    faults: tuple[Fault, ...]

    @property
    def key(self) -> str:
        """Names it among all."""
        return f"{self.model_type}/{self.label}/{self.predict_type}"


class PatternsPage(Page):
    """The files on the left, the patterns or faults of one on the right, a box to try texts below."""

    TITLE = "Patterns"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "try", "Try a text"),
        Binding("r", "read", "Read again"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._files: dict[str, PatternFile] = {}
        self._problems: list[str] = []
        self._matchers: dict[tuple[ModelType, PredictType], Matcher | str] = {}

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="body"):
            yield LiveTable(id="files")
            with Vertical(id="content"):
                yield Static("", id="about", markup=False)
                yield LiveTable(id="patterns")
        yield Field(
            placeholder="try a text against the model and predict type of the chosen file", id="try", compact=True
        )
        yield Static("", id="hits", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#files", LiveTable).set_columns(
            {"model": 13, "label": 10, "predict": 11, "count": 6, "faults": 6}
        )
        self._set_columns()
        self.query_one("#files").focus()
        self.query_one("#about", Static).update("reading ...")
        self.action_read()

    def on_resize(self) -> None:
        """The patterns take what room there is."""
        self.call_after_refresh(self._set_columns)

    def _set_columns(self) -> None:
        table = self.query_one("#patterns", LiveTable)
        table.set_columns({"line": 6, "pattern": max(table.size.width - 24, 20), "match": 10})

    @work(group="read", exclusive=True, exit_on_error=False)
    async def action_read(self) -> None:
        """Reads all pattern files again."""
        files, problems = await asyncio.to_thread(_read_all, self.site)
        self._files, self._problems, self._matchers = {file.key: file for file in files}, problems, {}
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
        about = Text().append("".join(f"{harmless(problem)}\n" for problem in self._problems), "red")
        rows: list[tuple[str, tuple[Text, ...]]] = []
        if file is None:
            about.append(harmless(f"pattern files are read from {self.site.settings.patterns_dir}"), "dim")
        elif file.faults:
            about.append(_faults(file), "bold red")
            rows = [
                (str(index), (cell(fault.line or "", right=True), cell(fault.message, "red"), cell("")))
                for index, fault in enumerate(file.faults[:_MOST_SHOWN])
            ]
        else:
            shown = min(len(file.patterns), _MOST_SHOWN)
            more = f", the first {shown:,} shown" if shown < len(file.patterns) else ""
            about.append(f"/{harmless(file.label)}: {len(file.patterns):,} patterns{more}")
            rows = [
                (str(line), (cell(line, right=True), cell(_visible(pattern.text)), cell(pattern.match_type)))
                for line, pattern in enumerate(file.patterns[:_MOST_SHOWN], start=1)
            ]
        self.query_one("#about", Static).update(about)
        cells = dict(rows)
        self.query_one("#patterns", LiveTable).show(list(cells), cells.__getitem__)

    @on(LiveTable.RowHighlighted, "#patterns")
    def _fault_highlighted(self) -> None:
        """The fault under the cursor in full."""
        file, key = self._file, self.query_one("#patterns", LiveTable).cursor_key
        if file is not None and file.faults and key is not None:
            about = Text().append(_faults(file), "bold red").append(f"\n{harmless(file.faults[int(key)])}", "red")
            self.query_one("#about", Static).update(about)

    def action_try(self) -> None:
        """To the box."""
        self.query_one("#try").focus()

    def action_back(self) -> None:
        """Out of the box; else out of the page."""
        if self.focused is self.query_one("#try"):
            self.query_one("#files").focus()
        else:
            super().action_back()

    @on(Input.Changed, "#try")
    def _text_changed(self, event: Input.Changed) -> None:
        self._try(event.value)

    @work(group="try", exclusive=True, exit_on_error=False)
    async def _try(self, text: str) -> None:
        file, hits = self._file, self.query_one("#hits", Static)
        if file is None or not text:
            hits.update("")
            return
        key = (file.model_type, file.predict_type)
        if key not in self._matchers:
            self._matchers[key] = await asyncio.to_thread(_matcher, self.site, *key)
        matcher = self._matchers[key]
        hits.update(Text(harmless(matcher), "red") if isinstance(matcher, str) else _verdict(matcher.hits(text)))


def _faults(file: PatternFile) -> str:
    return f"/{harmless(file.label)}: {len(file.faults):,} faults; no task can be created with this file"


def _file_cells(file: PatternFile) -> tuple[Text, ...]:
    return (
        cell(file.model_type),
        cell(f"/{file.label}"),
        cell(file.predict_type),
        cell(number(len(file.patterns)), right=True),
        cell(len(file.faults) or "", "bold red", right=True),
    )


def _read_all(site: Site) -> tuple[list[PatternFile], list[str]]:
    files, problems = [], []
    for model_type in MODEL_TYPES:
        try:
            labels = label_names(site.settings.patterns_dir, model_type)
        except PatternFileError as error:
            problems.append(str(error))
            continue
        for label in labels:
            for predict_type in PREDICT_TYPES:
                path = site.settings.patterns_dir / model_type / label / f"{predict_type}.txt"
                if path.exists() or path.is_symlink():
                    patterns, faults = read_pattern_file(path, model_type)
                    files.append(PatternFile(model_type, predict_type, label, tuple(patterns), tuple(faults)))
    return files, problems


def _matcher(site: Site, model_type: ModelType, predict_type: PredictType) -> Matcher | str:
    """The matcher, or why there is none."""
    try:
        return build_matcher(read_pattern_set(site.settings.patterns_dir, model_type, predict_type))
    except (PatternFileError, PatternsTooLarge) as error:
        return str(error)


def _verdict(hits: list[Match]) -> Text:
    if not hits:
        return Text("no pattern matches: the text gets no label", "yellow")
    labels = list(dict.fromkeys(hit.label for hit in hits))
    text = Text.assemble((f"/{harmless(labels[0])}", "bold green"), f" by {harmless(_visible(hits[0].rule))}")
    if len(labels) > 1:
        others = ", ".join(f"/{harmless(label)}" for label in labels[1:])
        text.append(f"; {others} match too, but come later in the order of labels", "yellow")
    for hit in hits[1:_MOST_HITS]:
        text.append(f"\n  also /{harmless(hit.label)} {harmless(_visible(hit.rule))}", "dim")
    if len(hits) > _MOST_HITS:
        text.append(f"\n  and {len(hits) - _MOST_HITS} more", "dim")
    return text


def _visible(pattern: str) -> str:
    """A pattern whose blanks at either end can be seen."""
    return f"'{pattern}'" if pattern != pattern.strip() else pattern
