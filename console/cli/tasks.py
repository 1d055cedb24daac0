"""The commands on tasks that exist: list, status, sample, abort, resume."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from console.cli.completion import complete_schedule
from console.cli.output import exit_with, print_envelope, print_table
from console.cli.parameters import option
from console.cli.progress import follow
from console.cli.run import AsJson, Tables, TaskId, run, still_running
from console.cli.task_output import LIST_COLUMNS, SAMPLE_COLUMNS, print_end, print_status, print_task, print_tasks
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import AudienceError
from jobs.model.event import TaskEvent
from jobs.model.task import Task
from jobs.model.task_selection import ListedStatus, TaskSelection, parse_since
from jobs.model.wording import counted

OutputSchema = Annotated[str | None, option("output_schema")]


def list_tasks(
    limit: Annotated[int, typer.Option(min=1, max=services.MAX_ROWS, help="The most tasks to list.")] = 20,
    status: Annotated[
        list[ListedStatus] | None,
        typer.Option(case_sensitive=False, help="Only tasks with this status; may be repeated.  [default: all]"),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only tasks created since then: 2020-01-31, or 3d, 12h, 45m ago.", show_default=False),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            help="Only tasks that this schedule created.", show_default=False, autocompletion=complete_schedule
        ),
    ] = None,
    output_schema: OutputSchema = None,
    as_json: AsJson = False,
) -> None:
    """List the newest tasks and how they stand."""
    on_terminal = sys.stdout.isatty() and not as_json

    async def service(deployment: Deployment) -> tuple[list[Task], dict[str, bool | None], dict[str, str]]:
        selection = TaskSelection(tuple(status or ()), parse_since(since) if since is not None else None, schedule)
        tasks = await services.task_list(deployment, limit, output_schema, selection)
        ids = await services.short_ids(deployment, tasks) if on_terminal else {}
        return tasks, services.find_stale(deployment, tasks), ids

    tasks, stale, ids = run(service, as_json)
    if as_json:
        print_envelope(200, "OK", content=[task.to_json() | {"stale": stale[task.task_id]} for task in tasks])
    elif on_terminal:
        print_tasks(tasks, ids, stale)
    else:
        print_table(LIST_COLUMNS | {"patterns": lambda task: "stale" if stale[task.task_id] else None}, tasks)


def status(
    task_id: TaskId,
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow it until it is finished; status 1 if it fails.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how a task stands."""
    if watch:
        last = run(
            lambda deployment: follow(services.watch_status(deployment, task_id)), as_json, still_running(task_id)
        )
        print_end(last, as_json)
        return

    async def service(deployment: Deployment) -> tuple[Task, bool | None, list[TaskEvent]]:
        task = await services.check_status(deployment, task_id)
        stale = services.find_stale(deployment, [task])[task.task_id]
        return task, stale, await services.task_events(deployment, task)

    task, stale, events = run(service, as_json)
    if as_json:
        print_status(task, 200, "OK", stale=stale, events=[event.to_json() for event in events])
    else:
        print_task(task, stale, events)


def sample(
    task_id: TaskId,
    table: Tables = None,
    limit: Annotated[int, typer.Option(min=1, max=services.MAX_ROWS, help="The most rows to draw.")] = 50,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Save the rows to a new .csv or .jsonl file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show or save a random sample of a task's production rows."""
    rows = run(lambda deployment: services.sample_result(deployment, task_id, table or (), limit), as_json)
    if output is not None:
        _save(output, rows, as_json)
    elif as_json:
        print_envelope(200, [row.to_json() for row in rows])
    else:
        print_table(SAMPLE_COLUMNS, rows)


def abort(task_id: TaskId, as_json: AsJson = False) -> None:
    """Stop a task; what it has done is kept, and it can be resumed."""
    task = run(lambda deployment: services.abort_task(deployment, task_id), as_json, _perhaps_changed(task_id))
    _print_changed(task, as_json, f"aborted; continue it with: audience resume {task.task_id}")


def resume(task_id: TaskId, as_json: AsJson = False) -> None:
    """Continue a failed or aborted task where it stopped."""
    task = run(lambda deployment: services.resume_task(deployment, task_id), as_json, _perhaps_changed(task_id))
    _print_changed(task, as_json, f"resumed; follow it with: audience status {task.task_id} --watch")


def _perhaps_changed(task_id: str) -> str:
    return f"stopped; audience status {task_id} says if the task changed"


def _print_changed(task: Task, as_json: bool, outcome: str) -> None:
    if as_json:
        print_status(task, 200, "OK")
    else:
        print(f"task {task.task_id} {outcome}")


def _save(path: Path, rows: "list[services.SampleRow]", as_json: bool) -> None:
    try:
        services.save_sample(path, rows)
    except AudienceError as error:
        exit_with(error, as_json)
    if as_json:
        print_envelope(200, "OK", rows=len(rows), file=str(path))
    else:
        print(f"{counted(len(rows), 'row')} saved to {path}")
