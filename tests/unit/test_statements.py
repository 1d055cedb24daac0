"""Statements: those that rows are inserted with fit the server's packet, and foreign values add nothing to any."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.model.input_table import InputTable
from jobs.storage.values import STATEMENT_CHARACTERS, RowTooLarge, values_lists
from tests.helpers.inputs import input_table

rows = st.lists(
    st.tuples(st.integers(0, 10**9), st.text("ab'\\雅😀", max_size=60) | st.none() | st.binary(max_size=20)),
    max_size=40,
)


@given(rows, st.integers(500, 2_000))
def test_all_rows_are_in_statements_in_order_and_none_exceeds_the_packet(
    rows: list[tuple[object, ...]], max_bytes: int
) -> None:
    lists = list(values_lists(rows, max_bytes))
    assert all(len(values.encode()) <= max_bytes for values in lists)
    assert ",".join(lists) == ",".join(values for row in rows for values in values_lists([row], max_bytes))


@pytest.mark.parametrize(("text", "size"), [("x" * 1_000, 1_006), ("雅" * 334, 1_008), ("'" * 498, 1_002)])
def test_a_row_that_no_statement_can_hold_is_named_with_its_size(text: str, size: int) -> None:
    fitting, too_large = (1, "x"), (2, text)
    lists = values_lists([fitting, too_large], 1_000)
    assert next(lists) == "(1,'x')"
    with pytest.raises(RowTooLarge) as caught:
        next(lists)
    assert (caught.value.row, caught.value.size) == (too_large, size)
    assert len(list(values_lists([too_large], size))) == 1


def test_a_statement_is_no_longer_than_is_quick() -> None:
    lists = list(values_lists([("x" * 1_000,)] * 1_000, 2**24))
    assert max(map(len, lists)) <= STATEMENT_CHARACTERS
    assert len(lists) < 10


@pytest.mark.parametrize("zone", ["+00:00', @x = (SELECT SLEEP(9)), time_zone = '", "+00:00\\", "'", "", "+00:00\n"])
def test_the_zone_in_a_definition_of_a_foreign_hand_adds_nothing_to_a_statement(zone: str) -> None:
    known = replace(input_table(), time_zone="+08:00", table="貼文")
    assert InputTable.from_json(known.to_json()) == known
    with pytest.raises(ValueError, match="time_zone"):
        InputTable.from_json(replace(known, time_zone=zone).to_json())
