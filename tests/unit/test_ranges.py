"""The ranges that the form proposes."""

from calendar import monthrange
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from console.ui.ranges import proposed_ranges
from tests.helpers.fixed_app import task

moments = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))


@given(moments, moments)
def test_every_range_ends_with_whole_days_and_holds_the_last_post(one: datetime, other: datetime) -> None:
    first, last = min(one, other), max(one, other)
    ranges = proposed_ranges(first, last, None)
    for name, (start, end) in ranges.items():
        assert start <= last <= end + timedelta(microseconds=999_999), name
        assert (start.hour, start.minute, start.second) == (0, 0, 0)
        assert (end.hour, end.minute, end.second) == (23, 59, 59)
    assert ranges["all posts"][0] <= first
    start, end = ranges["the last month"]
    assert (start.day, end.day) == (1, monthrange(last.year, last.month)[1]) and start.month == end.month == last.month
    start, end = ranges["the last quarter"]
    assert start.month in (1, 4, 7, 10) and end.month == start.month + 2
    start, end = ranges["the last year"]
    assert (start.month, start.day, end.month, end.day) == (1, 1, 12, 31)


def test_the_range_of_the_latest_task_is_proposed() -> None:
    start, end = datetime(2020, 5, 5, 5), datetime(2020, 6, 6, 6)
    latest = task(1, "PENDING", start_time=start, end_time=end)
    assert proposed_ranges(start, end, latest)["like the latest task"] == (start, end)
    assert "like the latest task" not in proposed_ranges(start, end, task(1, "PENDING"))
