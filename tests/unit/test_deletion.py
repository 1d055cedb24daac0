"""Batches of deleted rows: small enough that no lane waits, as large as that allows."""

from hypothesis import given
from hypothesis import strategies as st

from jobs.storage.deletion import next_batch


@given(st.floats(1e-6, 0.002), st.floats(0.0, 0.01), st.integers(50, 5_000))
def test_batches_soon_take_20_ms_whatever_a_row_costs(row: float, statement: float, first: int) -> None:
    rows = first
    for _ in range(60):
        rows = next_batch(rows, statement + rows * row)
    seconds = statement + rows * row
    assert 50 <= rows <= 5_000
    assert rows == 50 or seconds <= 0.02 + row
    assert rows == 5_000 or seconds >= 0.02 - 2 * row - 0.001


def test_a_batch_at_most_doubles_and_a_slow_one_shrinks_at_once() -> None:
    assert next_batch(50, 0.0001) == 100
    assert next_batch(1_000, 0.2) == 100
    assert next_batch(100, 5.0) == 50
