"""The command that opens the console."""

import gc
import os
import signal
import sys
import threading
import time
from typing import Annotated

import typer

from console.cli.output import exit_with, is_utf8, print_error
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import AudienceError


def console(
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse everything that writes.")] = False,
    in_browser: Annotated[bool, typer.Option("--in-browser", hidden=True, help="Used by audience serve.")] = False,
) -> None:
    """Open the console: create, watch and sample tasks on a screen."""
    try:
        deployment = services.load_deployment(read_only=read_only)
        services.require_redis_url(deployment)
    except AudienceError as error:
        exit_with(error, as_json=False)
    if in_browser:
        _end_with_parent()
        _run(deployment, saves_files=not read_only)
    else:
        open_console(deployment)


def is_interactive() -> bool:
    """Return whether a person can see the console and type into it."""
    return sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()


def open_console(deployment: Deployment, leaving: str = "") -> None:
    """Run the console until the operator quits. Ends the process cleanly if its terminal goes away.

    `leaving` says what else ends with it: the operator is asked first.
    """
    if not is_interactive():
        print_error("the console needs a terminal; the other commands do not: audience --help")
        raise typer.Exit(2)
    if not is_utf8(sys.stderr):
        print_error(f"the console needs a terminal in UTF-8, not {sys.stderr.encoding}; set LC_ALL=C.UTF-8")
        raise typer.Exit(2)
    _run(deployment, leaving)


def _run(deployment: Deployment, leaving: str = "", *, saves_files: bool = True) -> None:
    from console.ui.app import AudienceApp  # Textual takes a moment to import, and only this command needs it

    # What is imported stays. A look for garbage among the rest is short enough not to be felt.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        app = AudienceApp(deployment, leaving, saves_files=saves_files)
        app.run()
        app.exit_on_signal.cancel()
    except OSError:
        # The terminal is gone, so there is no one to inform and nothing to restore.
        os._exit(1)


def _end_with_parent() -> None:
    """End this process when the server that started it has: a console that nobody sees would poll forever."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
