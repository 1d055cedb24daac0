"""The `audience` command. Neither this module nor what it imports at the start imports Textual."""

import io
import sys

import typer

from console.cli import tasks
from console.cli.check import check
from console.cli.console import console
from console.cli.demo import demo
from console.cli.patterns import patterns
from console.cli.worker import worker

app = typer.Typer(
    name="audience",
    help="Label the authors of social-media posts. Without a command, open the console.",
    epilog="Start with: audience check. See how it works with: audience demo.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_CREATE = 'Example: audience create --start-time "2020-01-01 00:00:00" --end-time "2021-01-01 00:00:00" --wait'
_LIST = "Example: audience list --limit 5"
_STATUS = "Example: audience status 8fec5762412c11ec836d04ea56825baa --watch"
_SAMPLE = "Example: audience sample 8fec5762412c11ec836d04ea56825baa --table wh_panel_mapping_fbfans --limit 10"
_ABORT = "Example: audience abort 8fec5762412c11ec836d04ea56825baa"
_RESUME = "Example: audience resume 8fec5762412c11ec836d04ea56825baa"
_WORKER = "Example: audience worker --processes 2 --queue queue1"
_DEMO = "Example: audience demo --rows 50000 --headless"

app.command(epilog=_CREATE)(tasks.create)
app.command("list", epilog=_LIST)(tasks.list_tasks)
app.command(epilog=_STATUS)(tasks.status)
app.command(epilog=_SAMPLE)(tasks.sample)
app.command(epilog=_ABORT)(tasks.abort)
app.command(epilog=_RESUME)(tasks.resume)
app.command(epilog="Example: audience patterns --json")(patterns)
app.command(epilog="Example: audience check")(check)
app.command(epilog="Example: audience console --read-only")(console)
app.command(epilog=_WORKER)(worker)
app.command(epilog=_DEMO)(demo)


@app.callback()
def open_by_default(context: typer.Context) -> None:
    """Open the console if no command is given."""
    if context.invoked_subcommand is None:
        console()


def main() -> None:
    """Run the `audience` command."""
    for stream in (sys.stdout, sys.stderr):
        # Escape what the terminal's encoding lacks, rather than fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()
