"""The parameters of a new task: declared here once, for the command line, the form and the state table."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from jobs.errors import InvalidRange, InvalidValue
from jobs.model.task import Task
from jobs.settings import MOST_COUNTDOWN, QUEUE_NAME, Settings, fault_words
from patterns.pattern_set import ModelType, PredictType

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?", re.ASCII)


def _parse_start(value: object) -> datetime:
    return _parse_time(value, "00:00:00")


def _parse_end(value: object) -> datetime:
    return _parse_time(value, "23:59:59")


def _parse_time(value: object, of_day: str) -> datetime:
    """Parse a time without zone, in the input database's own zone: 2020-01-31 18:00:00, also with a T.

    A day alone is a start at its first second, or an end at its last one.
    """
    if isinstance(value, datetime) and value.tzinfo is None:
        return value
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        text = str(value)[:40]
        raise ValueError(f"expected a time such as 2020-01-31 18:00:00 or 2020-01-31, without a zone, not {text!r}")
    try:
        return datetime.fromisoformat(match[0] if match[2] else f"{match[1]} {of_day}")
    except ValueError as error:
        raise ValueError(f"{match[0]!r} is not in the calendar: {error}") from None


def _check_identifier(name: str) -> str:
    if not name:
        raise ValueError("no value, and no default in .env")
    if not name.isprintable() or name[-1] == " ":
        raise ValueError(f"{name!r} cannot be the name of a schema or table")
    return name


Start = Annotated[datetime, BeforeValidator(_parse_start)]
End = Annotated[datetime, BeforeValidator(_parse_end)]
Identifier = Annotated[str, StringConstraints(max_length=64), AfterValidator(_check_identifier)]


ModelParameter = Annotated[
    ModelType, Field(title="Model", description="keyword_model (keywords) or rule_model (regular expressions).")
]
PredictParameter = Annotated[
    PredictType, Field(title="Predict type", description="What is matched: author_name, s_area_id, title or content.")
]
TargetSchema = Annotated[
    Identifier, Field(title="Input schema", description="Schema of the posts.  [default: INPUT_SCHEMA]")
]
TargetTable = Annotated[
    Identifier, Field(title="Input table", description="Table of the posts.  [default: INPUT_TABLE]")
]
OutputSchema = Annotated[
    Identifier, Field(title="Output schema", description="Schema of the results.  [default: OUTPUT_SCHEMA]")
]
QueueParameter = Annotated[
    str,
    StringConstraints(pattern=QUEUE_NAME),
    Field(title="Queue", description="Queue whose workers run the task.  [default: QUEUE]"),
]
Countdown = Annotated[
    int,
    Field(ge=0, le=MOST_COUNTDOWN),
    Field(title="Countdown, s", description="Seconds before production.  [default: COUNTDOWN]"),
]

DEFAULT_SETTINGS = {
    "target_schema": "input_schema",
    "target_table": "input_table",
    "output_schema": "output_schema",
    "queue": "queue",
    "countdown": "countdown",
}
"""The setting that each of these parameters has its default from."""

Request = TypeVar("Request", bound=BaseModel)


class TaskRequest(BaseModel):
    """The parameters of create_task, each validated (docs/contract.md, "Services").

    A field's title labels it in the form; its description is the help of the command line's option.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    model_type: ModelParameter = "keyword_model"
    predict_type: PredictParameter = "author_name"
    start_time: Annotated[
        Start, Field(title="Start", description='Start of the range: "2020-01-01 00:00:00", or a day.')
    ]
    end_time: Annotated[End, Field(title="End", description="End of the range, included: a day to its last second.")]
    target_schema: TargetSchema
    target_table: TargetTable
    output_schema: OutputSchema
    queue: QueueParameter
    countdown: Countdown

    @classmethod
    def defaults(cls, settings: Settings) -> dict[str, object]:
        """Return the parameters that have a default, here or in the settings."""
        return default_values(cls, settings)

    @classmethod
    def from_values(cls, settings: Settings, values: Mapping[str, object]) -> "TaskRequest":
        """Return the request with these values; a value that is missing or None is the default.

        Raises InvalidValue that names each malformed value, and InvalidRange.
        """
        request = validated(cls, settings, values)
        if request.start_time >= request.end_time:
            raise InvalidRange("start_time must be earlier than end_time")
        return request

    @staticmethod
    def from_task(task: Task) -> dict[str, str]:
        """Return the parameters of an earlier task as text, without those that it does not know."""
        # The state table keeps v2.1's names: `target_table` holds the schema.
        values = task.__dict__ | {"target_schema": task.target_table, "target_table": task.source_table}
        return {name: str(values[name]) for name in TaskRequest.model_fields if values[name] is not None}

    @property
    def date_range(self) -> str:
        """`start - end`, as the state table has it."""
        return f"{self.start_time} - {self.end_time}"


def default_values(kind: type[BaseModel], settings: Settings) -> dict[str, object]:
    """Return the parameters of a kind of request that have a default, declared or in the settings."""
    declared = {name: field.default for name, field in kind.model_fields.items() if not field.is_required()}
    return declared | {name: getattr(settings, setting) for name, setting in DEFAULT_SETTINGS.items()}


def validated(kind: type[Request], settings: Settings, values: Mapping[str, object]) -> Request:
    """Return a request with these values; a value that is missing or None is the default. Raises InvalidValue."""
    given = {name: value for name, value in values.items() if value is not None}
    try:
        return kind.model_validate(default_values(kind, settings) | given)
    except ValidationError as error:
        faults = {str(fault["loc"][0]): fault_words(fault) for fault in error.errors()}
        message = "; ".join(f"{name}: {reason}" for name, reason in faults.items())
        raise InvalidValue(message, faults) from None
