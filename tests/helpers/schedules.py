"""Schedules for tests: made up, and added to a deployment."""

from datetime import datetime
from typing import Any

from jobs import services
from jobs.deployment import Deployment
from jobs.model.schedule_request import ScheduleRequest
from jobs.model.schedules import Schedule
from jobs.queue.client import open_redis
from jobs.services import ScheduleStatus
from jobs.worker.scheduler import Scheduler
from tests.helpers.deployment import TestDeployment

RARELY = "0 0 29 2 */7"
"""A Sunday that is a 29th of February, as in 2032: no test meets a due time that it has not set."""

_DEFAULTS: dict[str, Any] = {
    "deployment": "default",
    "name": "nightly",
    "cron": "15 3 * * *",
    "timezone": "UTC",
    "range": "yesterday",
    "lookback": 0,
    "catch_up": "latest",
    "model_type": "keyword_model",
    "predict_type": "author_name",
    "target_schema": "posts",
    "target_table": "posts",
    "output_schema": "results",
    "queue": "queue1",
    "countdown": 0,
    "paused": False,
    "next_due": datetime(2026, 7, 1, 3, 15),
    "covered_until": datetime(2026, 6, 30),
    "waiting_for": None,
    "waiting_since": None,
    "input_server": "here:3306",
    "input_server_id": "here",
}


def schedule(**changes: Any) -> Schedule:
    """Return a schedule with defaults for what a test does not care about."""
    return Schedule(**_DEFAULTS | changes)


def schedule_request(deployment: TestDeployment, name: str = "nightly", **values: object) -> ScheduleRequest:
    """Return the request of a schedule that is due when `make_due` says so."""
    return ScheduleRequest.from_values(deployment.settings, {"name": name, "cron": RARELY} | values)


async def add_schedule(deployment: TestDeployment, name: str = "nightly", **values: object) -> ScheduleStatus:
    """Add a schedule that is due when `make_due` says so."""
    return await services.save_schedule(deployment, schedule_request(deployment, name, **values))


def make_due(deployment: TestDeployment, name: str = "nightly", seconds: float = 1) -> None:
    """Set the next time of schedules whose name is like this to some seconds ago, by the database's clock."""
    deployment.write_anything(
        "UPDATE {output}.task_schedule SET next_due = UTC_TIMESTAMP(6) - INTERVAL %s SECOND WHERE name LIKE %s",
        seconds,
        name,
    )


def set_schedule(deployment: TestDeployment, **columns: object) -> None:
    """Change columns of all schedules, whatever the services allow."""
    assignments = ", ".join(f"{name} = %s" for name in columns)
    deployment.write_anything(f"UPDATE {{output}}.task_schedule SET {assignments}", *columns.values())


async def look_once(deployment: Deployment) -> float:
    """Let a worker look once for schedules that are due."""
    async with open_redis(deployment.settings) as redis:
        return await Scheduler(deployment, redis).look()
