"""The commands on tasks: create, list, status, sample, abort, resume."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from itertools import zip_longest
from typing import Annotated, TypeVar

import typer

from console.cli.output import envelope, fail, print_fields, print_table, say_error
from console.cli.progress import follow
from jobs.deployment import Site
from jobs.errors import AudienceError
from jobs.model.task import Task, TaskRequest, whole_number
from jobs.services import tasks as services
from jobs.settings import read_settings

Result = TypeVar("Result")

TaskId = Annotated[str, typer.Argument(metavar="TASK_ID", help="32 hex digits, as create printed them.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document {error_code, error_message, ...}.")]

_LIST_COLUMNS: dict[str, Callable[[Task], object]] = {
    "task_id": lambda task: task.task_id,
    "stat": lambda task: task.stat,
    "prod": lambda task: task.prod_stat,
    "predict_type": lambda task: task.predict_type,
    "created": lambda task: task.create_time,
    "rows": lambda task: task.length_receive_table,
    "labelled": lambda task: task.length_output_table,
    "result": lambda task: task.result,
    "rate %": lambda task: task.rate_of_label,
}

SAMPLE_COLUMNS: dict[str, Callable[[services.SampleRow], object]] = {
    "source_author": lambda row: row.source_author,
    "panel": lambda row: row.panel,
    "create_time": lambda row: row.create_time,
    "id": lambda row: row.id,
    "match_content": lambda row: row.match_content,
}


def run(service: Callable[[Site], Awaitable[Result]], as_json: bool) -> Result:
    """Runs a service on the site of the settings; prints its error and ends the command where it raises one."""

    async def call() -> Result:
        return await service(Site(read_settings()))

    try:
        return asyncio.run(call())
    except AudienceError as error:
        fail(error, as_json)
    except KeyboardInterrupt:
        say_error("stopped waiting; tasks go on without this command")
        raise typer.Exit(130) from None


def create(
    start_time: Annotated[str, typer.Option(help='First moment of the range: "2020-01-01 00:00:00".')],
    end_time: Annotated[str, typer.Option(help="Last moment of the range; it belongs to it.")],
    model_type: Annotated[str, typer.Option(help="keyword_model or rule_model.")] = "keyword_model",
    predict_type: Annotated[str, typer.Option(help="author_name, s_area_id, title or content.")] = "author_name",
    target_schema: Annotated[str | None, typer.Option(help="Schema of the posts.  [default: INPUT_SCHEMA]")] = None,
    target_table: Annotated[str | None, typer.Option(help="Table of the posts.  [default: INPUT_TABLE]")] = None,
    output_schema: Annotated[str | None, typer.Option(help="Schema of results.  [default: OUTPUT_SCHEMA]")] = None,
    countdown: Annotated[str | None, typer.Option(help="Seconds before production.  [default: COUNTDOWN]")] = None,
    queue: Annotated[str | None, typer.Option(help="Queue whose workers run it.  [default: QUEUE]")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is finished; status 1 if it fails.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create a task: label the posts of a range, then produce."""
    values = {
        "model_type": model_type,
        "predict_type": predict_type,
        "start_time": start_time,
        "end_time": end_time,
        "target_schema": target_schema,
        "target_table": target_table,
        "output_schema": output_schema,
        "countdown": countdown,
        "queue": queue,
    }

    async def service(site: Site) -> tuple[TaskRequest, str, Task | None]:
        request = TaskRequest.of(site.settings, values)
        task_id = await services.create_task(site, request)
        if not wait:
            return request, task_id, None
        if not as_json:
            print(task_id, flush=True)
        return request, task_id, await follow(services.watch_status(site, task_id))

    request, task_id, task = run(service, as_json)
    configuration = {
        **request.model_dump(mode="json"),
        "date_range": request.date_range,
        "task_id": task_id,
    }
    if task is not None:
        _end(task, as_json, configuration)
    elif as_json:
        envelope(200, configuration)
    else:
        print_fields(configuration.items())
        print(f"\nFollow it with: audience status {task_id} --watch")


def list_tasks(
    limit: Annotated[int, typer.Option(min=1, max=services.MAX_ROWS, help="At most so many.")] = 20,
    output_schema: Annotated[str | None, typer.Option(help="Schema of results.  [default: OUTPUT_SCHEMA]")] = None,
    as_json: AsJson = False,
) -> None:
    """List the newest tasks and how they stand."""
    tasks = run(lambda site: services.task_list(site, limit, output_schema), as_json)
    if as_json:
        envelope(200, "OK", content=[task.to_json() for task in tasks])
        return
    print_table(_LIST_COLUMNS, tasks)


def status(
    task_id: TaskId,
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow it until it is finished; status 1 if it fails.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how a task stands."""
    if watch:
        _end(run(lambda site: follow(services.watch_status(site, task_id)), as_json), as_json)
        return
    task = run(lambda site: services.check_status(site, task_id), as_json)
    if as_json:
        _print_status(task, 200, "OK")
    else:
        print_task(task)


def sample(
    task_id: TaskId,
    table: Annotated[
        list[str] | None, typer.Option(help="A production table; several may be given.  [default: all]")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=services.MAX_ROWS, help="At most so many rows.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show a random sample of a task's production rows."""
    rows = run(lambda site: services.sample_result(site, task_id, table or (), limit), as_json)
    if as_json:
        envelope(200, [asdict(row) | {"create_time": row.create_time.isoformat()} for row in rows])
        return
    print_table(SAMPLE_COLUMNS, rows)


def abort(task_id: TaskId, as_json: AsJson = False) -> None:
    """Stop a task; what it has done stays, and it can be resumed."""
    task = run(lambda site: services.abort(site, task_id), as_json)
    _print_changed(task, as_json, f"aborted; go on with: audience resume {task_id}")


def resume(task_id: TaskId, as_json: AsJson = False) -> None:
    """Let a failed or aborted task go on where it stopped."""
    task = run(lambda site: services.resume(site, task_id), as_json)
    _print_changed(task, as_json, f"goes on; follow it with: audience status {task_id} --watch")


def _end(task: Task, as_json: bool, configuration: dict[str, object] | None = None) -> None:
    """Prints how a task ended; status 1 where it did not succeed."""
    succeeded = task.prod_stat == "finish"
    if as_json:
        failure = f"task {task.task_id} ended {task.stat}: {task.error or 'aborted'}"
        _print_status(task, 200 if succeeded else 500, (configuration or "OK") if succeeded else failure)
    else:
        print_task(task)
    if not succeeded:
        raise typer.Exit(1)


def _print_status(task: Task, code: int, message: object) -> None:
    envelope(code, message, status=task.stat, prod_status=task.prod_stat, result=task.result, task=task.to_json())


def _print_changed(task: Task, as_json: bool, words: str) -> None:
    if as_json:
        _print_status(task, 200, "OK")
    else:
        print(f"task {task.task_id} {words}")


def print_task(task: Task) -> None:
    """Prints how a task stands, in words."""
    print_fields(
        [
            ("task_id", task.task_id),
            ("status", task.stat),
            ("production", task.prod_stat or "not finished"),
            ("error", task.error),
            ("check point", task.check_point),
            ("model", f"{task.model_type} on {task.predict_type}"),
            ("input", f"{task.target_table}.{task.source_table or ''}"),
            ("range", task.date_range),
            ("windows", f"{task.windows_done} of {task.windows} done" if task.windows else None),
            ("rows received", _number(task.length_receive_table)),
            ("rows labelled", _number(task.length_output_table)),
            *_result_fields(task),
            ("run time", f"{task.run_time * 60:,.1f} seconds" if task.run_time is not None else None),
            ("peak memory", f"{task.peak_memory:.0f} MB a worker" if task.peak_memory else None),
        ]
    )


def _result_fields(task: Task) -> list[tuple[str, str]]:
    """A line for each result: what was produced, of how many authors."""
    numbers = (task.length_prod_table, task.uniq_source_author, task.rate_of_label)
    columns = [(text or "").split(",") for text in numbers]
    fields: list[tuple[str, str]] = []
    for result, length, authors, rate in zip_longest(task.results, *columns, fillvalue=""):
        name = "result" if not fields else " "
        rows, of = whole_number(length), whole_number(authors)
        produced = f"{rows:>9,} of {of:,} authors produced, {rate} %" if rows is not None and of is not None else ""
        fields.append((name, f"{result:16}{produced}"))
    return fields if task.results else []


def _number(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"
