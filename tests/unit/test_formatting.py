"""Texts that are cut or wrapped to a width."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from console.highlight import shorten_middle
from console.ui.formatting import fit, hanging, tell_apart

TEXTS = st.text("ab雅婷 ", max_size=60)


@given(TEXTS, st.lists(TEXTS, max_size=2), st.integers(8, 40))
def test_a_text_that_is_cut_fits_and_says_so(text: str, others: list[str], width: int) -> None:
    for shown in (tell_apart(text, others, width), shorten_middle(text, width)):
        assert cell_len(shown) <= width
        assert shown == text if cell_len(text) <= width else "…" in shown


@given(TEXTS, st.integers(1, 40))
def test_a_text_in_a_column_is_as_wide_as_it_and_says_if_it_is_cut(text: str, width: int) -> None:
    shown = fit(text, width)
    assert cell_len(shown) == width
    assert shown.rstrip() == text.rstrip() if cell_len(text) <= width else shown.endswith("…")


def test_lines_that_begin_alike_are_shown_from_where_they_differ() -> None:
    lines = ["^(?:chen|lin|wang)-anna$", "^(?:chen|lin|wang)-bob$"]
    assert [tell_apart(line, lines[::-1][place : place + 1], 12) for place, line in enumerate(lines)] == [
        "…anna$",
        "…bob$",
    ]


@given(st.lists(st.text("ab雅", min_size=1, max_size=8), min_size=1, max_size=20), st.integers(20, 60))
def test_wrapped_words_begin_below_each_other(words: list[str], width: int) -> None:
    lines = hanging(Text("12345 "), " ".join(words), width).plain.split("\n")
    assert lines[0].startswith("12345 ") and all(line.startswith(" " * 6) for line in lines[1:])
    assert all(cell_len(line.rstrip()) <= width for line in lines)
    shown = " ".join(line[6:].strip() for line in lines).split()
    if max(map(cell_len, words)) <= width - 6:
        assert shown == words
    assert "".join(shown) == "".join(words)  # a word that is wider than a line is divided
