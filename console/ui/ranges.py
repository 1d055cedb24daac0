"""Ranges to choose from: all posts, and the last year, quarter, month and day of them."""

from calendar import monthrange
from datetime import datetime, time

from jobs.model.task import Task

_LAST = time(23, 59, 59)


def whole_days(first: datetime, last: datetime) -> tuple[datetime, datetime]:
    """Return the first second of the first day, and the last second of the last one."""
    return datetime.combine(first.date(), time.min), datetime.combine(last.date(), _LAST)


def proposed_ranges(first: datetime, last: datetime, latest: Task | None) -> dict[str, tuple[datetime, datetime]]:
    """Return ranges by name, from when the first and the last post were written, and the latest task."""
    day = datetime.combine(last.date(), time.min)
    month = day.replace(day=1)
    quarter = month.replace(month=(month.month - 1) // 3 * 3 + 1)
    year = month.replace(month=1)
    ranges = {
        "all posts": whole_days(first, last),
        "the last year": (year, datetime.combine(year.replace(month=12, day=31), _LAST)),
        "the last quarter": (quarter, _month_end(quarter.replace(month=quarter.month + 2))),
        "the last month": (month, _month_end(month)),
        "the last day": (day, datetime.combine(day, _LAST)),
    }
    if latest is not None and latest.start_time is not None and latest.end_time is not None:
        ranges["like the latest task"] = (latest.start_time, latest.end_time)
    return ranges


def _month_end(month: datetime) -> datetime:
    """Return the last second of a month, from its first second."""
    return datetime.combine(month.replace(day=monthrange(month.year, month.month)[1]), _LAST)
