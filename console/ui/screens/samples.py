"""The samples screen: random production rows of a task, with the match highlighted, to look at and to save."""

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input

from console.figures import number
from console.ui.free_name import free_name
from console.ui.sample_text import Sampled, columns_for, row_cells, row_text, shares_line, shares_text
from console.ui.screens.base import BaseScreen, ScreenContext
from console.ui.screens.dialogs import Ask, Choose
from console.ui.snapshot import Snapshot
from console.ui.task_words import task_name
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.pane import Pane, set_title
from console.ui.widgets.text_input import FilterInput
from jobs import services
from jobs.errors import AudienceError
from jobs.model.sources import production_table
from jobs.model.task import Task
from jobs.model.wording import counted
from jobs.services.panels import PanelCounts, panel_counts
from patterns.explain import Explainer

_SIZES = (50, 200, 1_000)
_ALL = "all"


class SamplesScreen(BaseScreen):
    """A random sample of a task's production rows."""

    TITLE = "Samples"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "resample", "Resample"),
        Binding("slash", "find", "Find", key_display="/"),
        Binding("ctrl+s", "save", "Save"),
        Binding("f", "panel", "Panel"),
        Binding("b", "result", "Result"),
        Binding("l", "larger", "Larger"),
        Binding("t", "task", "Task"),
    ]

    def __init__(self, context: ScreenContext, task_id: str) -> None:
        super().__init__(context)
        self._task_id = task_id
        self._limit = _SIZES[0]
        self._result = self._panel = _ALL
        self._rows: list[Sampled] = []
        self._explainer: Explainer | None = None
        self._totals: PanelCounts | None = None
        self._status = "sampling ..."

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="body"):
            with Pane(id="sample"):
                yield LiveText(id="shares-line")
                yield LiveTable(id="rows")
                yield FilterInput(placeholder="part of an author, a text or a pattern", id="find", compact=True)
            with Pane(id="aside"):
                yield LiveText(id="shares")
        with Pane(id="row-box"), VerticalScroll():
            yield LiveText(id="row")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#find").display = False
        set_title(self.query_one("#aside"), "Panels ─ share of the rows")
        self.query_one("#rows").focus()
        self._open_task(self._task_id)

    @property
    def _sampled(self) -> Task | None:
        board = self.snapshot.board
        return next((task for task in board.tasks if task.task_id == self._task_id), None) if board else None

    @property
    def _find(self) -> Input:
        return self.query_one("#find", Input)

    @property
    def _rows_shown(self) -> list[Sampled]:
        words = self._find.value.strip()
        return [row for row in self._rows if self._panel in (_ALL, row.row.panel) and row.matches(words)]

    def show(self, snapshot: Snapshot) -> None:
        """Show the title: the task may not have been known before."""
        self._show_title()

    def on_resize(self) -> None:
        """Drop the columns that do not fit."""
        self.call_after_refresh(self._show_rows)

    def _open_task(self, task_id: str) -> None:
        self._task_id, self._result, self._panel = task_id, _ALL, _ALL
        self._rows, self._explainer, self._totals = [], None, None
        self._read_totals()
        self._read_patterns()
        self.action_resample()

    def action_resample(self) -> None:
        """Draw another sample."""
        self._status = "sampling ..."
        self._show_rows()
        self._sample()

    @work(group="sample", exclusive=True, exit_on_error=False)
    async def _sample(self) -> None:
        tables = [] if self._result == _ALL else [production_table(self._result)]
        try:
            drawn = await services.sample_result(self.deployment, self._task_id, tables, self._limit)
            self._rows, self._status = [Sampled(row) for row in drawn], ""
        except AudienceError as error:
            self._rows, self._status = [], f"{error.code} {error}"
        self._show_rows()
        self._explain()

    @work(group="patterns", exclusive=True, exit_on_error=False)
    async def _read_patterns(self) -> None:
        """Read the patterns that the task froze. A task of v2.1 has none, and its rows are not explained."""
        with suppress(AudienceError):
            self._explainer = await services.load_task_explainer(self.deployment, self._task_id)
            self._explain()

    @work(group="explain", exclusive=True, exit_on_error=False)
    async def _explain(self) -> None:
        """Light what the patterns match, when both the rows and the patterns are there."""
        rows, explainer = self._rows, self._explainer
        if explainer is None:
            return
        explained = await asyncio.to_thread(
            lambda: [Sampled(row.row, explainer.explain(row.row.match_content)) for row in rows]
        )
        if self._rows is rows:  # not another sample that was drawn meanwhile
            self._rows = explained
            self._show_rows()

    @work(group="totals", exclusive=True, exit_on_error=False)
    async def _read_totals(self) -> None:
        if self._sampled is not None:
            self._totals = await panel_counts(self.deployment, self._sampled)
            self._show_rows()

    @property
    def _panel_totals(self) -> dict[str, int] | None:
        """The rows of each panel in the chosen results, the largest first; None if not known yet."""
        if self._totals is None:
            return None
        results = self._totals.values() if self._result == _ALL else [self._totals.get(self._result, {})]
        totals: Counter[str] = Counter()
        for counts in results:
            totals.update(counts)
        return dict(totals.most_common())

    def _show_rows(self) -> None:
        if not self.is_mounted:
            return
        rows, table = self._rows_shown, self.query_one("#rows", LiveTable)
        columns = columns_for(table.size.width - 1, self._rows)
        table.set_columns(columns)
        table.show(list(map(str, range(len(rows)))), lambda key: row_cells(rows[int(key)], columns))
        aside, line = self.query_one("#shares", LiveText), self.query_one("#shares-line", LiveText)
        aside.set_text(shares_text(self._rows, self._panel_totals, max(aside.size.width, 20)))
        line.set_text(shares_line(self._rows, self._panel_totals))
        self._show_title()
        self._show_row()

    def _show_title(self) -> None:
        task = self._sampled
        title = f"Samples of {self._task_id[:8]}"
        if task is not None:
            title += f" ─ {task_name(task)}"
        if self._status:
            title += f" ─ {self._status}"
        else:
            shown, total = len(self._rows_shown), sum((self._panel_totals or {}).values())
            count = f"{number(len(self._rows))} of {counted(total, 'row') if self._totals is not None else '... rows'}"
            title += f" ─ {count}" if shown == len(self._rows) else f" ─ {number(shown)} of {count}"
        for name in (self._result, self._panel):
            title += f" ─ {name}" if name != _ALL else ""
        set_title(self.query_one("#sample"), title)

    @on(LiveTable.RowHighlighted, "#rows")
    def _show_row(self) -> None:
        """Show the row under the cursor in full."""
        key, rows = self.query_one("#rows", LiveTable).cursor_key, self._rows_shown
        row = rows[int(key)] if key is not None and int(key) < len(rows) else None
        set_title(
            self.query_one("#row-box"), f"Row {int(key) + 1} of {len(rows)}" if key is not None and row else "Row"
        )
        self.query_one("#row", LiveText).set_text(row_text(row) if row else Text(self._status, "muted"))

    def action_find(self) -> None:
        """Start typing what to find in the sample."""
        self._find.display = True
        self._find.focus()

    @on(Input.Changed, "#find")
    def _find_changed(self) -> None:
        self._show_rows()

    @on(Input.Submitted, "#find")
    def _find_submitted(self) -> None:
        self._find.display = bool(self._find.value)
        self.query_one("#rows").focus()

    def on_key(self, event: events.Key) -> None:
        """Let Escape leave what was searched before it leaves the screen."""
        if event.key == "escape" and (self._find.has_focus or self._find.value):
            event.stop()
            self._find.value = ""
            self._find.display = False
            self.query_one("#rows").focus()

    def action_panel(self) -> None:
        """Show only the next panel; after the last one, all."""
        self._panel = _next(self._panel, [_ALL, *sorted({row.row.panel for row in self._rows})])
        self._show_rows()

    def action_result(self) -> None:
        """Sample the next result only; after the last one, all."""
        if self._sampled is not None:
            self._result = _next(self._result, [_ALL, *self._sampled.results])
            self._panel = _ALL
            self.action_resample()

    def action_larger(self) -> None:
        """Draw a larger sample; after the largest, a small one."""
        self._limit = _SIZES[(_SIZES.index(self._limit) + 1) % len(_SIZES)]
        self.action_resample()

    @work(group="dialog", exit_on_error=False)
    async def action_task(self) -> None:
        """Choose another task that can be sampled."""
        tasks = [task for task in (self.snapshot.board.tasks if self.snapshot.board else ()) if task.can_sample]
        names = [f"{task.task_id[:8]}  {task_name(task)}" for task in tasks]
        name = await self.ask(Choose("Sample", names))
        if name is not None:
            self._open_task(tasks[names.index(name)].task_id)

    @work(group="dialog", exit_on_error=False)
    async def action_save(self) -> None:
        """Ask for a file name and save the rows shown."""
        rows = [row.row for row in self._rows_shown]
        if not self.context.saves_files:
            self.refuse("this console saves no files: it is read-only, and runs elsewhere")
            return
        if not rows:
            self.refuse("nothing to save")
            return
        question = f"Save the {counted(len(rows), 'row')} shown as (.csv or .jsonl)"
        name = await self.ask(Ask(question, free_name(f"sample-{self._task_id[:8]}", "csv")))
        if name:
            self._save(Path(name), rows)

    def _save(self, path: Path, rows: list[services.SampleRow]) -> None:
        try:
            services.save_sample(path.expanduser(), rows)
        except AudienceError as error:
            self.show_message(str(error), error=True)
        except (OSError, RuntimeError) as error:  # no such home folder
            self.show_message(f"not saved: {error}", error=True)
        else:
            self.show_message(f"{counted(len(rows), 'row')} saved to {path.expanduser().absolute()}")


def _next(value: str, values: list[str]) -> str:
    return values[(values.index(value) + 1) % len(values)] if value in values else values[0]
