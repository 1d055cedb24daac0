"""How figures are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.figures import duration, percent, percentage, rounded, short_number
from jobs.model.wording import counted
from patterns.intervals import Share, wilson


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 posts"), (1, "1 post"), (2, "2 posts"), (1_234, "1,234 posts"), (1_001, "1,001 posts")]
)
def test_one_of_a_thing_is_singular(number: int, words: str) -> None:
    assert counted(number, "post") == words


def test_a_share_has_its_interval_unless_it_is_exact() -> None:
    assert percentage(Share(0.975, 0.96, 0.99)) == "97.5% (96.0-99.0)"
    assert percentage(Share(0.5, 0.5, 0.5)) == "50.0%"
    assert percentage(wilson(0, 0)) == "-"


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_column_of_shares_says_the_same_without_the_sign(part: int, more: int) -> None:
    share = wilson(part, part + more)
    assert percent(share) == percentage(share).replace("%", "")


@given(st.floats(0, 1e15))
def test_a_short_number_or_duration_fits_its_column(value: float) -> None:
    assert len(short_number(value)) <= 5
    assert len(duration(min(value, 86_400 * 900))) <= 4


@pytest.mark.parametrize(("estimate", "shown"), [(0, 0), (7, 7), (999, 999), (1_236, 1_240), (400_002, 400_000)])
def test_an_estimate_has_three_digits(estimate: int, shown: int) -> None:
    assert rounded(estimate) == shown
