"""Texts whose matched characters are highlighted."""

from hypothesis import given
from hypothesis import strategies as st

from console.highlight import excerpt, highlight

LETTERS = st.text(st.sampled_from("a林 "), max_size=400)


@given(LETTERS, st.integers(1, 30), LETTERS, st.integers(40, 200))
def test_an_excerpt_has_the_first_match_lit_and_no_more_characters_than_asked_for(
    before: str, length: int, after: str, most: int
) -> None:
    text, spans = f"{before}{'x' * length}{after}", [(len(before), len(before) + length)]
    shown = excerpt(text, spans, most, "bold")
    assert [shown.plain[span.start : span.end] for span in shown.spans] == ["x" * length]
    assert len(shown.plain.replace("…", "")) <= most
    assert shown.plain.strip("…") in text
    assert shown.plain.endswith("…") or shown.plain.strip("…") == text[-len(shown.plain.strip("…")) :]


@given(LETTERS)
def test_a_short_text_is_shown_whole(text: str) -> None:
    spans = [(0, 1)] if text else []
    assert excerpt(text, spans, 400) == highlight(text, spans)
    assert excerpt(text, (), 400) == highlight(text, ())
