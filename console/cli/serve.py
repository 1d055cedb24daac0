"""The command serve."""

import shlex
import sys
from typing import Annotated

import typer

from console.cli.output import exit_with, print_lines
from jobs import services
from jobs.errors import AudienceError, CannotStart, InvalidValue


def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Another one than this machine's own needs SERVE_TOKEN.")
    ] = "127.0.0.1",
    public_url: Annotated[
        str | None,
        typer.Option(help="What visitors open, if a proxy is in between: https://audience.example", show_default=False),
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse everything that writes.")] = False,
) -> None:
    """Show the console in a browser.

    It is served to this machine, or to whoever knows the token. Each visitor has a console of their own, which
    ends when they leave. Whoever knows the token may do in it what the account that runs this command may do.
    """
    try:
        deployment = services.load_deployment(read_only=read_only)
        services.require_redis_url(deployment)
        token = deployment.settings.serve_token
        if token is None and host not in ("127.0.0.1", "::1", "localhost"):
            raise InvalidValue(f"{host} can be reached from other machines: set SERVE_TOKEN, or leave out --host")
        try:
            from console.web import ConsoleServer
        except ImportError as error:
            raise InvalidValue(
                "serve needs the package textual-serve: pip install 'audience-console[serve]'"
            ) from error
        command = [sys.executable, "-m", "console", "console", "--in-browser", *(["--read-only"] * read_only)]
        # exec, so that no shell is left between the server and the console.
        server = ConsoleServer(f"exec {shlex.join(command)}", host, port, token, public_url)
        server.run(lambda: print_lines(f"the console is at {server.public_url}; Ctrl-C ends it"))
    except AudienceError as error:
        exit_with(error, as_json=False)
    except OSError as error:
        exit_with(CannotStart(f"cannot listen on {host}:{port}: {error.strerror or error}"), as_json=False)
