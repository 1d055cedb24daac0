"""Planning of windows."""

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jobs.model.windows import MAX_WINDOWS, time_windows, window_count

TICK = timedelta(microseconds=1)
moments = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31, 23, 59, 59, 999999))


@given(st.lists(moments, min_size=2, max_size=2, unique=True), st.integers(1, 300), moments, moments)
def test_windows_cover_the_closed_range_exactly_once(
    edges: list[datetime], count: int, first: datetime, last: datetime
) -> None:
    start, end = sorted(edges)
    windows = time_windows(start, end, count, first, last)
    assert windows[0].start_time == start
    assert windows[-1].end_time == end
    assert 1 <= len(windows) <= count
    assert [window.number for window in windows] == list(range(1, len(windows) + 1))
    assert all(window.start_time <= window.end_time for window in windows)
    for before, after in pairwise(windows):
        assert before.end_time + TICK == after.start_time


@given(st.integers(1, 200))
def test_windows_of_a_wide_range_divide_the_part_that_has_rows(count: int) -> None:
    first, last = datetime(2020, 1, 1), datetime(2020, 12, 31)
    windows = time_windows(datetime(1970, 1, 1), datetime(2070, 1, 1), count, first, last)
    assert len(windows) == count
    assert all(first < window.start_time < last for window in windows[1:])


def test_a_range_has_at_most_one_window_per_microsecond() -> None:
    start = datetime(2020, 1, 1)
    assert len(time_windows(start, start + 2 * TICK, 50)) <= 3


@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_the_number_of_windows_is_at_least_one_and_bounded(rows: int, window_rows: int) -> None:
    assert 1 <= window_count(rows, window_rows) <= MAX_WINDOWS
