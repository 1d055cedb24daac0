"""Batches of deleted rows: small enough that no lane waits, as large as that allows."""

from hypothesis import given
from hypothesis import strategies as st

from jobs.storage.deletion import next_batch


@given(st.floats(1e-6, 1.0), st.floats(0.0, 0.01), st.integers(1, 5_000))
def test_batches_soon_take_a_fiftieth_of_a_second_whatever_a_row_costs(
    row: float, statement: float, first: int
) -> None:
    rows = first
    for _ in range(40):
        rows = next_batch(rows, statement + rows * row)
    assert 1 <= rows <= 5_000
    assert rows == 1 or statement + rows * row <= 0.025 or rows * row <= 0.025
    assert statement + rows * row >= 0.009 or rows == 5_000


def test_a_batch_at_most_doubles_and_a_slow_one_shrinks_at_once() -> None:
    assert next_batch(50, 0.0001) == 100
    assert next_batch(1_000, 0.2) == 100
    assert next_batch(1, 5.0) == 1
