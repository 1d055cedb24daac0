"""The rule matcher against the naive oracle, however its rules are arranged, and its limits."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
import re2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patterns import matcher as matcher_module
from patterns import rule_search
from patterns.match import Matcher, PatternsTooLarge
from patterns.matcher import RuleMatcher, build_matcher
from patterns.pattern_set import Label, Pattern, PatternSet
from tests.helpers.oracle import decide, matches
from tests.helpers.pattern_files import decision
from tests.helpers.pattern_files import rules as rules_of

# Letters whose case is irregular, and bytes that are no character by themselves.
ALPHABET = "abAB sſKkßẞİiıΣσςÅåǅ雅婷好\n\xfe😀."
texts = st.text(ALPHABET, max_size=30)

atoms = (
    st.sampled_from([".", r"\d", r"\s", r"\S", r"\w", r"\b", r"\B", r"\pL", r"\p{Han}", "^", "$", r"\.", "(?:)"])
    | st.text("abAskKſ雅婷好İΣ", min_size=1, max_size=5)
    | st.builds("[{}{}]".format, st.sampled_from(["", "^"]), st.text("abAB雅婷好sK", min_size=1, max_size=12))
)
repetitions = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{0,3}", "{0,20}", "{4,}", "*?", "{1,9}?"])


def combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.builds("{}{}".format, parts, parts)
        | st.builds("{}|{}".format, parts, parts)
        | st.builds("{}({}){}".format, st.sampled_from(["", "(?s)", "(?-i)", "(?m)"]), parts, repetitions)
        | st.builds("{}.{{0,20}}{}".format, parts, parts)
        | st.builds(r"^\P{{Han}}*[雅ab{}]{}\P{{Han}}*$".format, st.text("abK婷好", max_size=4), parts)
    )


def is_rule(text: str) -> bool:
    try:
        matches("", text)
    except re2.error:  # repetitions of repetitions
        return False
    return True


repeated = st.builds("(?:{}){}".format, atoms, repetitions)
rules = st.recursive(repeated | atoms, combined, max_leaves=6).filter(is_rule)
patterns_ = st.dictionaries(st.sampled_from(["female", "male", "other"]), st.lists(rules, max_size=6))


def rule_set(patterns: dict[str, list[str]]) -> PatternSet:
    labels = tuple(Label(name, tuple(Pattern(line, "regex") for line in patterns[name])) for name in sorted(patterns))
    return PatternSet("rule_model", "content", labels)


@contextmanager
def arranged(gaps_in_set: int, block_bytes: int, short_bytes: int = 10, in_blocks: int = 100) -> Iterator[None]:
    """Change the limits that decide where a rule is searched."""
    with (
        patch.object(rule_search, "_MAX_GAPS_IN_SET", gaps_in_set),
        patch.object(rule_search, "_BLOCK_BYTES", block_bytes),
        patch.object(rule_search, "_MAX_IN_BLOCKS", in_blocks),
        patch.object(rule_search, "_SHORT_BYTES", short_bytes),
    ):
        yield


def assert_equals_the_oracle(matcher: Matcher, patterns: dict[str, list[str]], text: str) -> None:
    assert decision(matcher, text) == decide(text, patterns)
    rules = [rule for label in sorted(patterns) for rule in patterns[label]]
    assert matcher.hits(text) == [number for number, rule in enumerate(rules) if matches(text, rule)]


@settings(max_examples=500)
@given(patterns_, st.lists(texts, max_size=6), st.sampled_from([(50, 4_000), (0, 15), (0, 40), (0, 4_000), (2, 30)]))
@example({"a": ["k.*s", "ſ.{0,20}K"]}, ["KS", "ſ K", "sK", "k"], (0, 15))
@example({"a": [".*", "x"], "b": ["(?:).*"]}, ["", "\n", "x"], (0, 15))
@example(
    {"a": ["x", "^[雅甲]*婷|好"], "b": [r"^\P{Han}{4,}雅", "^x.{4,}"]},
    ["雅婷", "x雅婷", "雅甲甲婷", "甲乙丙好", "1234雅", "x1234"],
    (0, 15),
)
@example({"a": [], "b": ["雅.{0,20}婷"]}, ["雅" + "好" * 20 + "婷", "雅" + "好" * 21 + "婷"], (0, 4_000))
def test_a_rule_matcher_equals_the_naive_oracle_however_its_rules_are_arranged(
    patterns: dict[str, list[str]], candidates: list[str], limits: tuple[int, int]
) -> None:
    with arranged(*limits):
        matcher = build_matcher(rule_set(patterns))
    for text in candidates:
        assert_equals_the_oracle(matcher, patterns, text)


# Half a surrogate pair stands between texts that are lowered together.
@given(patterns_, st.lists(texts | st.text("\ud800aΣ", max_size=4), max_size=8), st.integers(1, 40))
@example({"a": ["ς$", "^β"]}, ["ΑΣ", "Β", "", "Σ"], 40)
def test_texts_that_are_matched_together_get_the_decisions_that_they_get_alone(
    patterns: dict[str, list[str]], candidates: list[str], size: int
) -> None:
    with arranged(gaps_in_set=0, block_bytes=40):
        matcher = build_matcher(rule_set(patterns))
    alone = [matcher.match(text) for text in candidates]
    with patch.object(matcher_module, "_PIECE_CHARACTERS", size):
        assert matcher.match_all(candidates) == alone


@given(patterns_, st.lists(texts, max_size=6), st.integers(1, 5))
@example({"a": ["ας$", "^σ"]}, ["ΑΣ", "ΣΑ", "ΑΣ "], 1)
def test_a_long_text_that_is_lowered_in_pieces_is_decided_the_same(
    patterns: dict[str, list[str]], candidates: list[str], size: int
) -> None:
    matcher = build_matcher(rule_set(patterns))
    with patch.object(matcher_module, "_PIECE_CHARACTERS", size):
        for text in candidates:
            assert_equals_the_oracle(matcher, patterns, text)


def test_many_rules_with_gaps_decide_as_the_naive_oracle_does() -> None:
    rng = random.Random(1)
    letters = "的我你他好美食店家人說覺得abcdefgh"
    patterns = {
        label: [
            f"{''.join(rng.choices(letters, k=rng.choice((1, 2))))}{rng.choice(('.{0,20}', '.*', '[^a]+', '.?'))}"
            f"{''.join(rng.choices(letters, k=rng.choice((1, 2))))}"
            for _ in range(150)
        ]
        for label in ("female", "male")
    }
    matcher = build_matcher(rule_set(patterns))
    for length in (0, 1, 2, 5, 10, 50, 200):
        for _ in range(5):
            text = "".join(rng.choices(letters + "甲乙丙丁\n", k=length))
            assert_equals_the_oracle(matcher, patterns, text)


def test_a_literal_is_found_in_every_case_that_its_rule_matches() -> None:
    characters = [chr(code) for code in range(0x20000) if chr(code).lower() != chr(code).upper()]
    with arranged(gaps_in_set=0, block_bytes=4_000):
        in_blocks = build_matcher(rules_of([f"{character}~~.*" for character in characters]))
    in_a_set = build_matcher(rules_of([f"{character}~~.{{0,3}}" for character in characters]))
    for character in characters:
        assert in_blocks.hits(f"{character}~~") == in_a_set.hits(f"{character}~~")


LARGE = {"a": ["[a-q]" + "[^u-z]" * 13 + "x", "foo"], "b": [f"b{number}.?z" for number in range(50)]}


@pytest.mark.parametrize("text", ["foo", "b7 z", "b7zfoo", "q" * 13 + "x", "q" * 14 + "x", "nothing", ""])
def test_rules_that_are_too_large_for_a_set_decide_the_same_one_by_one(text: str) -> None:
    with patch.object(rule_search, "_RE2_BYTES", 20_000):
        matcher = RuleMatcher(rule_set(LARGE))
    assert sum(len(block.numbers) for block in matcher._search._blocks) == 52
    assert_equals_the_oracle(matcher, LARGE, text)


@pytest.mark.parametrize("text", ["foo", "b7 z", "b7zfoo", "q" * 13 + "x", "q" * 14 + "x", "nothing", ""])
def test_rules_whose_set_fails_while_matching_decide_the_same_one_by_one(text: str) -> None:
    matcher = RuleMatcher(rule_set(LARGE))
    assert not matcher._search._blocks
    matcher._search._sets[0]._witness = -1  # as if RE2 had not found the empty regex
    assert_equals_the_oracle(matcher, LARGE, text)


def test_more_rules_than_fit_into_blocks_decide_the_same_in_a_set() -> None:
    patterns = {"a": [f"x{number}.*z" for number in range(60)]}
    with arranged(gaps_in_set=0, block_bytes=40, in_blocks=50):
        matcher = build_matcher(rule_set(patterns))
    for text in ("x7 and z", "x7 x6 z", "z x7", ""):
        assert_equals_the_oracle(matcher, patterns, text)


def test_rules_that_are_too_large_together_are_refused() -> None:
    with (
        patch.object(rule_search, "_MAX_RE2_BYTES", 2**20),
        pytest.raises(PatternsTooLarge, match="the 40 rules together are too large"),
    ):
        build_matcher(rules_of([rf"\pL{{20}}.*x{number}" for number in range(40)]))


@pytest.mark.parametrize("rule", ["(a+)+$", "(a|b)+x", "(a|aa)+$", "(.*)*x", "^(a?){50}a{50}$", "(x+x+)+y"])
def test_a_rule_takes_time_linear_in_the_text(rule: str) -> None:
    matcher = build_matcher(rules_of([rule]))
    started = time.process_time()
    assert matcher.match("a" * 1_000_000 + "!") is None
    assert time.process_time() - started < 2


def test_a_thousand_rules_with_gaps_take_about_a_millisecond_a_text() -> None:
    rng = random.Random(1)
    han = [chr(0x4E00 + number) for number in range(3_000)]

    def words() -> str:
        return "".join(rng.choices(han, k=rng.choice((1, 2))))

    matcher = build_matcher(rules_of([f"{words()}.{{0,20}}{words()}" for _ in range(1_000)]))
    candidates = ["".join(rng.choices(han, k=2_000)) for _ in range(40)]
    started = time.process_time()
    for text in candidates:
        matcher.match(text)
    # In one set they take 70 to 140 ms a text; in blocks 3 ms for the first texts, then less than 1 ms.
    assert time.process_time() - started < 0.02 * len(candidates)


def test_rules_that_begin_at_the_start_of_a_name_take_a_few_microseconds_a_name() -> None:
    rng = random.Random(1)
    han = [chr(0x4E00 + number) for number in range(3_000)]
    surnames = "".join(han[:200])
    rules = [rf"^\P{{Han}}*[{surnames}][{''.join(rng.choices(han, k=60))}]\P{{Han}}*$" for _ in range(200)]
    matcher = build_matcher(rules_of(rules))
    names = [rng.choice(surnames) + "".join(rng.choices(han, k=2)) for _ in range(20_000)]
    started = time.process_time()
    for name in names:
        matcher.match(name)
    # In a set they take 3 us a name, in blocks 50.
    assert time.process_time() - started < 20e-6 * len(names)
