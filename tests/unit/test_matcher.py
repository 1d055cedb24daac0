"""The keyword matcher against the naive oracle, and the identity of pattern sets."""

from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from patterns import matcher as matcher_module
from patterns.matcher import build_matcher
from patterns.pattern_set import Label, MatchType, Pattern, PatternSet
from tests.helpers.oracle import decide
from tests.helpers.pattern_files import decision

# Few characters, so that patterns often match. Some of them could break a matcher: the bytes of the
# sentinels and their look-alikes, control characters, letters whose lower case has another length.
ALPHABET = "aAbB \x00\x02\x03\t\n\xfe\xffþÿİißẞſKÅΣσς雅婷😀'\"\\%`\u200d\u202e"
texts = st.text(ALPHABET, max_size=12) | st.text(max_size=12)
keywords = st.text(ALPHABET, min_size=1, max_size=4) | st.text(min_size=1, max_size=4)
match_types = st.sampled_from(["partially", "exactly", "start", "end"])
keyword_patterns = st.dictionaries(
    st.sampled_from(["female", "male", "other", "Zebra"]), st.lists(st.tuples(keywords, match_types), max_size=6)
)


def keyword_set(patterns: dict[str, list[tuple[str, MatchType]]]) -> PatternSet:
    labels = tuple(Label(name, tuple(Pattern(*line) for line in patterns[name])) for name in sorted(patterns))
    return PatternSet("keyword_model", "author_name", labels)


@settings(max_examples=1_000)
@given(keyword_patterns, st.lists(texts, max_size=8))
@example({"a": [("İ", "start")]}, ["i̇x", "İ", "i"])
@example({"a": [("k", "start")], "b": [("k", "end")]}, ["\x02k\x03", "þkÿ", "\xfek\xff", "k", ""])
@example({"a": [("ß", "exactly")], "b": [("ss", "exactly")]}, ["ẞ", "SS", "ß"])
def test_keyword_matcher_equals_the_naive_oracle(
    patterns: dict[str, list[tuple[str, MatchType]]], candidates: list[str]
) -> None:
    matcher = build_matcher(keyword_set(patterns))
    for text in candidates:
        assert decision(matcher, text) == decide(text, patterns)


@settings(max_examples=500)
@given(keyword_patterns, st.lists(texts, max_size=4), st.integers(1, 5))
@example({"a": [("ας", "end"), ("Σ", "start"), ("雅婷", "partially")]}, ["ΑΣ", "ΣΑ", "xx雅婷"], 1)
def test_a_long_text_that_is_looked_up_in_pieces_has_the_same_hits(
    patterns: dict[str, list[tuple[str, MatchType]]], candidates: list[str], size: int
) -> None:
    matcher = build_matcher(keyword_set(patterns))
    for text in candidates:
        with patch.object(matcher_module, "_PIECE_CHARACTERS", 100):
            expected = matcher.hits(text)
        with patch.object(matcher_module, "_PIECE_CHARACTERS", size):
            assert decision(matcher, text) == decide(text, patterns)
            assert matcher.hits(text) == expected


# The halves of surrogate pairs, one of which stands between texts that are searched together.
broken_texts = st.text("\ud800\udc80aΣ雅", max_size=4)


@settings(max_examples=1_000)
@given(keyword_patterns, st.lists(texts | broken_texts, max_size=8), st.integers(1, 40))
@example({"a": [("ας", "end"), ("β", "start"), ("\xff", "end")]}, ["ΑΣ", "Β", "", "ÿ"], 40)
def test_texts_that_are_matched_together_get_the_decisions_that_they_get_alone(
    patterns: dict[str, list[tuple[str, MatchType]]], candidates: list[str], size: int
) -> None:
    matcher = build_matcher(keyword_set(patterns))
    alone = [matcher.match(text) for text in candidates]
    with patch.object(matcher_module, "_PIECE_CHARACTERS", size):
        assert matcher.match_all(candidates) == alone


@settings(max_examples=500)
@given(keyword_patterns, st.data())
def test_keyword_matcher_equals_the_naive_oracle_on_texts_made_of_its_keywords(
    patterns: dict[str, list[tuple[str, MatchType]]], data: st.DataObject
) -> None:
    words = [keyword for lines in patterns.values() for keyword, _ in lines]
    matcher = build_matcher(keyword_set(patterns))
    for _ in range(5):
        text = "".join(data.draw(st.lists(st.sampled_from([*words, "a", " "]), max_size=4)))
        assert decision(matcher, text) == decide(text, patterns)


def test_a_pattern_set_survives_its_json_form() -> None:
    original = keyword_set({"female": [("雅婷\t", "partially"), ("\x00\"'", "end")]})
    restored = PatternSet.from_json(original.to_json())
    assert restored == original
    assert restored.hash == original.hash and len(original.hash) == 64


def test_equal_patterns_in_another_order_have_another_hash() -> None:
    one = keyword_set({"a": [("x", "start"), ("y", "start")]})
    other = keyword_set({"a": [("y", "start"), ("x", "start")]})
    assert one.hash != other.hash
