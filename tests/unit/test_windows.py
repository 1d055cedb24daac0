"""Planning of windows and units."""

from bisect import bisect_left
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jobs.model.units import LABEL_SLICES, plan_units, slice_of, whole
from jobs.model.windows import MAX_WINDOWS, Piece, quantiles, time_windows, window_count

TICK = timedelta(microseconds=1)
moments = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31, 23, 59, 59, 999999))


@given(st.lists(moments, min_size=2, max_size=2, unique=True), st.lists(moments, max_size=50))
def test_windows_cover_the_closed_range_exactly_once(edges: list[datetime], cuts: list[datetime]) -> None:
    start, end = sorted(edges)
    windows = time_windows(start, end, cuts)
    assert windows[0].start_time == start
    assert windows[-1].end_time == end
    assert 1 <= len(windows) <= len(cuts) + 1
    assert [window.number for window in windows] == list(range(1, len(windows) + 1))
    assert all(window.start_time <= window.end_time for window in windows)
    for before, after in pairwise(windows):
        assert before.end_time + TICK == after.start_time


months = st.builds(datetime, st.integers(1, 9999), st.integers(1, 12), st.just(1))


@given(st.lists(moments, min_size=2, max_size=2, unique=True), st.lists(st.one_of(moments, months), max_size=50))
def test_times_that_only_a_server_has_are_in_one_window(edges: list[datetime], cuts: list[datetime]) -> None:
    start, end = sorted(edges)
    windows = [
        (window.start_time.isoformat(), window.end_time.isoformat()) for window in time_windows(start, end, cuts)
    ]
    for cut in cuts:
        for time in (f"{cut.year:04}-{cut.month:02}-00T12:00:00", f"{cut.year:04}-00-00T00:00:00"):
            within = start.isoformat() <= time <= end.isoformat()
            assert sum(first <= time <= last for first, last in windows) == within


@given(
    st.lists(st.integers(0, 10**9), min_size=200, max_size=400).map(sorted),
    st.integers(1, 12),
)
def test_quantiles_divide_rows_into_parts_of_similar_size_however_they_are_spread(rows: list[int], count: int) -> None:
    # Pieces of at most 5 rows, as the bisection of an index leaves them, unless more rows are at one point.
    pieces = []
    start = rows[0]
    for end in [*rows[5::5], rows[-1] + 1]:
        if end > start:
            pieces.append(Piece(start, end, bisect_left(rows, end) - bisect_left(rows, start)))
            start = end
    cuts = quantiles(pieces, count)
    assert cuts == sorted(set(cuts)) and len(cuts) < max(count, 2)
    edges = [0, *(bisect_left(rows, cut) for cut in cuts), len(rows)]
    most_at_a_point = max(piece.rows for piece in pieces)
    assert max(after - before for before, after in pairwise(edges)) <= len(rows) / count + 2 * max(most_at_a_point, 5)


@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_the_number_of_windows_is_at_least_one_and_bounded(rows: int, window_rows: int) -> None:
    assert 1 <= window_count(rows, window_rows) <= MAX_WINDOWS


def test_a_task_of_a_few_hundred_thousand_rows_is_cut_for_several_workers_to_share() -> None:
    assert [window_count(rows, 600_000) for rows in (1_000, 99_000, 215_000, 600_000, 2_376_186)] == [1, 1, 2, 4, 4]


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 10**8)))
def test_units_cover_every_slice_of_every_result_exactly_once(label_rows: dict[str, int]) -> None:
    units = plan_units(label_rows)
    assert [unit.number for unit in units] == list(range(1, len(units) + 1))
    for result in label_rows:
        own = sorted((unit.first_slice, unit.last_slice) for unit in units if unit.result == result)
        assert own[0][0] == 0 and own[-1][1] == LABEL_SLICES - 1
        assert all(before[1] + 1 == after[0] for before, after in pairwise(own))


@given(st.binary())
def test_every_author_has_a_slice(source_author: bytes) -> None:
    assert whole("any").first_slice <= slice_of(source_author) <= whole("any").last_slice
