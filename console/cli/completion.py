"""What the shell completes: task ids, schedules, schemas, tables, models and predict types.

It runs while someone types: it is quick, and whatever goes wrong, nothing is completed and nothing is said.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from jobs.deployment import Deployment
    from jobs.model.task import Task
    from jobs.services import ScheduleStatus

Completion = tuple[str, str]
"""A value, and what the shell says about it."""

_SECONDS = 1.5
_MOST_TASKS = 100
# The shell inserts a name as it is, so that it would act on others, such as $(name).
_PLAIN_NAME = re.compile(r"[\w.-]+")
_POSSIBLE: dict[str, Callable[["Task"], bool]] = {
    "abort": lambda task: task.can_abort,
    "resume": lambda task: task.can_resume,
    "sample": lambda task: task.can_sample,
    "export": lambda task: task.produced,
}
"""The tasks that a command is possible for. Others take any task."""


def complete_task_id(context: typer.Context, incomplete: str) -> list[Completion]:
    """Return the newest tasks whose id begins so, and that the command is possible for."""
    from jobs import services

    tasks: list[Task] = _answer(lambda deployment: services.find_tasks(deployment, incomplete, _MOST_TASKS), [])
    possible = _POSSIBLE.get(context.info_name or "", bool)
    return [
        (task.task_id, f"{task.stat} {task.model_type} {task.predict_type} {task.create_time:%Y-%m-%d}")
        for task in tasks
        if possible(task)
    ]


def complete_production_table(context: typer.Context, incomplete: str) -> list[str]:
    """Return the production tables of the task that has been named."""
    from jobs import services
    from jobs.model.sources import production_table

    # Before an option without its value, what came earlier has not been parsed.
    task_id = context.params.get("task_id") or "".join(context.args[:1])
    task = _answer(lambda deployment: services.check_status(deployment, task_id), None)
    return _plain(map(production_table, task.results), incomplete) if task else []


def complete_input_schema(incomplete: str) -> list[str]:
    """Return the schemas on the input server with a table of posts."""
    return _plain(_input_tables(), incomplete)


def complete_input_table(context: typer.Context, incomplete: str) -> list[str]:
    """Return the tables of posts, in the schema that has been named or in all."""
    schema, tables = context.params.get("target_schema"), _input_tables()
    return _plain(
        tables.get(schema, []) if schema else (name for names in tables.values() for name in names), incomplete
    )


def complete_output_schema(incomplete: str) -> list[str]:
    """Return the schemas on the output server that tasks have used."""
    from jobs.services import overview

    return _plain(_answer(overview.list_output_schemas, []), incomplete)


def complete_model_type(incomplete: str) -> list[str]:
    """Return the models."""
    from patterns.pattern_set import MODEL_TYPES

    return _plain(MODEL_TYPES, incomplete)


def complete_predict_type(incomplete: str) -> list[str]:
    """Return the predict types."""
    from patterns.pattern_set import PREDICT_TYPES

    return _plain(PREDICT_TYPES, incomplete)


def complete_schedule(incomplete: str) -> list[Completion]:
    """Return the schedules whose name begins so."""
    from jobs import services

    statuses: list[ScheduleStatus] = _answer(services.list_schedules, [])
    return [
        (status.schedule.name, f"{status.schedule.cron} {status.schedule.timezone} {status.schedule.range}")
        for status in statuses
        if status.schedule.name.startswith(incomplete)
    ]


def complete_timezone(incomplete: str) -> list[str]:
    """Return the time zones."""
    from zoneinfo import available_timezones

    return sorted(name for name in available_timezones() if name.startswith(incomplete))


def complete_range(incomplete: str) -> list[str]:
    """Return the ranges of a schedule."""
    return _plain(("yesterday", "last-7-days", "since-last"), incomplete)


def complete_catch_up(incomplete: str) -> list[str]:
    """Return the ways to catch up."""
    from jobs.model.schedules import CATCH_UPS

    return _plain(CATCH_UPS, incomplete)


PARAMETERS: dict[str, Callable[..., Any]] = {
    "model_type": complete_model_type,
    "predict_type": complete_predict_type,
    "target_schema": complete_input_schema,
    "target_table": complete_input_table,
    "output_schema": complete_output_schema,
    "timezone": complete_timezone,
    "range": complete_range,
    "catch_up": complete_catch_up,
}
"""What completes each parameter of a task, or of a schedule."""


def _input_tables() -> dict[str, list[str]]:
    from jobs.services import overview

    tables: dict[str, list[str]] = _answer(overview.list_input_tables, {})
    return tables


def _answer(service: "Callable[[Deployment], Awaitable[Any]]", otherwise: Any) -> Any:
    """Return what a service answers within a moment, or else `otherwise`."""
    from jobs import services

    async def ask() -> Any:
        async with asyncio.timeout(_SECONDS):
            return await service(services.load_deployment())

    logging.disable()
    try:
        return asyncio.run(ask())
    except Exception:  # whatever it is, the command itself will say it
        return otherwise


def _plain(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete) and _PLAIN_NAME.fullmatch(name)]
