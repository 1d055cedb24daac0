"""Explanations: every hit, with the characters of the text as given, against naive oracles."""

from itertools import chain
from pathlib import Path

import pytest
import re2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patterns.explain import MAX_SPANS, Explainer, Explanation
from patterns.matcher import build_matcher
from patterns.pattern_set import MatchType, PatternSet
from tests.helpers.oracle import as_line, matches
from tests.helpers.pattern_files import decision
from tests.unit.test_matcher import keyword_patterns, keyword_set, texts
from tests.unit.test_rule_matcher import patterns_ as rule_patterns
from tests.unit.test_rule_matcher import rule_set


def lowered(text: str) -> tuple[str, list[int]]:
    """Return the lower case of a text, and for each of its characters the one of the text that it comes from."""
    owners = [number for number, character in enumerate(text) for _ in character.lower()]
    assert len(owners) == len(text.lower())
    return text.lower(), owners


def naive_spans(text: str, pattern: tuple[str, str] | str) -> list[tuple[int, int]]:
    """Return where a pattern that matches does so, found in characters of the lower case."""
    low, owners = lowered(text)
    if isinstance(pattern, str):
        options = re2.Options()
        options.case_sensitive = False
        found = [match.span() for match in re2.compile(pattern, options).finditer(low)]
    else:
        keyword, match_type = pattern[0].lower(), pattern[1]
        starts = {
            "partially": [start for start in range(len(low)) if low.startswith(keyword, start)],
            "exactly": [0],
            "start": [0],
            "end": [len(low) - len(keyword)],
        }[match_type]
        found = [(start, start + len(keyword)) for start in starts]
    return [(owners[start], owners[end - 1] + 1) for start, end in found if start < end]


def check_hits(explanation: Explanation, pattern_set: PatternSet) -> None:
    """Assert that the hits are those of the oracle, in deciding order, with the right line, spans and reasons."""
    lines = [
        (label.name, line, pattern)
        for label in pattern_set.labels
        for line, pattern in enumerate(label.patterns, start=1)
    ]
    expected = [
        (label, line, pattern, naive_spans(explanation.text, given))
        for label, line, pattern in lines
        for given in [as_line(pattern)]
        if matches(explanation.text, given)
    ]
    assert [(hit.label, hit.line, hit.pattern, list(hit.spans)) for hit in explanation.hits] == expected
    for number, hit in enumerate(explanation.hits):
        first = explanation.hits[0]
        if number == 0:
            assert (hit.outcome, explanation.reason(hit)) == ("decides", "decides")
        elif hit.label == first.label:
            assert (hit.outcome, explanation.reason(hit)) == ("later line", f"line {first.line} comes first")
        else:
            assert (hit.outcome, explanation.reason(hit)) == ("later label", f"/{first.label} comes first")


@settings(max_examples=1_000)
@given(keyword_patterns, st.lists(texts, max_size=5))
@example({"a": [("i", "partially"), ("i̇x", "start"), ("x", "end")]}, ["İx", "İİx", "aİ"])
@example(
    {"a": [("ß", "end"), ("k", "partially")], "b": [("ß", "exactly"), ("ß", "end")]}, ["ẞ", "\u212aẞKß", "雅\u212aẞ"]
)
@example({"a": [("σ", "partially"), ("ς", "end")]}, ["ΑΣ", "ΑΣΑ", "Σ"])
def test_keywords_are_explained_as_the_oracle_does(
    patterns: dict[str, list[tuple[str, MatchType]]], candidates: list[str]
) -> None:
    pattern_set = keyword_set(patterns)
    explainer = Explainer(pattern_set)
    for text in candidates:
        check_hits(explainer.explain(text), pattern_set)


@settings(max_examples=500)
@given(keyword_patterns, st.data())
def test_texts_made_of_keywords_are_explained_as_the_oracle_does(
    patterns: dict[str, list[tuple[str, MatchType]]], data: st.DataObject
) -> None:
    pattern_set = keyword_set(patterns)
    words = [pattern.text for _, pattern in pattern_set]
    explainer = Explainer(pattern_set)
    for _ in range(5):
        text = "".join(data.draw(st.lists(st.sampled_from([*words, "a", "İ"]), max_size=4)))
        check_hits(explainer.explain(text), pattern_set)


# RE2 finds \\B between the bytes of a character too. Its offsets in characters, which the oracle uses, are wrong then.
character_rules = rule_patterns.filter(lambda patterns: "\\B" not in "".join(chain.from_iterable(patterns.values())))


@settings(max_examples=500)
@given(character_rules, st.lists(st.text("aAbBİẞ\u212aſ雅婷😀1 ", max_size=10), max_size=5))
@example({"a": ["婷", "i.x", "."]}, ["İxẞ婷婷", "ẞ\u212aİ雅婷"])
def test_rules_are_explained_as_the_oracle_does(patterns: dict[str, list[str]], candidates: list[str]) -> None:
    pattern_set = rule_set(patterns)
    explainer = Explainer(pattern_set)
    for text in candidates:
        check_hits(explainer.explain(text), pattern_set)


@settings(max_examples=300)
@given(keyword_patterns.map(keyword_set) | rule_patterns.map(rule_set), texts)  # type: ignore[arg-type]
def test_the_first_hit_is_what_a_task_decides(pattern_set: PatternSet, text: str) -> None:
    decides = Explainer(pattern_set).explain(text).decision
    assert decision(build_matcher(pattern_set), text) == (decides and (decides.label, str(decides.pattern)))


def test_a_hit_names_the_file_and_the_line_of_its_pattern() -> None:
    pattern_set = keyword_set({"female": [("x", "end"), ("ann", "start")]})
    (hit,) = Explainer(pattern_set, Path("/p")).explain("Annie").hits
    assert (str(hit.file), hit.line) == ("/p/keyword_model/female/author_name.txt", 2)


@pytest.mark.parametrize(
    "pattern_set",
    [keyword_set({"a": [("a", "partially")] * 50}), rule_set({"a": ["a", "a.*b|a", "(?:)", "a|(?:)"]})],
    ids=["keywords", "rules"],
)
def test_a_long_text_that_matches_everywhere_is_explained_in_bounded_time(pattern_set: PatternSet) -> None:
    explanation = Explainer(pattern_set).explain("a" * 300_000)
    assert len(explanation.hits) == sum(1 for _ in pattern_set)
    assert max(len(hit.spans) for hit in explanation.hits) == MAX_SPANS


def test_the_lower_case_of_a_character_has_the_same_length_in_every_context() -> None:
    """What the conversion of offsets relies on, for each character that has a lower case."""
    for code in range(0x110000):
        character = chr(code)
        if character.lower() != character:
            for text in (f"a{character}", f"a{character}a", f"{character}a", f"1{character}.", f"a.{character}.a"):
                owned = sum(len(one.lower().encode()) for one in text)
                assert len(text.lower().encode()) == owned, hex(code)
