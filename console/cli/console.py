"""The command that opens the terminal app."""

import os
import sys
from typing import Annotated

import typer

from console.cli.output import fail, say_error
from jobs.deployment import Site
from jobs.errors import AudienceError
from jobs.queue.client import redis_client
from jobs.settings import read_settings


def console(
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse whatever writes.")] = False,
) -> None:
    """Open the console: configure, launch, watch and sample tasks in the terminal."""
    try:
        site = Site(read_settings(), read_only=read_only)
        redis_client(site.settings)  # a URL that is none is said here, not drawn
    except AudienceError as error:
        fail(error, as_json=False)
    open_console(site)


def on_a_terminal() -> bool:
    """Whether the app can be shown: a person can type and read here."""
    return sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()


def open_console(site: Site) -> None:
    """Runs the app until it is left; ends the process cleanly where its terminal goes away."""
    if not on_a_terminal():
        say_error("the console needs a terminal; the other commands do not: audience --help")
        raise typer.Exit(2)
    from console.ui.app import AudienceApp  # Textual takes a moment, and only this command needs it

    try:
        app = AudienceApp(site)
        app.run()
        app.left()
    except OSError:
        # The terminal is gone: nobody is there to be told, and nothing is left to be restored.
        os._exit(1)
