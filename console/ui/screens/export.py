"""The dialog that exports the production rows of a task: where to, how far it is, and what came of it."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.notifications import SeverityLevel
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, Label, Select
from textual.worker import Worker

from console.figures import short_number
from console.sanitize import sanitize
from console.ui.formatting import bar
from console.ui.free_name import free_name
from console.ui.widgets.choice import Choice
from console.ui.widgets.key_bar import key_words
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.text_input import TextInput
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import AudienceError
from jobs.model.sources import production_table
from jobs.model.task import Task
from jobs.model.wording import counted

_FORMATS = ("csv", "csv.gz", "jsonl", "jsonl.gz", "parquet")
_ALL = "all"
_SHOWN_SECONDS = 0.2
_BAR_WIDTH = 24
_KEYS = [("enter", "Export"), ("tab", "Next field"), ("esc", "Cancel")]

_DONE: SeverityLevel = "information"
_STOPPED: SeverityLevel = "warning"
_FAILED: SeverityLevel = "error"
_TONES = {_DONE: "done", _STOPPED: "waiting", _FAILED: "failed"}


class ExportDialog(ModalScreen[None]):
    """Exports a task to a file, or several to a folder, and closes. Escape stops an export that runs, or cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "stop", "Stop or cancel")]

    def __init__(self, deployment: Deployment, tasks: Sequence[Task]) -> None:
        super().__init__()
        self._deployment = deployment
        self._tasks = tasks
        self._stem = _stem(tasks[0])
        self._written = self._total = 0
        self._saved: list[Path] = []
        self._started = 0.0
        self._exporting: Worker[None] | None = None
        self._timer: Timer | None = None

    @property
    def _single(self) -> bool:
        return len(self._tasks) == 1

    def compose(self) -> ComposeResult:
        what = (
            f"task {self._tasks[0].task_id[:8]}"
            if self._single
            else f"{counted(len(self._tasks), 'task')}, a file each"
        )
        results = self._tasks[0].results if self._single else []
        with Vertical(classes="dialog wide"):
            yield Label(f"Export {what}: {counted(sum(map(_rows, self._tasks)), 'row')}", markup=False)
            with Horizontal(classes="field"):
                yield Label("File" if self._single else "Folder")
                place = free_name(self._stem, "csv") if self._single else "."
                yield TextInput(place, id="file", compact=True, select_on_focus=False)
            with Horizontal(classes="field"):
                yield Label("Format")
                yield Choice(_FORMATS, "csv", id="format")
            if len(results) > 1:
                with Horizontal(classes="field"):
                    yield Label("Results")
                    yield Choice([_ALL, *results], _ALL, id="results")
            yield LiveText(id="outcome")
            yield LiveText(id="export-keys")

    def on_mount(self) -> None:
        self.query_one("#file").focus()
        self._show_keys()

    @on(Select.Changed, "#format")
    def _name_after_format(self) -> None:
        """Give the name of the file the ending of the format; a name that was proposed stays a free one."""
        if not self._single:
            return
        file = self.query_one("#file", Input)
        path = Path(file.value)
        ending = next((ending for ending in sorted(_FORMATS, key=len) if path.name.endswith(f".{ending}")), None)
        stem = path.name.removesuffix(f".{ending}") if ending else path.name
        chosen = self.query_one("#format", Choice).text
        proposed = not stem or (stem.startswith(self._stem) and path.parent == Path())
        file.value = free_name(self._stem, chosen) if proposed else str(path.with_name(f"{stem}.{chosen}"))

    @on(Select.Changed)
    def _return_to_name(self) -> None:
        """Return to the field where Enter exports."""
        self.query_one("#file").focus()

    @on(Input.Submitted, "#file")
    def _start(self) -> None:
        name = self.query_one("#file", Input).value.strip()
        if name and self._exporting is None:
            self._exporting = self._export(name)
            self._started = time.monotonic()
            self._timer = self.set_interval(_SHOWN_SECONDS, self._show_progress)
            self._show_progress()
            self._show_keys()

    @work(group="export", exit_on_error=False)
    async def _export(self, name: str) -> None:
        self._written, self._total, self._saved = 0, sum(map(_rows, self._tasks)), []
        outcome, severity = "stopped; no file was saved", _STOPPED
        try:
            place = _path(name)
            outcome, severity = await (self._save(place) if self._single else self._save_all(place)), _DONE
        except AudienceError as error:
            outcome, severity = f"{error.code} {error}", _FAILED
        except RuntimeError as error:  # no such home folder
            outcome, severity = str(error), _FAILED
        finally:
            if severity is not _DONE and self._saved:
                outcome = (
                    f"{outcome.removesuffix('; no file was saved')}; saved before: {counted(len(self._saved), 'file')}"
                )
            self._end(outcome, severity)

    async def _save(self, path: Path) -> str:
        """Export the task to a file, and return what came of it."""
        chosen = services.RowFormat(self.query_one("#format", Choice).text.removesuffix(".gz"))
        results = [choice.text for choice in self.query("#results").results(Choice) if choice.text != _ALL]
        tables = [production_table(result) for result in results]
        row_format = services.format_of(path, chosen)
        done = await services.export_task(
            self._deployment, self._tasks[0].task_id, path, row_format, tables, progress=self._set_progress
        )
        return f"{counted(done.rows, 'row')} saved to {path}" + (f"; {done.remark}" if done.remark else "")

    async def _save_all(self, folder: Path) -> str:
        """Export each task to a file of the folder, and return what came of it."""
        ending, rows, remarks = self.query_one("#format", Choice).text, 0, 0
        for task in self._tasks:
            path = folder / free_name(_stem(task), ending, folder)
            done = await services.export_task(
                self._deployment,
                task.task_id,
                path,
                services.format_of(path),
                progress=partial(self._set_progress_after, rows),
            )
            self._saved.append(path)
            rows, remarks = rows + done.rows, remarks + (done.remark is not None)
        outcome = f"{counted(rows, 'row')} saved to {counted(len(self._saved), 'file')} in {folder}"
        return outcome + (f"; changed since production: the tables of {counted(remarks, 'task')}" if remarks else "")

    def _set_progress_after(self, before: int, written: int, _: int) -> None:
        self._set_progress(before + written, self._total)

    def _set_progress(self, written: int, total: int) -> None:
        self._written, self._total = written, total

    def _show_progress(self) -> None:
        share = self._written / self._total if self._total else 0.0
        rate = self._written / max(time.monotonic() - self._started, 0.1)
        text = bar(share, _BAR_WIDTH, "running")
        text.append(f" {share:4.0%}  {counted(self._written, 'row')}, {short_number(rate)} rows/s")
        self.query_one("#outcome", LiveText).set_text(text)

    def _end(self, outcome: str, severity: SeverityLevel) -> None:
        self._exporting = None
        if self._timer is not None:
            self._timer.stop()
        self.app.notify(sanitize(outcome), severity=severity, markup=False)
        if severity is _DONE and self.is_active:  # the palette may cover it
            self.dismiss(None)
        elif self.is_mounted:
            self.query_one("#outcome", LiveText).set_text(Text(sanitize(outcome), _TONES[severity]))
            self._show_keys()

    def _show_keys(self) -> None:
        keys = [("esc", "Stop")] if self._exporting is not None else _KEYS
        self.query_one("#export-keys", LiveText).set_text(key_words(*keys))

    def action_stop(self) -> None:
        """Stop the export, or close the dialog if none runs."""
        if self._exporting is not None:
            self._exporting.cancel()
        else:
            self.dismiss(None)


def _stem(task: Task) -> str:
    return f"export-{task.task_id[:8]}"


def _rows(task: Task) -> int:
    return sum(figures.produced or 0 for figures in task.result_figures)


def _path(name: str) -> Path:
    return Path(name).expanduser().absolute()
