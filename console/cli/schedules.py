"""The commands on schedules: add, list, show, pause, unpause, run, remove."""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import typer

from console.cli.completion import complete_schedule
from console.cli.output import print_envelope, print_fields, print_lines, print_table, print_warning
from console.cli.parameters import Values, with_parameters
from console.cli.run import AsJson, run
from jobs import services
from jobs.deployment import Deployment
from jobs.model.cron import coming_times, local_time
from jobs.model.schedule_request import ScheduleRequest
from jobs.model.schedules import Firing
from jobs.services import ScheduleStatus

group = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

NewName = Annotated[str, typer.Argument(metavar="NAME", help=ScheduleRequest.model_fields["name"].description)]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="As schedule list shows it.", autocompletion=complete_schedule)
]

_COMING = 5
_MOST_REMARKS = 3


def _standing(status: ScheduleStatus) -> str | None:
    """Return what keeps a schedule from firing."""
    schedule = status.schedule
    if schedule.paused:
        return "paused"
    if schedule.waiting_for is not None:
        return f"waits: {schedule.waiting_for}"
    return "late: no worker fires it; see audience check on the workers' hosts" if status.late else None


def _zoned(status: ScheduleStatus, moment: datetime) -> str:
    """Return a moment as the clocks of the schedule's zone show it, with the difference from UTC."""
    return local_time(status.schedule.timezone, moment).isoformat(" ", "minutes")


def _next(status: ScheduleStatus) -> str | None:
    return None if status.schedule.paused else _zoned(status, status.schedule.next_due)


def _remark(status: ScheduleStatus) -> str | None:
    return _standing(status) or (_run_remark(status.last) if status.last else None)


def _run_remark(firing: Firing) -> str | None:
    return firing.error or firing.task_error or firing.note


LIST_COLUMNS: dict[str, Callable[[ScheduleStatus], object]] = {
    "name": lambda status: status.schedule.name,
    "cron": lambda status: status.schedule.cron,
    "next": _next,
    "last run": lambda status: _zoned(status, status.last.due) if status.last else None,
    "ended": lambda status: status.last.outcome.value if status.last else None,
}
"""What fits into 80 columns. Into a pipe, more columns follow; on a terminal, lines."""
_MORE_COLUMNS: dict[str, Callable[[ScheduleStatus], object]] = {
    "timezone": lambda status: status.schedule.timezone,
    "range": lambda status: status.schedule.range,
    "remark": _remark,
}


def schedule() -> None:
    """Let workers create tasks by themselves, at the times you choose."""


@with_parameters(ScheduleRequest, *(name for name in ScheduleRequest.model_fields if name != "name"))
def add(
    name: NewName,
    values: Values,
    replace: Annotated[bool, typer.Option("--replace", help="Change the schedule that has this name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a schedule, or change one. Its next time is the first one from now on."""
    warnings: list[str] = []

    def warn(warning: str) -> None:
        warnings.append(warning)
        print_warning(warning)

    async def service(deployment: Deployment) -> ScheduleStatus:
        request = ScheduleRequest.from_values(deployment.settings, {"name": name, **values})
        return await services.save_schedule(deployment, request, replace=replace, warn=warn)

    status = run(service, as_json, _perhaps_changed(name))
    if as_json:
        print_envelope(200, "OK", schedule=_to_json(status), warnings=warnings)
    else:
        _print(status)


def list_schedules(as_json: AsJson = False) -> None:
    """List the schedules: the next time, and how the last run ended."""
    statuses = run(services.list_schedules, as_json)
    if as_json:
        print_envelope(200, "OK", content=[_to_json(status) for status in statuses])
    elif not statuses:
        print("no schedules yet; add one with: audience schedule add")
    elif not sys.stdout.isatty():
        print_table(LIST_COLUMNS | _MORE_COLUMNS, statuses)
    else:
        print_table(LIST_COLUMNS, statuses)
        print_lines(*(f"{status.schedule.name}: {_remark(status)}" for status in statuses if _remark(status)))


def show(name: Name, as_json: AsJson = False) -> None:
    """Show a schedule: its parameters, its next times, its last runs."""
    status = run(lambda deployment: services.find_schedule(deployment, name), as_json)
    if as_json:
        runs = [firing.to_json() for firing in status.firings]
        print_envelope(200, "OK", schedule=_to_json(status), runs=runs)
        return
    _print(status)
    if not status.firings:
        return
    print()
    columns: dict[str, Callable[[Firing], object]] = {
        "due": lambda firing: _zoned(status, firing.due),
        "by": lambda firing: "hand" if firing.by_hand else "cron",
        "ended": lambda firing: firing.outcome.value,
        "task": lambda firing: firing.task_id,
    }
    if sys.stdout.isatty():
        print_table(columns, status.firings)
        # An error begins with its time.
        remarks = [
            firing.error or f"{_zoned(status, firing.due)}: {_run_remark(firing)}"
            for firing in status.firings
            if _run_remark(firing)
        ]
        print_lines(*remarks[:_MOST_REMARKS])
    else:
        more: dict[str, Callable[[Firing], object]] = {
            "start_time": lambda firing: firing.start_time,
            "end_time": lambda firing: firing.end_time,
            "remark": _run_remark,
        }
        print_table(columns | more, status.firings)


def pause(name: Name, as_json: AsJson = False) -> None:
    """Keep a schedule from firing. A run that has begun continues."""
    status = run(lambda deployment: services.pause_schedule(deployment, name), as_json, _perhaps_changed(name))
    _change(status, "paused", as_json)


def unpause(name: Name, as_json: AsJson = False) -> None:
    """Let a paused schedule fire again, from its next time on."""
    status = run(lambda deployment: services.unpause_schedule(deployment, name), as_json, _perhaps_changed(name))
    _change(status, f"due next {_zoned(status, status.schedule.next_due)}", as_json)


def run_now(name: Name, as_json: AsJson = False) -> None:
    """Run a schedule now, paused or not. Its next time does not change."""
    task = run(lambda deployment: services.run_schedule_now(deployment, name), as_json, _perhaps_changed(name))
    if as_json:
        print_envelope(200, "OK", task=task.to_json())
    else:
        print(f"schedule {name} runs: task {task.task_id}, {task.date_range}")
        print(f"Follow it with: audience status {task.task_id} --watch")


def remove(name: Name, as_json: AsJson = False) -> None:
    """Remove a schedule and the list of its runs. Its tasks stay."""
    schedule = run(lambda deployment: services.remove_schedule(deployment, name), as_json, _perhaps_changed(name))
    if as_json:
        print_envelope(200, "OK", schedule=schedule.to_json())
    else:
        print(f"schedule {name} removed; its tasks stay")


for _function, _example in (
    (add, 'add nightly --cron "15 3 * * *" --timezone Asia/Taipei --range yesterday'),
    (list_schedules, "list"),
    (show, "show nightly"),
    (pause, "pause nightly"),
    (unpause, "unpause nightly"),
    (run_now, "run nightly"),
    (remove, "remove nightly"),
):
    group.command(_example.split()[0], epilog=f"Example: audience schedule {_example}")(_function)


def _perhaps_changed(name: str) -> str:
    return f"stopped; audience schedule show {name} says if it changed anything"


def _change(status: ScheduleStatus, outcome: str, as_json: bool) -> None:
    if as_json:
        print_envelope(200, "OK", schedule=_to_json(status))
    else:
        print(f"schedule {status.schedule.name}: {outcome}")


def _to_json(status: ScheduleStatus) -> dict[str, object]:
    schedule = status.schedule
    return schedule.to_json() | {
        "next_due_local": local_time(schedule.timezone, schedule.next_due).isoformat(),
        "late": status.late,
        "last": status.last.to_json() if status.last else None,
    }


def _print(status: ScheduleStatus) -> None:
    schedule = status.schedule
    after = max(schedule.next_due, status.now)
    coming = [schedule.next_due, *coming_times(schedule.cron, schedule.timezone, after, _COMING - 1)]
    print_fields(
        [
            ("name", schedule.name),
            ("cron", f"{schedule.cron}, {schedule.timezone}"),
            ("range", schedule.range + (f", {schedule.lookback} h lookback" if schedule.lookback else "")),
            ("catch-up", schedule.catch_up),
            ("remark", _standing(status)),
            *(
                ("next" if number == 0 else " ", _zoned(status, due))
                for number, due in enumerate(() if schedule.paused else coming)
            ),
            ("model", f"{schedule.model_type} on {schedule.predict_type}"),
            ("input", f"{schedule.target_schema}.{schedule.target_table}"),
            ("output", schedule.output_schema),
            ("queue", schedule.queue),
            ("countdown", f"{schedule.countdown} s"),
        ]
    )
