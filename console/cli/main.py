"""The `audience` command. A command's module is imported when the command runs, so that each starts quickly."""

import errno
import io
import os
import sys
from importlib import import_module
from typing import Annotated, Any, NamedTuple, NoReturn

import typer
from typer.core import TyperGroup

# What writing to a pipe without a reader, a full disk, or a file at its limit gives.
_OUTPUT_ERRORS = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Command(NamedTuple):
    """Where a command is, and what the list of commands says about it."""

    module: str
    function: str
    summary: str
    example: str


COMMANDS = {
    "create": Command(
        "create",
        "create",
        "Create a task: label the posts of a range, then produce.",
        '--start-time "2020-01-01 00:00:00" --end-time "2021-01-01 00:00:00" --wait',
    ),
    "list": Command("tasks", "list_tasks", "List the newest tasks and how they stand.", "--limit 5"),
    "status": Command("tasks", "status", "Show how a task stands.", "8fec5762412c11ec836d04ea56825baa --watch"),
    "sample": Command(
        "tasks",
        "sample",
        "Show or save a random sample of a task's production rows.",
        "8fec5762412c11ec836d04ea56825baa --table wh_panel_mapping_fbfans --limit 10",
    ),
    "export": Command(
        "export",
        "export",
        "Write all rows that a task has produced to a file.",
        "8fec5762412c11ec836d04ea56825baa -o authors.csv.gz",
    ),
    "abort": Command(
        "tasks",
        "abort",
        "Stop a task; what it has done is kept, and it can be resumed.",
        "8fec5762412c11ec836d04ea56825baa",
    ),
    "resume": Command(
        "tasks",
        "resume",
        "Continue a failed or aborted task where it stopped.",
        "8fec5762412c11ec836d04ea56825baa",
    ),
    "purge": Command(
        "purge",
        "purge",
        "Delete a task that has ended, with all its rows; asks first.",
        "8fec5762412c11ec836d04ea56825baa",
    ),
    "schedule": Command(
        "schedules",
        "schedule",
        "Let workers create tasks by themselves, at the times you choose.",
        'add nightly --cron "15 3 * * *" --timezone Asia/Taipei --range yesterday',
    ),
    "patterns": Command("patterns", "patterns", "List the pattern files, with their faults.", "--json"),
    "explain": Command(
        "explain",
        "explain",
        "Show which label a text gets, and why.",
        "林雅婷",
    ),
    "lint": Command(
        "lint",
        "lint",
        "Check the pattern files for faults and doubtful lines.",
        "--predict-type author_name --strict",
    ),
    "preview": Command(
        "preview",
        "preview",
        "Show what the pattern files would do to a range of posts.",
        '--start-time "2020-01-01 00:00:00" --end-time "2021-01-01 00:00:00" --rows 20000',
    ),
    "evaluate": Command(
        "evaluate",
        "evaluate",
        "Judge the pattern files by texts whose right label is known.",
        "gold.csv --errors wrong.csv",
    ),
    "hits": Command(
        "hits",
        "hits",
        "Show how many posts and authors each pattern of a task decided.",
        "8fec5762412c11ec836d04ea56825baa --limit 50",
    ),
    "diff": Command(
        "diff",
        "diff",
        "Compare two tasks, or a task with the pattern files now.",
        "8fec5762412c11ec836d04ea56825baa 3f0c1e7a41da11ecb7a9d04ea56825ba --list gained --limit 20",
    ),
    "suggest": Command(
        "suggest",
        "suggest",
        "Suggest lines for the pattern files.",
        "gold.csv --label female --precision 0.95",
    ),
    "metrics": Command(
        "metrics",
        "metrics",
        "Print metrics in the text format of Prometheus, or serve them.",
        "--listen 127.0.0.1:9108",
    ),
    "notify": Command(
        "notify",
        "notify",
        "Show which alerts wait for their receiver, or post a test to it.",
        "--test",
    ),
    "check": Command("check", "check", "Check that everything is in place, and say what to do if not.", ""),
    "console": Command(
        "console",
        "console",
        "Open the console: create, watch and sample tasks on a screen.",
        "--read-only",
    ),
    "serve": Command(
        "serve",
        "serve",
        "Show the console in a browser.",
        "--port 8000 --read-only",
    ),
    "worker": Command(
        "worker",
        "worker",
        "Run workers until Ctrl-C or SIGTERM; stopping loses nothing.",
        "--processes 2 --queue queue1",
    ),
    "demo": Command(
        "demo",
        "demo",
        "Show how it works, on private servers with generated posts.",
        "--rows 50000 --headless",
    ),
}


class _Commands(TyperGroup):
    """A group that holds each command's name and summary, and imports the one that is to run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        assert name is not None
        return name, _import(name), rest


app = typer.Typer(
    name="audience",
    cls=_Commands,
    help="Label the authors of social-media posts. Without a command, open the console.",
    epilog="Start with: audience check. See how it works with: audience demo.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, command in COMMANDS.items():
    app.command(name, help=command.summary)(lambda: None)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"audience {version('audience-console')}")
        raise typer.Exit


@app.callback()
def open_by_default(
    context: typer.Context,
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Open the console if no command is given."""
    if context.invoked_subcommand is None:
        from console.cli.console import console

        console()


def _import(name: str) -> Any:
    """Return a command, ready to run."""
    command = COMMANDS[name]
    module = import_module(f"console.cli.{command.module}")
    function = getattr(module, command.function)
    example = f"Example: audience {name} {command.example}".rstrip()
    group: typer.Typer | None = getattr(module, "group", None)
    if group is not None:
        group.callback(epilog=example)(function)
        return typer.main.get_command(group)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, epilog=example)(function)
    return typer.main.get_command(alone)


def main() -> None:
    """Run the command line."""
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        # Escape what the terminal's encoding lacks, rather than fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app(prog_name="audience")
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in _OUTPUT_ERRORS:
            raise
        _leave(error)


def _open_streams() -> None:
    """Give this process the standard streams that it was started without: Python has None in their places."""
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _leave(error: OSError) -> NoReturn:
    """Exit because standard output takes no more: without a word if its reader has left, as `head` does."""
    # What is still in the buffer would raise again when Python ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno != errno.EPIPE:
        from console.cli.output import print_error

        print_error(f"500 cannot write to standard output: {error.strerror}")
    sys.exit(1)
