"""Alerts: what is posted to NOTIFY_URL when something happens that a person should know of (docs/alerts.md)."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from jobs.model.task import Task
from jobs.model.wording import counted

KEEP_DAYS = 7
"""How long an alert that no receiver accepts is kept."""


class AlertEvent(StrEnum):
    """What an alert is about: the `event` of its document."""

    TASK_FAILED = "task_failed"
    TASK_FINISHED = "task_finished"
    SCHEDULE_FAILED = "schedule_failed"
    TEST = "test"


@dataclass(frozen=True)
class Alert:
    """An alert of a deployment. `text` says it in one line; `details` are further members of its document."""

    event: AlertEvent
    deployment: str
    text: str
    error: str | None = None
    details: dict[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        """Return the document, which gets its id and its time when it is stored."""
        return {
            "version": 1,
            "event": self.event.value,
            "deployment": self.deployment,
            "text": self.text,
            "error": self.error,
            "task": None,
            "schedule": None,
            **(self.details or {}),
        }


@dataclass(frozen=True)
class StoredAlert:
    """An alert with its id, by which a receiver recognises one that arrives twice."""

    alert_id: str
    created: datetime
    """UTC, by the database's clock."""
    document: dict[str, Any]

    def body(self) -> bytes:
        """Return what is posted."""
        created = self.created.isoformat(timespec="seconds") + "Z"
        return json.dumps({"id": self.alert_id, "created": created, **self.document}).encode()


def task_alert(event: AlertEvent, task: Task) -> Alert:
    """Return the alert about a task that has ended."""
    outcome = f"failed: {task.error}" if event is AlertEvent.TASK_FAILED else f"finished: {_produced(task)}"
    deployment = task.deployment or ""
    of_schedule = f" of schedule {task.schedule}" if task.schedule else ""
    return Alert(
        event,
        deployment,
        f"audience {deployment}: task {task.task_id}{of_schedule} ({task.date_range}) {outcome}",
        task.error,
        {"task": _describe(task), "schedule": {"name": task.schedule, "due": None} if task.schedule else None},
    )


def schedule_alert(deployment: str, schedule: str, due: datetime, error: str) -> Alert:
    """Return the alert about a schedule that cannot fire. `due` is in UTC."""
    moment = due.isoformat(timespec="seconds") + "Z"
    return Alert(
        AlertEvent.SCHEDULE_FAILED,
        deployment,
        f"audience {deployment}: schedule {schedule}: {error}",
        error,
        {"schedule": {"name": schedule, "due": moment}},
    )


def trial_alert(deployment: str) -> Alert:
    """Return the alert that tries a receiver."""
    return Alert(AlertEvent.TEST, deployment, f"audience {deployment}: a test, sent by audience notify --test")


def _produced(task: Task) -> str:
    figures = [f"{counted(figures.produced or 0, 'row')} in {figures.result}" for figures in task.result_figures]
    return ", ".join(figures) or "no rows"


def _describe(task: Task) -> dict[str, Any]:
    columns = task.to_json()
    names = (
        *("task_id", "output_schema", "stat", "prod_stat", "model_type", "predict_type", "target_table"),
        *("source_table", "start_time", "end_time", "queue", "windows", "windows_done", "units", "units_done"),
        *("length_receive_table", "length_output_table", "check_point", "run_time"),
    )
    return {name: columns[name] for name in names} | {
        "results": [
            {"result": figures.result, "rows": figures.produced, "authors": figures.authors, "rate": figures.rate}
            for figures in task.result_figures
        ]
    }
