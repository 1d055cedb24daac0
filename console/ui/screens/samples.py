"""The samples screen: random production rows of a task, to look at and to save."""

from collections import Counter
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Select, SelectionList
from textual.widgets.selection_list import Selection

from console.sanitize import sanitize
from console.ui.formatting import bar, cell, plain
from console.ui.screens.base import BaseScreen, ScreenContext
from console.ui.screens.dialogs import Ask
from console.ui.snapshot import Snapshot
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText
from jobs import services
from jobs.errors import InvalidValue
from jobs.model.sources import production_table
from jobs.model.task import Task
from jobs.services import SampleRow

_SIZES = (50, 200, 1_000)
_ALL = "all panels"

# The columns and their widths. In a narrow terminal the last ones are left out.
_COLUMNS = {"source_author": 24, "panel": 9, "day": 10, "time": 8, "match_content": 30, "id": 26}
_ASIDE = 27


class SamplesScreen(BaseScreen):
    """A random sample of a task's production rows, and the panels' shares of it."""

    TITLE = "Samples"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "resample", "Resample"),
        Binding("f", "panel", "Next panel"),
        Binding("ctrl+s", "save", "Save"),
    ]

    def __init__(self, context: ScreenContext, task_id: str) -> None:
        super().__init__(context)
        self._task_id = task_id
        self._rows: list[SampleRow] = []
        self._offered: list[tuple[str, str]] = []

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="choices"):
            yield Select(
                [(plain(self._task_id[:8]), self._task_id)],
                value=self._task_id,
                allow_blank=False,
                id="task",
                compact=True,
            )
            yield Select(
                [(f"{size} rows", size) for size in _SIZES], value=50, allow_blank=False, id="size", compact=True
            )
            yield Select([(_ALL, _ALL)], value=_ALL, allow_blank=False, id="panel", compact=True)
        with Horizontal(id="body"):
            with Vertical(id="aside"):
                yield SelectionList[str](id="tables", compact=True)
                yield LiveText(id="shares")
            yield LiveTable(id="rows")
        yield LiveText(id="row")
        yield LiveText(id="count")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#rows").focus()
        self._offer_tables()

    @property
    def _sampled(self) -> Task | None:
        board = self.snapshot.board
        return next((task for task in board.tasks if task.task_id == self._task_id), None) if board else None

    def show(self, snapshot: Snapshot) -> None:
        """Offer every task that can be sampled."""
        offered = self._samplable(snapshot)
        if offered != self._offered:
            self._offered = offered
            choice = self.query_one("#task", Select)
            with choice.prevent(Select.Changed):
                choice.set_options([(plain(words), task_id) for words, task_id in offered])
                choice.value = self._task_id

    def _samplable(self, snapshot: Snapshot) -> list[tuple[str, str]]:
        tasks = snapshot.board.tasks if snapshot.board else ()
        offered = [
            (f"{task.task_id[:8]} {task.predict_type} of {task.create_time:%m-%d %H:%M}", task.task_id)
            for task in tasks
            if task.can_sample
        ]
        chosen = (self._task_id[:8], self._task_id)
        return offered if self._task_id in dict(offered).values() else [chosen, *offered]

    def on_resize(self) -> None:
        """Drop the columns that do not fit."""
        self._show_rows()

    def _offer_tables(self) -> None:
        self._rows = []
        self._show_rows()
        tables = self.query_one("#tables", SelectionList)
        task = self._sampled
        with tables.prevent(SelectionList.SelectedChanged):
            tables.clear_options()
            names = task.results if task else []
            tables.add_options(Selection(plain(name), name, initial_state=True) for name in names)
        self.action_resample()

    @on(Select.Changed, "#task")
    def _task_changed(self, event: Select.Changed) -> None:
        if isinstance(event.value, str) and event.value != self._task_id:
            self._task_id = event.value
            self._offer_tables()

    @on(Select.Changed, "#size")
    @on(SelectionList.SelectedChanged, "#tables")
    def action_resample(self) -> None:
        """Draw another sample."""
        if self.is_mounted and self._sampled is not None:
            self._sample()

    @work(group="sample", exclusive=True, exit_on_error=False)
    async def _sample(self) -> None:
        count = self.query_one("#count", LiveText)
        chosen = self.query_one("#tables", SelectionList).selected
        size = self.query_one("#size", Select).value
        if not chosen:
            self._rows = []
            self._show_rows()
            count.set_text(Text("no table chosen: choose one with space", "waiting"))
            return
        count.set_text(Text("sampling ...", "muted"))
        try:
            tables = [production_table(name) for name in chosen]
            self._rows = await services.sample_result(self.deployment, self._task_id, tables, int(str(size)))
        except Exception:
            self._rows = []
            self._show_rows()
            raise
        panels = [_ALL, *sorted({row.panel for row in self._rows})]
        choice = self.query_one("#panel", Select)
        kept = choice.value if choice.value in panels else _ALL
        with choice.prevent(Select.Changed):
            choice.set_options([(plain(panel), panel) for panel in panels])
            choice.value = kept
        self._show_rows()

    @property
    def _rows_shown(self) -> list[SampleRow]:
        panel = self.query_one("#panel", Select).value
        return [row for row in self._rows if panel in (_ALL, row.panel)]

    @on(Select.Changed, "#panel")
    def _show_rows(self) -> None:
        if not self.is_mounted:
            return
        rows = self._rows_shown
        table = self.query_one("#rows", LiveTable)
        columns = _columns_for(self.size.width - _ASIDE)
        table.set_columns(columns)
        table.show(list(map(str, range(len(rows)))), lambda key: tuple(_cell(rows[int(key)], name) for name in columns))
        self._show_shares(len(rows))
        self._show_row()

    @on(LiveTable.RowHighlighted, "#rows")
    def _show_row(self) -> None:
        """Show the row under the cursor in full, whatever columns fit."""
        key = self.query_one("#rows", LiveTable).cursor_key
        row = self._rows_shown[int(key)] if key is not None else None
        text = Text()
        if row is not None:
            text.append(f"{sanitize(row.create_time)} {sanitize(row.panel)} ", "muted").append(
                sanitize(row.match_content)
            )
            text.append(f"  {sanitize(row.source_author)}, id {sanitize(row.id)}", "muted")
        self.query_one("#row", LiveText).set_text(text)

    def _show_shares(self, shown: int) -> None:
        counts = Counter(row.panel for row in self._rows)
        text = Text("panels of the sample\n", "bold")
        for panel, number in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            share = number / len(self._rows)
            text.append(f"{sanitize(panel)[:14]:14} {100 * share:5.1f}%\n")
            text.append_text(bar(share, 21, "running")).append("\n")
        self.query_one("#shares", LiveText).set_text(text if counts else "")
        task = self._sampled
        chosen = self.query_one("#tables", SelectionList).selected
        produced = sum(
            figures.produced or 0 for figures in (task.result_figures if task else []) if figures.result in chosen
        )
        of_panel = "" if shown == len(self._rows) else f"{shown} shown of "
        self.query_one("#count", LiveText).set_text(
            f"{of_panel}{len(self._rows):,} sampled of {produced:,} rows produced"
        )

    def action_panel(self) -> None:
        """Show only the next panel; after the last one, all."""
        choice = self.query_one("#panel", Select)
        panels = [_ALL, *sorted({row.panel for row in self._rows})]
        place = panels.index(str(choice.value)) if choice.value in panels else 0
        choice.value = panels[(place + 1) % len(panels)]

    @work(group="dialog", exit_on_error=False)
    async def action_save(self) -> None:
        """Ask for a file name and save the rows shown."""
        rows = self._rows_shown
        if not rows:
            self.show_message("nothing to save", error=True)
            return
        question = f"Save the {len(rows):,} rows shown as (.csv or .jsonl)"
        name = await self.ask(Ask(question, f"sample-{rows[0].task_id[:8]}.csv"))
        if not name:
            return
        self._save(Path(name), rows)

    def _save(self, path: Path, rows: list[SampleRow]) -> None:
        try:
            services.save_sample(path.expanduser(), rows)
        except InvalidValue as error:
            self.show_message(str(error), error=True)
        except FileExistsError:
            self.show_message(f"not saved: {path} exists; choose another name", error=True)
        except (OSError, RuntimeError) as error:
            self.show_message(f"not saved: {error}", error=True)
        else:
            self.show_message(f"{len(rows):,} rows saved to {path.expanduser().absolute()}")


def _columns_for(width: int) -> dict[str, int]:
    """Return the columns that fit. The first one gets the remaining width."""
    fitting = {}
    for name, needed in _COLUMNS.items():
        if width < needed + 2:
            break
        width -= needed + 2
        fitting[name] = needed
    return fitting | {"source_author": _COLUMNS["source_author"] + min(max(width - 1, 0), 20)}


def _cell(row: SampleRow, name: str) -> Text:
    match name:
        case "day":
            return cell(str(row.create_time)[:10])
        case "time":
            return cell(str(row.create_time)[11:19])
        case _:
            return cell(getattr(row, name))
