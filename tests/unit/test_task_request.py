"""The parameters of a new task: each is validated, and an earlier task gives them back."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from jobs.errors import InvalidRange, InvalidValue
from jobs.model.task import Task
from jobs.model.task_request import TaskRequest
from jobs.settings import Settings

SETTINGS = Settings(
    input_schema="posts",
    input_table="ts_page_content",
    output_schema="results",
    queue="queue7",
    countdown=3,
)
RANGE = {"start_time": "2020-01-01 00:00:00", "end_time": "2020-12-31 23:59:59"}


def request(**values: object) -> TaskRequest:
    return TaskRequest.from_values(SETTINGS, RANGE | values)


@pytest.mark.parametrize("end", ["2020-01-01 00:00:00", "2019-12-31 23:59:59"])
def test_400_start_time_must_be_earlier_than_end_time(end: str) -> None:
    with pytest.raises(InvalidRange, match="start_time must be earlier than end_time") as caught:
        request(start_time="2020-01-01 00:00:00", end_time=end)
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model_type", "magic_model"),
        ("predict_type", "author"),
        ("start_time", "yesterday"),
        ("start_time", "2020-02-30 00:00:00"),
        ("start_time", "2020-01"),
        ("end_time", "2020-02-30"),
        ("start_time", "2020-01-01T00:00:00Z"),
        ("start_time", "1577836800"),
        ("end_time", "10000-01-01 00:00:00"),
        ("target_schema", ""),
        ("target_schema", "x" * 65),
        ("target_table", "a\x00b"),
        ("target_table", "trailing "),
        ("countdown", "-1"),
        ("countdown", "soon"),
        ("queue", "a b"),
        ("queue", ""),
    ],
)
def test_422_a_malformed_value_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidValue, match=f"^{name}: ") as caught:
        request(**{name: value})
    assert caught.value.code == 422
    assert list(caught.value.faults) == [name]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("model_type", "nope", "expected keyword_model or rule_model"),
        ("queue", "a b", "expected 1 to 64 letters, digits, and . - _"),
        ("countdown", "-1", "expected 0 or more"),
        ("countdown", "9999999", "expected 2,592,000 or less"),
        ("countdown", "soon", "expected a whole number"),
        ("target_table", "t" * 65, "expected 64 characters or fewer"),
    ],
)
def test_422_says_which_values_are_expected(name: str, value: str, expected: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        request(**{name: value})
    assert caught.value.faults == {name: expected}


def test_422_every_malformed_value_is_named_at_once() -> None:
    with pytest.raises(InvalidValue, match=r"model_type: .*; countdown: "):
        request(model_type="x", countdown="y")


@pytest.mark.parametrize("time", ["2020-01-01 00:00", "2020-01-01T00:00:00", " 2020-01-01 00:00:00.5"])
def test_times_are_accepted_with_a_t_and_with_or_without_seconds(time: str) -> None:
    assert request(start_time=time).start_time.year == 2020


def test_a_value_that_is_missing_is_the_settings_default() -> None:
    found = request(target_table=None, countdown=None)
    assert isinstance(found, TaskRequest)
    assert (found.target_schema, found.target_table, found.output_schema) == ("posts", "ts_page_content", "results")
    assert (found.countdown, found.queue) == (3, "queue7")


def test_every_field_has_a_title_for_the_form_and_a_description_for_the_command_line() -> None:
    for name, field in TaskRequest.model_fields.items():
        assert field.title and field.description, name


def task(**values: Any) -> Task:
    """Return a task as the state table keeps one: `target_table` has the name of the schema."""
    blank: dict[str, Any] = dict.fromkeys(Task.__dataclass_fields__)
    return Task(
        **blank
        | {
            "task_id": "0" * 32,
            "stat": "SUCCESS",
            "model_type": "rule_model",
            "predict_type": "content",
            "start_time": datetime(2020, 5, 5, 5, 5, 5),
            "end_time": datetime(2020, 6, 6, 6, 6, 6, 500_000),
            "target_table": "old posts",
            "source_table": "old table",
            "output_schema": "old results",
            "queue": "late",
            "countdown": 0,
        }
        | values
    )


def test_an_earlier_task_gives_its_values_back_as_text() -> None:
    assert TaskRequest.from_task(task()) == {
        "model_type": "rule_model",
        "predict_type": "content",
        "start_time": "2020-05-05 05:05:05",
        "end_time": "2020-06-06 06:06:06.500000",
        "target_schema": "old posts",
        "target_table": "old table",
        "output_schema": "old results",
        "queue": "late",
        "countdown": "0",
    }


def test_the_values_of_an_earlier_task_make_the_same_request_again() -> None:
    values = TaskRequest.from_task(task())
    again = TaskRequest.from_values(SETTINGS, values)
    assert {name: str(value) for name, value in again} == values


def test_values_that_an_earlier_task_does_not_have_are_left_to_the_defaults() -> None:
    old = replace(task(), queue=None, countdown=None, source_table=None, start_time=None, end_time=None)
    values = TaskRequest.from_task(old)
    assert not {"queue", "countdown", "target_table", "start_time", "end_time"} & values.keys()
    again = TaskRequest.from_values(SETTINGS, RANGE | values)
    assert (again.queue, again.countdown, again.target_table) == ("queue7", 3, "ts_page_content")


@pytest.mark.parametrize("day", ["2020-03-01", " 2020-03-01 "])
def test_a_day_is_a_start_at_its_first_second_and_an_end_at_its_last(day: str) -> None:
    parsed = request(start_time=day, end_time=day)
    assert (parsed.start_time, parsed.end_time) == (datetime(2020, 3, 1), datetime(2020, 3, 1, 23, 59, 59))
    assert parsed.date_range == "2020-03-01 00:00:00 - 2020-03-01 23:59:59"
