"""The document of an alert."""

import json
from datetime import datetime
from typing import Any

from jobs.model.alert import AlertEvent, StoredAlert, schedule_alert, task_alert
from jobs.model.task import Task


def task(**values: Any) -> Task:
    blank: dict[str, Any] = dict.fromkeys(Task.__dataclass_fields__)
    return Task(**blank | {"task_id": "ab" * 16, "stat": "FAILURE", "date_range": "a - b"} | values)


def test_the_alert_of_a_task_that_a_schedule_created_names_the_schedule() -> None:
    failed = task(deployment="prod", error="why", schedule="nightly", result="Dcard,fbfans")
    document = task_alert(AlertEvent.TASK_FAILED, failed).document()
    assert document["schedule"] == {"name": "nightly", "due": None}
    assert (
        document["text"]
        == f"audience prod: task {failed.task_id} of schedule nightly ({failed.date_range}) failed: why"
    )
    assert [result["result"] for result in document["task"]["results"]] == ["Dcard", "fbfans"]
    assert task_alert(AlertEvent.TASK_FAILED, task()).document()["schedule"] is None


def test_what_is_posted_is_json_with_the_id_and_the_time_whatever_the_error_quotes() -> None:
    alert = schedule_alert("prod", "nightly", datetime(2026, 1, 2, 3, 4, 5), 'a "quote"\n\x1b\u202e密碼\ud800')
    posted = StoredAlert("ab" * 16, datetime(2026, 1, 2, 3, 4, 6, 700_000), alert.document()).body()
    document = json.loads(posted)
    assert posted.isascii()
    assert (document["id"], document["created"]) == ("ab" * 16, "2026-01-02T03:04:06Z")
    assert document["error"] == 'a "quote"\n\x1b\u202e密碼\ud800'
    assert (document["event"], document["schedule"]["due"]) == ("schedule_failed", "2026-01-02T03:04:05Z")
