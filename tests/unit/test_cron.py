"""When schedules are due, compared with a naive reading of cron's rules, minute by minute."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.model.cron import (
    check_cron,
    check_timezone,
    coming_times,
    due_times,
    local_time,
    newest_due,
    past_time,
    previous_due,
)

MINUTE = timedelta(minutes=1)
NEW_YORK, BERLIN = "America/New_York", "Europe/Berlin"
# Also one whose clocks change at midnight, and two whose clocks never do.
ZONES = (NEW_YORK, BERLIN, "America/Santiago", "Asia/Taipei", "UTC")

# The nights in which the clocks of New York, Berlin and Santiago change in 2026, and one in which none does.
NIGHTS = [datetime(2026, *day) for day in ((3, 7), (10, 31), (3, 28), (10, 24), (4, 4), (9, 5), (7, 1))]

fields = st.one_of(
    st.just("*"),
    st.sampled_from(("*/2", "*/15", "*/20")),
    st.lists(st.integers(0, 59), min_size=1, max_size=3).map(lambda numbers: ",".join(map(str, numbers))),
)
hours = st.one_of(
    st.just("*"),
    st.sampled_from(("*/2", "0-3", "1-4", "22-23")),
    st.lists(st.integers(0, 5), min_size=1, max_size=3).map(lambda numbers: ",".join(map(str, numbers))),
)


def numbers(field: str, size: int) -> set[int]:
    """Return the numbers that a field stands for."""
    found = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        low, high = (0, size - 1) if span == "*" else (int(first), int(last or first))
        found |= set(range(low, high + 1, int(step or 1)))
    return found


def moments(start: datetime, days: int) -> Iterator[datetime]:
    return (start + number * MINUTE for number in range(days * 1440))


def oracle(minute: str, hour: str, zone: str, start: datetime, days: int) -> list[datetime]:
    """Return the moments that are due, by looking at each minute."""
    wanted = {(h, m) for h in numbers(hour, 24) for m in numbers(minute, 60)}
    shown = [(moment, local_time(zone, moment).replace(tzinfo=None)) for moment in moments(start, days)]
    if minute.startswith("*") or hour.startswith("*"):
        return [moment for moment, local in shown if (local.hour, local.minute) in wanted]
    due = set()
    first: dict[datetime, datetime] = {}
    for moment, local in shown:
        first.setdefault(local, moment)
    (_, begin), (_, end) = shown[0], shown[-1]
    for local in (begin + number * MINUTE for number in range(int((end - begin) / MINUTE) + 1)):
        if (local.hour, local.minute) in wanted:
            # A time that is skipped is due when the clocks have changed.
            due.add(first.get(local) or min(moment for there, moment in first.items() if there > local))
    return sorted(due)


@given(fields, hours, st.sampled_from(ZONES), st.sampled_from(NIGHTS))
@settings(deadline=None, max_examples=150)
def test_due_times_are_those_of_a_reading_minute_by_minute(minute: str, hour: str, zone: str, night: datetime) -> None:
    end = night + timedelta(days=2)
    cron = f"{minute} {hour} * * *"
    found = takewhile(lambda due: due < end, due_times(cron, zone, night - timedelta(microseconds=1)))
    assert list(found) == [due for due in oracle(minute, hour, zone, night, 2) if due < end]


@given(fields, hours, st.sampled_from(ZONES), st.sampled_from(NIGHTS), st.integers(0, 2880))
@settings(deadline=None, max_examples=100)
def test_going_on_from_any_moment_gives_the_same_times(
    minute: str, hour: str, zone: str, night: datetime, passed: int
) -> None:
    cron, end = f"{minute} {hour} * * *", night + timedelta(days=3)
    middle = night + passed * MINUTE
    whole = list(takewhile(lambda due: due < end, due_times(cron, zone, night)))
    rest = list(takewhile(lambda due: due < end, due_times(cron, zone, middle)))
    assert rest == [due for due in whole if due > middle]
    before = [due for due in whole if due <= middle]
    assert newest_due(cron, zone, night, middle) == (before[-1] if before else None)


@pytest.mark.parametrize(
    ("zone", "cron", "after", "expected"),
    [
        # Spring: 02:30 does not exist, and is due when the clocks have changed. The next day, it is 02:30 again.
        (NEW_YORK, "30 2 * * *", "2026-03-07 23:00", ["2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"]),
        (BERLIN, "30 2 * * *", "2026-03-28 23:00", ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]),
        # Autumn: 01:30, in Berlin 02:30, comes twice, and is due once, the first time.
        (NEW_YORK, "30 1 * * *", "2026-10-31 23:00", ["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"]),
        (BERLIN, "30 2 * * *", "2026-10-24 23:00", ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]),
        # Every hour is every hour, whatever the clocks show.
        (NEW_YORK, "0 * * * *", "2026-11-01 00:30", ["2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00"]),
        (BERLIN, "0 * * * *", "2026-03-29 00:30", ["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"]),
    ],
)
def test_daylight_saving_time_both_ways(zone: str, cron: str, after: str, expected: list[str]) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)
    found = [local_time(zone, due).isoformat() for due in coming_times(cron, zone, moment, 2)]
    assert found == expected


@given(st.sampled_from(ZONES), st.sampled_from(NIGHTS), st.integers(0, 2880))
@settings(deadline=None, max_examples=100)
def test_the_time_that_is_past_never_comes_again_and_is_the_latest_such(
    zone: str, night: datetime, passed: int
) -> None:
    moment = night + passed * MINUTE
    later = [local_time(zone, time).replace(tzinfo=None) for time in moments(moment, 1)]
    assert past_time(zone, moment) == min(later)


def test_the_due_time_before_a_moment_is_found_however_long_ago() -> None:
    assert previous_due("15 3 * * *", "UTC", datetime(2026, 7, 1, 3, 15)) == datetime(2026, 6, 30, 3, 15)
    assert previous_due("0 0 29 2 *", "UTC", datetime(2027, 7, 1)) == datetime(2024, 2, 29)
    # With both a day and a weekday, either will do.
    assert previous_due("0 0 29 2 1", "UTC", datetime(2026, 7, 1)) == datetime(2026, 2, 23)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "five fields"),
        ("@daily", "five fields"),
        ("* * * * * *", "five fields"),
        ("61 * * * *", "bad minute"),
        ("0 0 31 2 *", "bad day-of-month"),
        ("* * */20 * 1L", "never due"),
    ],
)
def test_a_malformed_expression_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_cron(text)


@given(st.text(st.sampled_from("0123456789*/,-L#W \tMONJAN"), max_size=24))
@settings(deadline=None, max_examples=300)
def test_any_text_is_an_expression_or_a_value_error(text: str) -> None:
    try:
        cron = check_cron(text)
    except ValueError:
        return
    assert len(coming_times(cron, "UTC", datetime(2026, 1, 1), 1)) == 1


def test_blanks_between_fields_do_not_matter() -> None:
    assert check_cron("  15   3 *\t* mon ") == "15 3 * * mon"


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "+08:00", "asia/taipei"])
def test_only_names_of_zones_are_zones(name: str) -> None:
    with pytest.raises(ValueError, match="expected the name of a time zone"):
        check_timezone(name)
    assert check_timezone("Asia/Taipei") == "Asia/Taipei"
