"""Schedules for tests."""

from datetime import datetime
from typing import Any

from jobs.model.schedules import Schedule

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
