"""Running a service for a command."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from console.cli.completion import complete_production_table, complete_task_id
from console.cli.output import exit_with, print_error
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import AudienceError

Result = TypeVar("Result")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document {error_code, error_message, ...}.")]


TaskId = Annotated[
    str,
    typer.Argument(
        metavar="TASK_ID",
        autocompletion=complete_task_id,
        help="Its 32 hex digits, or the first of them: 6 or more, if no other task begins so.",
    ),
]


Tables = Annotated[
    list[str] | None,
    typer.Option(help="A production table; may be repeated.  [default: all]", autocompletion=complete_production_table),
]


def run(
    service: Callable[[Deployment], Awaitable[Result]],
    as_json: bool,
    interrupted: str | Callable[[], str] = "stopped",
) -> Result:
    """Run a service in the deployment of the settings. If it fails, print the error and exit.

    `interrupted` is what Ctrl-C prints: what is true then.
    """

    async def call() -> Result:
        return await service(services.load_deployment())

    try:
        return asyncio.run(call())
    except AudienceError as error:
        exit_with(error, as_json)
    except KeyboardInterrupt:
        print_error(interrupted if isinstance(interrupted, str) else interrupted())
        raise typer.Exit(130) from None


def still_running(task_id: str) -> str:
    """Return what Ctrl-C prints while a command watches a task."""
    return f"stopped waiting; the task goes on: audience status {task_id} --watch"
