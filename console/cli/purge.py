"""The command that deletes a task with all its rows."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from console.cli.output import print_envelope, print_error
from console.cli.run import AsJson, TaskId, run
from console.sanitize import sanitize
from jobs import services
from jobs.deployment import Deployment
from jobs.model.wording import counted


def purge(
    task_id: TaskId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a task that has ended, with all its rows; asks first.

    The rows in production are deleted, too. If it is interrupted, run it again: it continues.
    """
    plan = run(lambda deployment: services.plan_purge(deployment, task_id), as_json)
    if not yes:
        _ask(plan, as_json)
    task_id = plan.task.task_id  # no longer a prefix, which might fit another task by now

    async def service(deployment: Deployment) -> dict[str, int]:
        with _progress(plan.rows) as advance:
            return await services.purge_task(deployment, task_id, advance)

    deleted = run(service, as_json, "stopped in the middle; run it again to delete the rest")
    if as_json:
        print_envelope(200, "OK", task_id=task_id, deleted=deleted)
    else:
        rows, tables = counted(sum(deleted.values()), "row"), counted(len(deleted), "result table")
        print(f"task {task_id} purged: {rows} deleted from {tables}")


def _ask(plan: services.PurgePlan, as_json: bool) -> None:
    """Say what would be deleted, and exit unless the operator agrees."""
    if as_json or not sys.stdin.isatty():
        print_error("purge asks first; without a terminal, give --yes")
        raise typer.Exit(2)
    task = plan.task
    print(f"task {task.task_id}, {task.stat}, {sanitize(task.date_range)}, created {task.create_time}", file=sys.stderr)
    for table, rows in {**plan.production, **plan.label}.items():
        kind = "production" if table in plan.production else "label"
        print(f"  {counted(rows, f'{kind} row'):>29} in {sanitize(table)}", file=sys.stderr)
    try:
        agreed = typer.confirm("Delete them, and the task? This cannot be undone.", err=True)
    except typer.Abort:  # Ctrl-C, or the end of the input
        agreed = False
        print(file=sys.stderr)
    if not agreed:
        print("nothing is deleted", file=sys.stderr)
        raise typer.Exit(1)


@contextmanager
def _progress(rows: int) -> Iterator[Callable[[int], object]]:
    """Show a bar on a terminal. Yields a function that takes the number of rows deleted since its last call."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("deleting"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("deleting", total=rows)
        yield lambda deleted: progress.advance(bar, deleted)
