"""How the commands print tasks and production rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from console.cli.output import print_envelope, print_fields
from console.figures import number
from jobs.model.event import TaskEvent
from jobs.model.task import Task
from jobs.model.wording import counted

if TYPE_CHECKING:
    from jobs.services import SampleRow

_LAST_EVENTS = 5

LIST_COLUMNS: dict[str, Callable[[Task], object]] = {
    "task_id": lambda task: task.task_id,
    "stat": lambda task: task.stat,
    "prod": lambda task: task.prod_stat,
    "predict_type": lambda task: task.predict_type,
    "created": lambda task: task.create_time,
    "posts": lambda task: task.length_receive_table,
    "labelled": lambda task: task.length_output_table,
    "result": lambda task: task.result,
    "rate %": lambda task: task.rate_of_label,
}

SAMPLE_COLUMNS: dict[str, Callable[["SampleRow"], object]] = {
    "source_author": lambda row: row.source_author,
    "panel": lambda row: row.panel,
    "create_time": lambda row: row.create_time,
    "id": lambda row: row.id,
    "match_content": lambda row: row.match_content,
}


def print_tasks(tasks: Sequence[Task], ids: Mapping[str, str], stale: Mapping[str, bool | None]) -> None:
    """Print a line a task, as wide as the terminal: columns that do not fit are left out, and then texts shortened.

    `ids` has the first digits of each task id that no other task has, so that they can be given to a command.
    """
    from console.cli.terminal import show_rows

    columns: dict[str, Callable[[Task], object]] = {
        "task": lambda task: ids[task.task_id],
        "status": _status,
        "patterns": lambda task: "stale" if stale[task.task_id] else None,
        "predict_type": lambda task: task.predict_type,
        "created": lambda task: f"{task.create_time:%Y-%m-%d %H:%M}",
        **{name: LIST_COLUMNS[name] for name in ("posts", "labelled", "result", "rate %")},
    }
    if not any(stale.values()):
        del columns["patterns"]
    show_rows(columns, tasks, optional=("rate %", "labelled", "posts", "predict_type", "created"), shortened="result")


def print_task(task: Task, stale: bool | None = None, events: Sequence[TaskEvent] = ()) -> None:
    """Print how a task stands, and its last events.

    `stale`: whether its patterns are not those of the files now; None if unknown.
    """
    print_fields(
        [
            ("task_id", task.task_id),
            ("status", task.stat),
            ("production", task.prod_stat or "not finished"),
            ("error", task.error),
            ("schedule", task.schedule),
            ("waits for", task.waiting_for),
            ("check point", task.check_point),
            ("cleaned", f"{task.cleaned_at:%Y-%m-%d %H:%M:%S} UTC" if task.cleaned_at else None),
            ("model", f"{task.model_type} on {task.predict_type}"),
            ("patterns", "stale: the pattern files have changed since the task was created" if stale else None),
            ("input", f"{task.target_table}.{task.source_table or ''}"),
            ("range", task.date_range),
            ("windows", f"{task.windows_done} of {task.windows} done" if task.windows else None),
            ("units", f"{task.units_done or 0} of {task.units} produced" if _is_producing(task) else None),
            ("posts read", number(task.length_receive_table)),
            ("posts labelled", _labelled(task)),
            *_result_fields(task),
            ("run time", f"{task.run_time * 60:,.1f} seconds" if task.run_time is not None else None),
            ("peak memory", f"{task.peak_memory:.0f} MB a worker" if task.peak_memory else None),
            *_event_fields(events),
        ]
    )


def print_status(
    task: Task, code: int, message: object, *, stale: bool | None = None, warnings: Sequence[str] = (), **more: object
) -> None:
    """Print a task as JSON. `stale` is None if it is not known."""
    print_envelope(
        code,
        message,
        status=task.stat,
        prod_status=task.prod_stat,
        result=task.result,
        stale=stale,
        warnings=list(warnings),
        **more,
        task=task.to_json() | {"stale": stale},
    )


def print_end(
    task: Task, as_json: bool, configuration: dict[str, object] | None = None, warnings: Sequence[str] = ()
) -> None:
    """Print how a task ended, and exit with status 1 unless its production is finished."""
    if as_json:
        failure = f"task {task.task_id} ended {task.stat}: {task.error or 'aborted'}"
        message = (configuration or "OK") if task.produced else failure
        print_status(task, 200 if task.produced else 500, message, warnings=warnings)
    else:
        print_task(task)
    if not task.produced:
        raise typer.Exit(1)


def _status(task: Task) -> str | None:
    """Return in a word or two how both jobs of a task stand."""
    if task.awaits_production:
        return f"{task.stat}, producing"
    return task.prod_stat if task.produced and not task.stopped else task.stat


def _is_producing(task: Task) -> bool:
    return bool(task.units) and not task.produced


def _result_fields(task: Task) -> list[tuple[str, str]]:
    """Return a line for each result: how many authors of how many were produced."""
    fields = []
    for index, figures in enumerate(task.result_figures):
        produced = ""
        if figures.produced is not None and figures.authors is not None:
            rate = f", {figures.rate:.2f}%" if figures.rate is not None else ""
            produced = f"{figures.produced:>9,} of {counted(figures.authors, 'author')} produced{rate}"
        fields.append(("result" if index == 0 else " ", f"{figures.result:16}{produced}"))
    return fields


def _event_fields(events: Sequence[TaskEvent]) -> list[tuple[str, str]]:
    """Return a line for each of the last events, oldest first."""
    last = events[-_LAST_EVENTS:]
    return [
        ("events" if index == 0 else " ", f"{event.at:%Y-%m-%d %H:%M:%S} UTC  {event.kind} {event.words}")
        for index, event in enumerate(last)
    ]


def _labelled(task: Task) -> str:
    labelled, read = task.length_output_table, task.length_receive_table
    return number(labelled) + (f" ({labelled / read:.1%})" if labelled is not None and read else "")
