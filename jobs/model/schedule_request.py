"""The parameters of a schedule: declared here once, for the command line, the form and the table."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from jobs.errors import InvalidValue
from jobs.model.cron import check_cron, check_timezone, past_time, previous_due
from jobs.model.schedules import SINCE_LAST, Schedule, check_range
from jobs.model.task_request import (
    Countdown,
    ModelParameter,
    OutputSchema,
    PredictParameter,
    QueueParameter,
    TargetSchema,
    TargetTable,
    TaskRequest,
    default_values,
    validated,
)
from jobs.settings import QUEUE_NAME, Settings

_MOST_HOURS = 8_784
TASK_PARAMETERS = tuple(name for name in TaskRequest.model_fields if name not in ("start_time", "end_time"))


def _check_name(name: str) -> str:
    if re.fullmatch(QUEUE_NAME, name) is None or name.endswith("\n"):
        raise ValueError(f"expected 1 to 64 letters, digits, and . - _, not {name[:40]!r}")
    return name


class ScheduleRequest(BaseModel):
    """The parameters of a schedule, each validated (docs/schedules.md)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[
        str,
        AfterValidator(_check_name),
        Field(title="Name", description="1 to 64 letters, digits, and . - _"),
    ]
    cron: Annotated[
        str,
        StringConstraints(max_length=200),
        AfterValidator(check_cron),
        Field(title="Cron", description='When it is due: "minute hour day month weekday", such as "15 3 * * *".'),
    ]
    timezone: Annotated[
        str,
        AfterValidator(check_timezone),
        Field(title="Time zone", description="Zone of the times that it is due, and of its ranges."),
    ] = "UTC"
    range: Annotated[
        str,
        AfterValidator(check_range),
        Field(title="Range", description="yesterday, last-N-days, or since-last: since the last successful run."),
    ] = "yesterday"
    lookback: Annotated[
        int,
        Field(ge=0, le=_MOST_HOURS),
        Field(title="Lookback, h", description="Hours by which since-last begins earlier, for posts that come late."),
    ] = 0
    catch_up: Annotated[
        Literal["latest", "all", "none"],
        Field(
            title="Catch up",
            description="Of the times that were due without a worker, fire the latest, all, or none.",
        ),
    ] = "latest"
    model_type: ModelParameter = "keyword_model"
    predict_type: PredictParameter = "author_name"
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
    def from_values(cls, settings: Settings, values: Mapping[str, object]) -> "ScheduleRequest":
        """Return the request with these values; a value that is missing or None is the default.

        Raises InvalidValue that names each malformed value.
        """
        request = validated(cls, settings, values)
        if request.lookback and request.range != SINCE_LAST:
            fault = f"only the range {SINCE_LAST} looks back"
            raise InvalidValue(f"lookback: {fault}", {"lookback": fault})
        return request

    @staticmethod
    def from_schedule(schedule: Schedule) -> dict[str, str]:
        """Return the parameters of a schedule as text."""
        return {name: str(getattr(schedule, name)) for name in ScheduleRequest.model_fields}

    def first_begin(self, now: datetime) -> datetime:
        """Return where the first since-last range begins, if it is added now: one period before its end."""
        return past_time(self.timezone, previous_due(self.cron, self.timezone, now))


def task_values(schedule: Schedule, start: datetime, end: datetime) -> dict[str, object]:
    """Return the values of the request of a schedule's task."""
    parameters = {name: getattr(schedule, name) for name in TASK_PARAMETERS}
    return parameters | {"start_time": start, "end_time": end}
