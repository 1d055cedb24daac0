"""The workbench: pattern files, what is wrong with them, and how well each pattern does."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input

from console.highlight import pattern_line
from console.sanitize import sanitize
from console.ui import pattern_words
from console.ui.pattern_book import Node, SetKey
from console.ui.pattern_columns import PatternRow, Source
from console.ui.screens.base import ScreenContext
from console.ui.screens.pattern_tasks import PatternTasksScreen
from console.ui.widgets.finding_table import FindingTable
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title
from console.ui.widgets.pattern_table import PatternTable
from console.ui.widgets.pattern_tree import PatternTree
from console.ui.widgets.text_input import TextInput
from jobs.model.wording import counted
from jobs.services import LintFinding
from jobs.services.patterns import PatternFile

_LONG_PATTERN, _MOST_OF_A_PATTERN = 40, 1_000


class WorkbenchScreen(PatternTasksScreen):
    """Files on the left, the patterns of one in the middle, what the chosen one does on the right."""

    TITLE = "Patterns"
    WORDS: ClassVar[Mapping[str, str]] = {
        "hits": "posts of the sample that it matches",
        "decided": "hits whose label it decides",
        "alone": "hits that no other pattern matches",
        "confl": "hits that another label matches, too",
        "gold, prec%": "gold texts it decides; how many rightly",
        "task, authors": "posts and authors a task had by it",
    }
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide"), (170, "-broad")]  # noqa: RUF012

    BINDINGS: ClassVar[list[BindingType]] = [
        # As the work goes: look what the patterns do, judge them, change them, compare.
        Binding("v,r", "preview", "Preview", key_display="v"),
        Binding("l", "evaluate", "Evaluate"),
        Binding("e", "edit", "Edit"),
        Binding("s", "suggest", "Suggest"),
        Binding("c", "compare", "Compare"),
        Binding("t", "try", "Try"),
        Binding("n", "next_finding", "Next warning", show=False),
        Binding("h", "hits", "Hits of a task", show=False),
        Binding("f", "suggest_from_sample", "Suggest from a sample", show=False),
        Binding("x", "matrix", "Labels against labels", show=False),
        Binding("u", "gold_file", "Evaluate by another gold file", show=False),
    ]

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self._found: list[LintFinding] = []
        self._jump: tuple[str, int] | None = None
        self._left: Widget | None = None
        """What had the focus before the box."""

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="body"):
            with Pane(id="tree-pane"):
                yield PatternTree(id="files")
            with Container(id="bench"):
                with Pane(id="table-pane"):
                    yield LiveText(id="figures")
                    yield PatternTable(id="patterns")
                    yield FindingTable(id="found")
                with Pane(id="chosen-pane"):
                    with VerticalScroll(id="chosen-scroll"):
                        yield LiveText(id="chosen")
                    yield LiveText(id="verdict")
                    yield TextInput(placeholder="t: try a text", id="try", compact=True)

    def on_mount(self) -> None:
        self.query_one("#figures", LiveText).set_text(Text("reading ...", "muted"))
        self.query_one("#found").display = False
        set_title(self.query_one("#tree-pane"), "Files")
        self._tree.focus()

    @property
    def _tree(self) -> PatternTree:
        return self.query_one(PatternTree)

    @property
    def _table(self) -> PatternTable:
        return self.query_one(PatternTable)

    @property
    def _node(self) -> Node | None:
        return self._tree.chosen

    @property
    def _file(self) -> PatternFile | None:
        return self._node.file if self._node else None

    @property
    def chosen_set(self) -> SetKey | None:
        files = self.book.files_below(self._node) if self.book and self._node else []
        sets = {(file.model_type, file.predict_type) for file in files}
        return sets.pop() if len(sets) == 1 else None

    @property
    def edit_target(self) -> tuple[Path, int | None] | None:
        """The line that the editor opens."""
        found, row, file = self._chosen_finding, self._table.chosen, self._file
        if found is not None:
            return found.file, found.line
        if file is None or self.book is None:
            return None
        return self.book.path_of(file), row.line if self._table.display and row else None

    def show_book(self) -> None:
        """Show the files, and what is chosen of them."""
        if self.book is not None and self.is_mounted:
            self._tree.show_book(self.book)
            self._show_node()
            self._try(self.query_one("#try", Input).value)

    @on(LiveTable.RowHighlighted, "#files")
    def _node_highlighted(self) -> None:
        self._show_node()
        self._try(self.query_one("#try", Input).value)

    @on(LiveTable.RowSelected, "#files")
    def _node_selected(self) -> None:
        """Go on to the patterns of a file, or to what was found below a folder; without any, to its first file."""
        node, book = self._node, self.book
        if node is None or book is None:
            return
        if node.file is None and not self._found and (files := book.files_below(node)):
            self._tree.select_when_shown(files[0].key)
            self._tree.show_book(book)
        else:
            (self._table if self._table.display else self.query_one("#found")).focus()

    def show_figures(self) -> None:
        """Show what is known about the patterns."""
        if self.is_attached and self.is_mounted:
            self._show_node()

    def _show_node(self) -> None:
        """Show the patterns of a file; of anything else, and of a file with faults, what was found."""
        node, book = self._node, self.book
        if book is None:
            return
        file = node.file if node else None
        usable = file is not None and not file.faults
        found_table = self.query_one(FindingTable)
        if found_table.display == usable:  # the other one takes its place, and the focus
            focused = self.focused in (self._table, found_table)
            self._table.display, found_table.display = usable, not usable
            if focused:
                (self._table if usable else found_table).focus()
        self._found = list(book.findings_below(node)) if node else [*book.findings.get(book.directory, ())]
        if usable and file is not None:
            rows = self._rows(file)
            self._table.show_rows(rows, self._sources)
            if self._jump and self._jump[0] == file.key:
                self._table.select_line(self._jump[1])
                self._jump = None
        else:
            model = None if node is None or file else book.directory / node.key.split("/")[0]
            found_table.show_findings(self._found, model)
        self._show_figures()
        self._show_chosen()
        self.refresh_keys()

    @property
    def _sources(self) -> tuple[Source, ...]:
        known: dict[Source, Mapping[SetKey, object]] = {
            "sample": self.previews,
            "gold": self.judgements,
            "task": self.counted,
        }
        keywords = ("keywords",) if self.chosen_set and self.chosen_set[0] == "keyword_model" else ()
        return ("file", *keywords, *(source for source, sets in known.items() if self.chosen_set in sets))

    def _rows(self, file: PatternFile) -> list[PatternRow]:
        warnings = Counter(finding.line for finding in self._found)
        key = file.model_type, file.predict_type
        previewed, judgement, counted = self.previews.get(key), self.judgements.get(key), self.counted.get(key)
        return [
            PatternRow(
                line,
                pattern,
                warnings[line],
                previewed.of(file.label, line, pattern) if previewed else None,
                judgement.of(file.label, line, pattern) if judgement else None,
                counted.of(file.label, pattern) if counted else None,
            )
            for line, pattern in enumerate(file.patterns, start=1)
        ]

    def _show_figures(self) -> None:
        """Show the title of the table, and the lines above it."""
        node, book, file = self._node, self.book, self._file
        assert book is not None
        lines: list[Text] = []
        title = "Patterns"
        if node is None:
            lines.append(Text(sanitize(f"no pattern files in {book.directory}"), "waiting"))
        elif file is None:
            title = f"{node.key} ─ {counted(node.faults, 'fault')}, {counted(node.warnings, 'warning')}"
            if not self._found:
                lines.append(Text("✓ no fault, no warning", "done") if book.linted else Text("checking ...", "muted"))
        else:
            title = f"/{file.label} {file.predict_type} ─ {counted(len(file.patterns), 'pattern')}"
            if file.faults:
                title = f"/{file.label} {file.predict_type} ─ {counted(len(file.faults), 'fault')}"
                lines.append(Text("no task can be created with this file", "bold failed"))
            elif self._table.sort.label != "line" or self._table.descending:
                title += f" ─ by {self._table.sort.label} {'↓' if self._table.descending else '↑'}"
        lines += self.working_lines()
        lines += self.figure_lines(self.chosen_set) if self.chosen_set else []
        set_title(self.query_one("#table-pane"), title)
        figures = self.query_one("#figures", LiveText)
        figures.set_text(pattern_words.joined(lines))
        figures.display = bool(lines)

    @on(LiveTable.RowHighlighted, "#patterns")
    @on(LiveTable.RowHighlighted, "#found")
    def _row_highlighted(self) -> None:
        self._show_chosen()

    @on(PatternTable.Arranged)
    def _arranged(self) -> None:
        self._show_figures()

    def _show_chosen(self) -> None:
        """Show everything about the line under the cursor."""
        title, lines = "Chosen", list[Text]()
        row, file = (self._table.chosen if self._table.display else None), self._file
        found = self._chosen_finding
        if row is not None and file is not None:
            title = f"Line {row.line:,} ─ {pattern_line(row.pattern)}"
            lines += pattern_words.finding_lines(one for one in self._found if one.line == row.line)
            lines += self.row_lines(row, file)
            if len(row.pattern.text) > _LONG_PATTERN:  # the title has no room for it
                lines.append(Text(sanitize(row.pattern.text[:_MOST_OF_A_PATTERN]), "muted"))
        elif found is not None and self.book is not None:
            title = f"{pattern_words.place(found.file, self.book.directory)}"
            lines += [Text(f"line {found.line:,}", "muted")] if found.line else []
            lines += pattern_words.finding_lines([found])
        elif file is None:
            lines.append(Text("Choose a file to see its patterns, and what each of them hits.", "muted"))
        set_title(self.query_one("#chosen-pane"), title)
        self.query_one("#chosen", LiveText).set_text(pattern_words.joined(lines))

    @property
    def _chosen_finding(self) -> LintFinding | None:
        table = self.query_one(FindingTable)
        return table.chosen if table.display else None

    @on(LiveTable.RowSelected, "#found")
    def _go_to_finding(self) -> None:
        """Show the line that a finding is about."""
        found = self._chosen_finding
        file = self.book.file_at(found.file) if self.book and found else None
        if file is not None and found is not None and not file.faults:
            self.go_to(file.key, found.line or 1)

    def go_to(self, key: str, line: int) -> None:
        """Show a line of a file, as soon as it has been read."""
        self._jump = (key, line)
        self._tree.select_when_shown(key)
        self.show_book()
        self._table.focus()

    def action_next_finding(self) -> None:
        """Move to the next line of the file with a warning."""
        row = self._table.chosen
        lines = sorted({one.line for one in self._found if one.line is not None})
        if not self._table.display or row is None or not lines:
            self.refuse("no warnings here")
            return
        self._table.select_line(next((line for line in lines if line > row.line), lines[0]))
        self._table.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer no changes if nothing may be changed."""
        if action == "edit":
            return self.is_mounted and not self.deployment.read_only
        return super().check_action(action, parameters)

    def action_edit(self) -> None:
        """Open the line under the cursor in the operator's editor."""
        if self.edit_target is not None:
            self.stop()
            self.open_editor(*self.edit_target)
        else:
            self.refuse("choose a file")

    def action_try(self) -> None:
        """Move to the box that tries texts."""
        box = self.query_one("#try")
        self._left = self.focused if self.focused is not box else self._left
        box.focus()

    def action_back(self) -> None:
        """Leave the box, or else stop what is being worked on, or else return to the files, or leave the screen."""
        if self.focused is self.query_one("#try"):
            (self._left if self._left and self._left.display else self._tree).focus()
        elif self.stop():
            return
        elif self.focused is not self._tree:
            self._tree.focus()
        else:
            super().action_back()

    @on(Input.Changed, "#try")
    def _text_changed(self, event: Input.Changed) -> None:
        self._try(event.value)

    @work(group="try", exclusive=True, exit_on_error=False)
    async def _try(self, text: str) -> None:
        key, shown = self.chosen_set, self.query_one("#verdict", LiveText)
        shown.display = key is not None and bool(text)
        if key is None or not text:
            return
        explainer = await self.explainer_of(key)
        if isinstance(explainer, str):
            shown.set_text(Text(sanitize(explainer), "failed"))
        else:
            shown.set_text(pattern_words.verdict(explainer.explain(text)))
