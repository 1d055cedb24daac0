"""Matchers against the naive oracle, and their limits."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patterns.matcher import PatternsTooLarge, RuleMatcher, build_matcher
from patterns.pattern_set import Label, MatchType, Pattern, PatternSet
from tests.helpers.oracle import Patterns, decide
from tests.helpers.pattern_files import rules as rules_of

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


def rule_set(patterns: dict[str, list[str]]) -> PatternSet:
    labels = tuple(Label(name, tuple(Pattern(line, "regex") for line in patterns[name])) for name in sorted(patterns))
    return PatternSet("rule_model", "content", labels)


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
        assert matcher.match(text) == decide(text, patterns)


@settings(max_examples=500)
@given(keyword_patterns, st.data())
def test_keyword_matcher_equals_the_naive_oracle_on_texts_made_of_its_keywords(
    patterns: dict[str, list[tuple[str, MatchType]]], data: st.DataObject
) -> None:
    words = [keyword for lines in patterns.values() for keyword, _ in lines]
    matcher = build_matcher(keyword_set(patterns))
    for _ in range(5):
        text = "".join(data.draw(st.lists(st.sampled_from([*words, "a", " "]), max_size=4)))
        assert matcher.match(text) == decide(text, patterns)


rules = st.sampled_from(["a+b", "雅.", "^a", "b$", "A|婷", r"\d", r"\bab\b", "(?:)", "[^a]", "(a+)+$", r"\s", "😀"])
rule_patterns = st.dictionaries(st.sampled_from(["female", "male"]), st.lists(rules, max_size=5))


@settings(max_examples=500)
@given(rule_patterns, st.lists(texts, max_size=8))
def test_rule_matcher_equals_the_naive_oracle(patterns: dict[str, list[str]], candidates: list[str]) -> None:
    matcher = build_matcher(rule_set(patterns))
    for text in candidates:
        assert matcher.match(text) == decide(text, patterns)


def test_rule_matcher_whose_set_is_too_large_to_compile_decides_the_same() -> None:
    patterns: dict[str, list[str]] = {"a": ["[a-q][^u-z]{13}x", "foo"], "b": [f"b{number}.*z" for number in range(50)]}
    roomy = build_matcher(rule_set(patterns))
    matcher = RuleMatcher(rule_set(patterns))
    matcher._set = None  # as if the set were too large to compile
    check: Patterns = patterns
    for text in ("foo", "b7 and z", "q" * 13 + "x", "q" * 14 + "x", "nothing", ""):
        assert matcher.match(text) == roomy.match(text) == decide(text, check)


def test_a_pattern_set_survives_its_json_form() -> None:
    original = keyword_set({"female": [("雅婷\t", "partially"), ("\x00\"'", "end")]})
    restored = PatternSet.from_json(original.to_json())
    assert restored == original
    assert restored.hash == original.hash and len(original.hash) == 64


def test_equal_patterns_in_another_order_have_another_hash() -> None:
    one = keyword_set({"a": [("x", "start"), ("y", "start")]})
    other = keyword_set({"a": [("y", "start"), ("x", "start")]})
    assert one.hash != other.hash


@pytest.mark.parametrize("rule", ["(a+)+$", "(a|b)+x", "(a|aa)+$", "(.*)*x", "^(a?){50}a{50}$", "(x+x+)+y"])
def test_a_rule_takes_time_linear_in_the_text(rule: str) -> None:
    matcher = build_matcher(rules_of([rule]))
    started = time.perf_counter()
    assert matcher.match("a" * 1_000_000 + "!") is None
    assert time.perf_counter() - started < 2


def test_rules_that_are_too_large_together_are_refused() -> None:
    with pytest.raises(PatternsTooLarge, match="the 1,100 rules together are too large"):
        build_matcher(rules_of([rf"(\pL{{20}}|\pN{{20}}){{20}}x{number}" for number in range(1_100)]))
