"""Intervals: Wilson's by its definition and by known values, and how often they hold."""

from math import comb, isclose, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.intervals import Z, f1, t_quantile, wilson

trials = st.integers(1, 10_000_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(trials)
def test_the_ends_are_the_shares_that_are_just_not_rejected(trial: tuple[int, int]) -> None:
    part, whole = trial
    share = wilson(part, whole)
    assert share.value == part / whole and 0 <= share.low <= share.value <= share.high <= 1
    for end in (share.low, share.high):
        if 0 < end < 1:
            # Multiplied out, because the quotient loses its digits near the ends.
            assert isclose(abs(share.value - end), Z * sqrt(end * (1 - end) / whole), rel_tol=1e-6, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (97, 100, 0.9155, 0.9897)],
)
def test_known_values(part: int, whole: int, low: float, high: float) -> None:
    share = wilson(part, whole)
    assert (round(share.low, 4), round(share.high, 4)) == (low, high)


def test_the_share_of_nothing_is_not_known() -> None:
    assert (wilson(0, 0).value, wilson(0, 0).low, wilson(0, 0).high) == (None, 0.0, 1.0)
    assert f1(0, 0, 0).value is None


@pytest.mark.parametrize("whole", [20, 100, 400])
def test_over_all_shares_the_interval_holds_the_true_one_in_about_95_of_100_cases(whole: int) -> None:
    chances = []
    for step in range(1, 100):
        true = step / 100
        chances.append(
            sum(
                comb(whole, part) * true**part * (1 - true) ** (whole - part)
                for part in range(whole + 1)
                if wilson(part, whole).low <= true <= wilson(part, whole).high
            )
        )
    assert 0.945 <= sum(chances) / len(chances) <= 0.965


@given(st.integers(0, 1_000), st.integers(0, 1_000), st.integers(0, 1_000))
def test_f1_is_the_harmonic_mean_within_its_interval(right: int, wrong: int, missed: int) -> None:
    share = f1(right, right + wrong, right + missed)
    if right:
        precision, recall = right / (right + wrong), right / (right + missed)
        assert share.value is not None and isclose(share.value, 2 * precision * recall / (precision + recall))
    if share.value is not None:
        assert 0 <= share.low <= share.value <= share.high <= 1


def test_the_quantile_of_student_is_that_of_tables() -> None:
    tables = {2: 4.303, 3: 3.182, 5: 2.571, 8: 2.306, 20: 2.086, 60: 2.000, 10_000: 1.960}
    for degrees, expected in tables.items():
        assert abs(t_quantile(degrees) / expected - 1) < 0.01
    assert t_quantile(0.5) == t_quantile(2)
