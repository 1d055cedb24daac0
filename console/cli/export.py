"""The command export."""

import signal
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Annotated

import typer

from console.cli.output import exit_with, print_envelope, print_lines, print_warning
from console.cli.progress import open_progress, progress_words
from console.cli.run import AsJson, Tables, TaskId, run
from jobs import services
from jobs.errors import CannotWrite, InvalidValue
from jobs.model.wording import counted

_STANDARD_OUTPUT = Path("-")


def export(
    task_id: TaskId,
    table: Tables = None,
    row_format: Annotated[
        services.RowFormat | None,
        typer.Option("--format", help="How to write the rows.  [default: what the file's name says, or csv]"),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A new file; .gz at its end compresses. - is standard output.")
    ] = _STANDARD_OUTPUT,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write all rows that a task has produced to a file.

    CSV, JSON Lines or Parquet. A file appears whole, or not at all.
    """
    target = _target(output, overwrite, as_json)
    chosen = row_format or services.format_of(output, services.RowFormat.CSV)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, _stop)
    with open_progress() or nullcontext() as progress:
        bar = progress.add_task("exporting", total=None, words="") if progress else None
        started = time.monotonic()

        def show(rows: int, total: int) -> None:
            if progress and bar is not None:
                rate = rows / max(time.monotonic() - started, 1e-9)
                progress.update(bar, completed=rows, total=total, words=progress_words(rows, "row", rate))

        done = run(
            lambda deployment: services.export_task(
                deployment, task_id, target, chosen, table or (), overwrite=overwrite, progress=show
            ),
            as_json,
            interrupted="stopped; no file was written"
            if isinstance(target, Path)
            else "stopped; the rows are incomplete",
        )
    if done.remark:
        print_warning(f"exported {counted(done.rows, 'row')}, but {done.remark}")
    if as_json:
        print_envelope(200, "OK", rows=done.rows, tables=done.tables, file=str(output))
    elif isinstance(target, Path):
        print_lines(f"{counted(done.rows, 'row')} of {done.task.task_id} saved to {output}")


def _target(output: Path, overwrite: bool, as_json: bool) -> Path | IO[bytes]:
    """Return where the rows go. Exits if that is a file that stays, a terminal, or where a JSON document goes."""
    if output != _STANDARD_OUTPUT:
        if output.exists() and not overwrite:
            exit_with(CannotWrite(f"not saved: {output} exists; choose another name, or give --overwrite"), as_json)
        return output
    if as_json:
        raise typer.BadParameter("--json prints a document about a file: name one with --output")
    if sys.stdout.isatty():
        exit_with(InvalidValue("standard output is a terminal: name a file with --output, or use a pipe"), as_json)
    return sys.stdout.buffer


def _stop(number: int, _: object) -> None:
    # Raised wherever the command is, so that it removes the unfinished file on its way out.
    raise SystemExit(128 + number)
