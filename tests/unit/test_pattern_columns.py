"""The columns of a file's patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.ui.pattern_columns import COLUMNS, LINE, PATTERN, PatternRow, Source, columns_for, sort_rows
from patterns.evaluation import PatternFigures
from patterns.pattern_set import Pattern


@pytest.mark.parametrize("sources", [("file",), ("file", "sample"), ("file", "gold"), ("file", "sample", "gold")])
@given(width=st.integers(36, 200))
def test_the_columns_fit_the_width_and_fill_it(sources: tuple[Source, ...], width: int) -> None:
    shown = columns_for(width, sources)
    assert LINE in shown and PATTERN in shown
    assert sum(shown.values()) + 2 * len(shown) == width
    if width >= 90:
        assert list(shown) == [column for column in COLUMNS if column.source in sources]


@given(rights=st.lists(st.none() | st.integers(0, 3), max_size=8), descending=st.booleans())
def test_rows_without_a_value_come_last_in_either_order(rights: list[int | None], descending: bool) -> None:
    pattern = Pattern("x", "start")
    rows = [
        PatternRow(line, pattern, gold=None if right is None else PatternFigures("a", line, pattern, 3, right))
        for line, right in enumerate(rights, start=1)
    ]
    precision = next(column for column in COLUMNS if column.label == "prec%")
    shown = [row.gold.right if row.gold else None for row in sort_rows(rows, precision, descending)]
    known = sorted((right for right in rights if right is not None), reverse=descending)
    assert shown == known + [None] * (len(rights) - len(known))
