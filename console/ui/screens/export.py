"""The dialog that exports the production rows of a task: where to, how far it is, and what came of it."""

import time
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

from console.sanitize import sanitize
from console.ui.formatting import bar, number, short_number
from console.ui.free_name import free_name
from console.ui.widgets.choice import Choice
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.text_input import TextInput
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import AudienceError
from jobs.model.sources import production_table
from jobs.model.task import Task

_FORMATS = ("csv", "csv.gz", "jsonl", "jsonl.gz", "parquet")
_ALL = "all"
_SHOWN_SECONDS = 0.2
_BAR_WIDTH = 24

_DONE: SeverityLevel = "information"
_STOPPED: SeverityLevel = "warning"
_FAILED: SeverityLevel = "error"
_TONES = {_DONE: "done", _STOPPED: "waiting", _FAILED: "failed"}


class ExportDialog(ModalScreen[None]):
    """Exports a task. Escape stops an export that runs, and otherwise leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "stop", "Stop or leave")]

    def __init__(self, deployment: Deployment, task: Task) -> None:
        super().__init__()
        self._deployment = deployment
        self._export_of = task
        self._stem = f"export-{task.task_id[:8]}"
        self._written = self._total = 0
        self._started = 0.0
        self._exporting: Worker[None] | None = None
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        results = self._export_of.results
        with Vertical(classes="dialog wide"):
            rows = sum(figures.produced or 0 for figures in self._export_of.result_figures)
            yield Label(f"Export task {self._export_of.task_id[:8]}: {number(rows)} rows", markup=False)
            with Horizontal(classes="field"):
                yield Label("File")
                yield TextInput(free_name(self._stem, "csv"), id="file", compact=True, select_on_focus=False)
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
        """Give the name the ending of the format, unless the operator has chosen another name's place."""
        file = self.query_one("#file", Input)
        path = Path(file.value)
        ending = next((ending for ending in sorted(_FORMATS, key=len) if path.name.endswith(f".{ending}")), None)
        stem = path.name.removesuffix(f".{ending}") if ending else path.name
        chosen = self.query_one("#format", Choice).text
        proposed = stem.startswith(self._stem) and path.parent == Path()
        file.value = free_name(self._stem, chosen) if proposed else str(path.with_name(f"{stem}.{chosen}"))

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
        chosen = services.RowFormat(self.query_one("#format", Choice).text.removesuffix(".gz"))
        results = [choice.text for choice in self.query("#results").results(Choice) if choice.text != _ALL]
        outcome, severity = "stopped; no file was saved", _STOPPED
        try:
            outcome, severity = await self._save(_path(name), chosen, results), _DONE
        except AudienceError as error:
            outcome, severity = f"{error.code} {error}", _FAILED
        except RuntimeError as error:  # no such home folder
            outcome, severity = str(error), _FAILED
        finally:
            self._end(outcome, severity)

    async def _save(self, path: Path, chosen: services.RowFormat, results: list[str]) -> str:
        """Export, and return what came of it."""
        tables = [production_table(result) for result in results]
        done = await services.export_task(
            self._deployment,
            self._export_of.task_id,
            path,
            services.format_of(path, chosen),
            tables,
            progress=self._set_progress,
        )
        outcome = f"{number(done.rows)} rows saved to {path}"
        if done.remark:
            outcome += f"; {done.remark}"
        return outcome

    def _set_progress(self, written: int, total: int) -> None:
        self._written, self._total = written, total

    def _show_progress(self) -> None:
        share = self._written / self._total if self._total else 0.0
        rate = self._written / max(time.monotonic() - self._started, 0.1)
        text = bar(share, _BAR_WIDTH, "running")
        text.append(f" {share:4.0%}  {number(self._written)} rows, {short_number(rate)} rows/s")
        self.query_one("#outcome", LiveText).set_text(text)

    def _end(self, outcome: str, severity: SeverityLevel) -> None:
        self._exporting = None
        if self._timer is not None:
            self._timer.stop()
        if self.is_mounted:
            self.query_one("#outcome", LiveText).set_text(Text(sanitize(outcome), _TONES[severity]))
            self._show_keys()

        self.app.notify(sanitize(outcome), severity=severity, markup=False)

    def _show_keys(self) -> None:
        keys = "Esc stop" if self._exporting is not None else "Enter export  Tab next field  Esc leave"
        self.query_one("#export-keys", LiveText).set_text(Text(keys, "muted"))

    def action_stop(self) -> None:
        """Stop the export, or leave the dialog if none runs."""
        if self._exporting is not None:
            self._exporting.cancel()
        else:
            self.dismiss(None)


def _path(name: str) -> Path:
    return Path(name).expanduser().absolute()
