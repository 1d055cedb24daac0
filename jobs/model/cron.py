"""Cron expressions: when a schedule is due, in its time zone.

Daylight saving time is handled as Debian's cron does. A time that is skipped is due when the clocks have changed; a
time that comes twice is due the first time. An expression whose minute or hour begins with a star goes on by elapsed
time instead. Moments are in UTC, without a zone, as the database keeps them.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

_MINUTE = timedelta(minutes=1)
# By how much clocks may be set back, in minutes: no zone has done more at once for a century.
_MOST_SET_BACK = 180
_FIRST_SPAN = timedelta(hours=1)
_SPAN_GROWTH = 24


def check_cron(expression: str) -> str:
    """Return a cron expression of five fields, in its usual form. Raises ValueError."""
    fields = expression.split()
    if len(fields) != 5:
        raise ValueError(
            f"expected five fields, minute hour day month weekday, such as 15 3 * * *, not {expression[:40]!r}"
        )
    try:
        next_due(" ".join(fields), "UTC", datetime(2000, 1, 1))
    except CronSimError as error:
        raise ValueError(f"{str(error).lower()} in {expression[:40]!r}") from None
    return " ".join(fields)


def check_timezone(name: str) -> str:
    """Return the name of a time zone, such as Asia/Taipei. Raises ValueError."""
    if name not in _timezones():
        raise ValueError(f"expected the name of a time zone, such as Asia/Taipei or UTC, not {name[:40]!r}")
    return name


@cache
def _timezones() -> set[str]:
    return available_timezones()


def next_due(cron: str, timezone: str, after: datetime) -> datetime:
    """Return the first time that is due after a moment. Raises ValueError if there is none in the next 50 years."""
    for due in due_times(cron, timezone, after):
        return due
    raise ValueError(f"{cron!r} is never due")


def due_times(cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """Yield the times that are due after a moment, in order."""
    zone = ZoneInfo(timezone)
    last = after
    for due in CronSim(cron, after.replace(tzinfo=UTC).astimezone(zone)):
        moment = due.astimezone(UTC).replace(tzinfo=None)
        # From the second passage of an hour that comes twice, cronsim begins with the first one.
        if moment > last:
            yield moment
            last = moment


def newest_due(cron: str, timezone: str, after: datetime, until: datetime) -> datetime | None:
    """Return the last time that is due after one moment, and not after another. None if there is none.

    Looks back from the end, so that it does not take longer the longer nobody looked.
    """
    span = _FIRST_SPAN
    while True:
        start = max(after, until - span)
        newest = None
        for due in due_times(cron, timezone, start):
            if due > until:
                break
            newest = due
        if newest is not None or start == after:
            return newest
        span *= _SPAN_GROWTH


def previous_due(cron: str, timezone: str, before: datetime) -> datetime:
    """Return the last time that was due before a moment; the moment itself if there is none in the last ten years."""
    return newest_due(cron, timezone, before - timedelta(days=3653), before - timedelta(microseconds=1)) or before


def coming_times(cron: str, timezone: str, after: datetime, count: int) -> list[datetime]:
    """Return the next times that are due."""
    return list(islice(due_times(cron, timezone, after), count))


def local_time(timezone: str, moment: datetime) -> datetime:
    """Return what the clocks of a zone show at a moment, with the zone."""
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone))


def past_time(timezone: str, moment: datetime) -> datetime:
    """Return the time, by a zone's clocks, before which every time is over for good at a moment.

    It is what the clocks show, unless they are about to be set back: the hour that comes twice is over only then.
    """
    shown = local_time(timezone, moment).replace(tzinfo=None)
    minute = moment.replace(second=0, microsecond=0)
    later = (local_time(timezone, minute + step * _MINUTE) for step in range(1, _MOST_SET_BACK + 1))
    return min(shown, *(time.replace(tzinfo=None) for time in later))
