"""Which tasks to list."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from jobs.errors import InvalidValue

_AGE = re.compile(r"(\d{1,6})([mhdw])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class ListedStatus(StrEnum):
    """A status to list by: a value of `stat`, or that of `prod_stat`."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    ABORTED = "ABORTED"
    FINISH = "finish"


@dataclass(frozen=True)
class TaskSelection:
    """The tasks that have one of these statuses, or any if there are none, and are new enough, and of a schedule."""

    statuses: tuple[ListedStatus, ...] = ()
    since: datetime | timedelta | None = None
    """When they were created at the earliest: a time, or an age, both by the output server's clock."""
    schedule: str | None = None
    """The name of the schedule that created them. None: whoever did."""


def parse_since(text: str) -> datetime | timedelta:
    """Return the time that a text such as 2020-01-31 or "2020-01-31 18:00" names, or the age that 45m, 12h or 3d is.

    Raises InvalidValue.
    """
    text = text.strip()
    if match := _AGE.fullmatch(text):
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is not None:
        raise InvalidValue(f"since: expected a time such as 2020-01-31 18:00, or an age such as 3d, not {text[:40]!r}")
    return time
