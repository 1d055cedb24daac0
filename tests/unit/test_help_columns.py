"""The help: its sections in columns."""

from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from console.ui.screens.help import _side_by_side

SECTIONS = st.lists(st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=12), min_size=1, max_size=5)


@given(SECTIONS, st.integers(1, 4))
def test_every_section_is_shown_once_as_a_whole_within_the_width(sections: list[list[str]], columns: int) -> None:
    named = [[f"{number}.{place}.{line}" for place, line in enumerate(one)] for number, one in enumerate(sections)]
    width = columns * 20
    text = _side_by_side([Text("\n".join(lines)) for lines in named], columns, width)
    lines = text.plain.split("\n")
    assert max(map(len, lines)) <= width
    shown = [[line[column * 20 : column * 20 + 20].strip() for line in lines] for column in range(columns)]
    blocks = [block.split("\n") for column in shown for block in "\n".join(column).strip().split("\n\n") if block]
    assert sorted(blocks) == sorted(named)
