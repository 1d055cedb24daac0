"""The command that demonstrates everything on private servers."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
from platformdirs import user_state_path

from console.cli.console import is_interactive, open_console
from console.cli.output import exit_with, print_table
from console.cli.progress import follow
from console.cli.task_output import SAMPLE_COLUMNS, print_task
from console.demo import posts
from console.demo.deployment import demo_deployment
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import AudienceError, InvalidValue
from jobs.model.task import Task
from jobs.model.task_request import TaskRequest

_LEAVING = "The demo's servers and its worker end with it; its data stays for the next time."


def demo(
    rows: Annotated[int, typer.Option(min=1, max=100_000_000, help="Number of posts to generate.")] = 50_000,
    headless: Annotated[bool, typer.Option("--headless", help="Run one task and print its result.")] = False,
) -> None:
    """Show how it works, on private servers with generated posts.

    Opens the console; headless, or without a terminal, runs one task and prints its result. Touches
    nothing else on this machine.
    """
    signal.signal(signal.SIGTERM, _exit_on_signal)
    signal.signal(signal.SIGHUP, _exit_on_signal)
    try:
        with demo_deployment(_folder(), rows) as deployment:
            if not headless and is_interactive():
                open_console(deployment, _LEAVING)
            elif not asyncio.run(_run_task(deployment)).produced:
                raise typer.Exit(1)
    except AudienceError as error:
        exit_with(error, as_json=False)


def _folder() -> Path:
    """Return the folder of the demo's data. Raises InvalidValue if the user has no home folder."""
    try:
        return user_state_path("audience-console") / "demo"
    except RuntimeError:
        raise InvalidValue("no folder for the demo's data: set HOME or XDG_STATE_HOME") from None


async def _run_task(deployment: Deployment) -> Task:
    start, end = posts.START, posts.END
    request = TaskRequest.from_values(deployment.settings, {"start_time": start, "end_time": end})
    print(f"create_task: which authors from {start:%Y-%m-%d} to {end:%Y-%m-%d} are /female, which are /male?")
    task_id = await services.create_task(deployment, request)
    task = await follow(services.watch_status(deployment, task_id))
    print_task(task)
    if task.results:
        print()
        print_table(SAMPLE_COLUMNS, await services.sample_result(deployment, task_id, limit=10))
    return task


def _exit_on_signal(number: int, _: object) -> None:
    raise SystemExit(128 + number)
