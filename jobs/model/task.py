"""A task: what is asked for (TaskRequest) and how it stands (Task, a row of the state table)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from jobs.errors import InvalidRange, InvalidTaskId, InvalidValue
from jobs.settings import QUEUE_NAME, Settings
from patterns.pattern_set import ModelType, PredictType

_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?", re.ASCII)
_TASK_ID = re.compile(r"[0-9a-f]{32}")


def _parse_time(value: object) -> datetime:
    """A time without zone, in the input database's own: 2020-01-31 18:00:00, also with a T."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value
    if not isinstance(value, str) or not _TIME.fullmatch(value.strip()):
        raise ValueError(f"expected a time such as 2020-01-31 18:00:00, without a zone, not {str(value)[:40]!r}")
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError as error:
        raise ValueError(f"{value.strip()!r} is no time of the calendar: {error}") from None


def _check_identifier(name: str) -> str:
    if not name:
        raise ValueError("no value, and no default in .env")
    if not name.isprintable() or name[-1] == " ":
        raise ValueError(f"{name!r} cannot be the name of a schema or table")
    return name


Time = Annotated[datetime, BeforeValidator(_parse_time)]
Identifier = Annotated[str, StringConstraints(max_length=64), AfterValidator(_check_identifier)]
TaskId = Annotated[str, StringConstraints(pattern=f"^{_TASK_ID.pattern}$")]


class TaskRequest(BaseModel):
    """What create_task is asked for, checked value by value (spec 2)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    model_type: ModelType = "keyword_model"
    predict_type: PredictType = "author_name"
    start_time: Time
    end_time: Time
    target_schema: Identifier
    target_table: Identifier
    output_schema: Identifier
    countdown: Annotated[int, Field(ge=0, le=30 * 86_400)]
    queue: Annotated[str, StringConstraints(pattern=QUEUE_NAME)]

    @classmethod
    def of(cls, settings: Settings, values: Mapping[str, object]) -> "TaskRequest":
        """The request with these values, and the settings' where a value is missing or None.

        Raises InvalidValue naming each wrong value, and InvalidRange.
        """
        defaults: dict[str, object] = {
            "target_schema": settings.input_schema,
            "target_table": settings.input_table,
            "output_schema": settings.output_schema,
            "countdown": settings.countdown,
            "queue": settings.queue,
        }
        given = {name: value for name, value in values.items() if value is not None}
        try:
            request = cls.model_validate(defaults | given)
        except ValidationError as error:
            faults = {str(fault["loc"][0]): fault["msg"].removeprefix("Value error, ") for fault in error.errors()}
            message = "; ".join(f"{name}: {reason}" for name, reason in faults.items())
            raise InvalidValue(message, faults) from None
        if request.start_time >= request.end_time:
            raise InvalidRange("start_time must be earlier than end_time")
        return request

    @property
    def date_range(self) -> str:
        """`start - end`, as the state table has it."""
        return f"{self.start_time} - {self.end_time}"


@dataclass(frozen=True)
class Task:
    """A row of the state table. The first seventeen fields are the seed's (spec 1), the rest ours.

    Of a task that v2.1 left behind ours are None. `heartbeat` and `production_due` are in UTC,
    the other times in the time zone of the output server.
    """

    task_id: str
    stat: str
    prod_stat: str | None
    model_type: str
    predict_type: str
    date_range: str
    target_table: str
    create_time: datetime
    peak_memory: float | None
    length_receive_table: int | None
    length_output_table: int | None
    length_prod_table: str | None
    result: str | None
    uniq_source_author: str | None
    rate_of_label: str | None
    run_time: float | None
    check_point: datetime | None
    queue: str | None
    countdown: int | None
    start_time: datetime | None
    end_time: datetime | None
    source_table: str | None
    output_schema: str | None
    pattern_hash: str | None
    windows: int | None
    windows_done: int | None
    error: str | None
    generation: int | None
    started_at: datetime | None
    production_due: datetime | None
    heartbeat: datetime | None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.stat in ("FAILURE", "ABORTED") or self.prod_stat == "finish"

    @property
    def results(self) -> list[str]:
        """The names in `result`."""
        return self.result.split(",") if self.result else []

    def to_json(self) -> dict[str, Any]:
        """Every column, times in ISO form."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in self.__dict__.items()
        }


def is_task_id(text: str) -> bool:
    """Whether a text has the form of a task id."""
    return _TASK_ID.fullmatch(text) is not None


def check_task_id(task_id: str) -> str:
    """The id itself. Raises InvalidTaskId where it has not the form of one."""
    if len(task_id) != 32:
        raise InvalidTaskId(f"{task_id[:64]!r} is not in proper format, expect 32 digits get {len(task_id)} digits")
    if not is_task_id(task_id):
        raise InvalidTaskId(f"{task_id!r} is not in proper format, expect 32 hex digits in lower case")
    return task_id


def whole_number(text: str) -> int | None:
    """The number in a place of `length_prod_table` or `uniq_source_author`; None where there is none."""
    digits = text.partition(".")[0]  # some of v2.1 have decimals
    return int(digits) if digits.isdecimal() and len(digits) <= 20 else None


Key = int | str


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a task's rows; `number` counts from 1.

    Its times are closed at both ends. Where windows are cut by key each has the whole range's times, and
    the rows from `from_key` to below `before_key`, in the server's order; None is no bound.
    """

    number: int
    start_time: datetime
    end_time: datetime
    from_key: Key | None = None
    before_key: Key | None = None

    @property
    def by_key(self) -> bool:
        """Whether it is cut by key."""
        return self.from_key is not None or self.before_key is not None


# The resolution of DATETIME(6), so that consecutive windows leave no room between them.
TICK = timedelta(microseconds=1)
