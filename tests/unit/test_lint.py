"""Warnings about pattern sets: each kind is exact, against naive oracles."""

import unicodedata

import pytest
import re2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patterns.lint import Kind, PatternWarning, lint
from patterns.pattern_set import Label, MatchType, Pattern, PatternSet
from patterns.rule_search import rule_options
from tests.helpers.oracle import as_line, matches
from tests.unit.test_matcher import keyword_patterns, keyword_set, match_types, texts
from tests.unit.test_rule_matcher import rule_set

Position = tuple[str, int]
"""A label, and a line in its file."""


def lines_of(pattern_set: PatternSet) -> dict[Position, Pattern]:
    return {
        (label.name, line): pattern
        for label in pattern_set.labels
        for line, pattern in enumerate(label.patterns, start=1)
    }


def deciding(pattern_set: PatternSet, text: str) -> Position | None:
    """Return the line that decides about a text, by trying one after the other."""
    for position, pattern in lines_of(pattern_set).items():
        if matches(text, as_line(pattern)):
            return position
    return None


def of_kind(pattern_set: PatternSet, *kinds: Kind) -> set[Position]:
    return {(warning.label, warning.line) for warning in lint(pattern_set) if warning.kind in kinds}


def kinds_of(text: str, match_type: MatchType = "partially") -> set[Kind]:
    """Return the kinds of warnings about a single pattern."""
    model = "rule_model" if match_type == "regex" else "keyword_model"
    pattern_set = PatternSet(model, "content", (Label("a", (Pattern(text, match_type),)),))  # type: ignore[arg-type]
    return {warning.kind for warning in lint(pattern_set)}


def messages(pattern_set: PatternSet) -> list[str]:
    return [f"/{warning.label}:{warning.line} {warning.message}" for warning in lint(pattern_set)]


WITNESS_BLANK = "\U0001f3fa"  # in no keyword of the strategies below
few_keywords = st.text("abAB雅婷Σσς İẞ\u212a", min_size=1, max_size=3)
few_patterns = st.dictionaries(
    st.sampled_from(["female", "male", "other"]), st.lists(st.tuples(few_keywords, match_types), max_size=8)
)


def witness(pattern: Pattern) -> str:
    """Return a text that a keyword decides about if any text at all: the keyword among characters of no keyword."""
    before = WITNESS_BLANK if pattern.match_type in ("partially", "end") else ""
    after = WITNESS_BLANK if pattern.match_type in ("partially", "start") else ""
    return f"{before}{pattern.text.lower()}{after}"


@settings(max_examples=500)
@given(few_patterns.map(keyword_set))  # type: ignore[arg-type]
@example(keyword_set({"a": [("ann", "partially"), ("annie", "partially"), ("Ann", "start"), ("ann", "exactly")]}))
@example(keyword_set({"a": [("a", "start"), ("a", "end")], "b": [("ab", "start"), ("ba", "end"), ("a", "partially")]}))
def test_exactly_the_keywords_that_decide_about_no_text_are_repeated_or_shadowed(pattern_set: PatternSet) -> None:
    expected = {
        position
        for position, pattern in lines_of(pattern_set).items()
        if deciding(pattern_set, witness(pattern)) != position
    }
    assert of_kind(pattern_set, "repeated", "shadowed") == expected


@settings(max_examples=200)
@given(few_patterns, st.data())
def test_a_repeated_or_shadowed_keyword_decides_about_no_text(
    patterns: dict[str, list[tuple[str, MatchType]]], data: st.DataObject
) -> None:
    pattern_set = keyword_set(patterns)
    beaten = of_kind(pattern_set, "repeated", "shadowed")
    words = [pattern.text for pattern in lines_of(pattern_set).values()]
    for _ in range(10):
        text = "".join(data.draw(st.lists(st.sampled_from([*words, "a", "Σ", "x"]), max_size=4)))
        assert deciding(pattern_set, text) not in beaten


@settings(max_examples=500)
@given(keyword_patterns.map(keyword_set))  # type: ignore[arg-type]
def test_a_repeated_keyword_is_the_same_text_and_match_type_in_lower_case(pattern_set: PatternSet) -> None:
    seen, expected = set(), set()
    for position, pattern in lines_of(pattern_set).items():
        form = (pattern.text.lower(), pattern.match_type)
        if form in seen:
            expected.add(position)
        seen.add(form)
    assert of_kind(pattern_set, "repeated") == expected


rule_atoms = st.sampled_from(
    ["a", "A", "b", "雅", "ſ", "s", "\u212a", "k", "İ", ".", "a*", "[A-z]", r"\D", r"\d", "|", "^", "$"]
)
rule_texts = st.lists(rule_atoms, min_size=1, max_size=4).map("".join) | st.sampled_from(["(?i)A", "(?-i)A", "(?i)a"])


def is_valid(rule: str) -> bool:
    try:
        re2.compile(rule, rule_options())
    except re2.error:
        return False
    return True


few_rules = st.dictionaries(
    st.sampled_from(["female", "male"]), st.lists(rule_texts.filter(is_valid), max_size=6), min_size=1
)


@settings(max_examples=300)
@given(few_rules.map(rule_set), st.lists(st.text("aAbBxsſk\u212aİ雅1_^", max_size=6), min_size=20, max_size=20))
def test_a_repeated_or_shadowed_rule_decides_about_no_text(pattern_set: PatternSet, candidates: list[str]) -> None:
    beaten = of_kind(pattern_set, "repeated", "shadowed")
    own = [pattern.text for pattern in lines_of(pattern_set).values()]
    for text in (*candidates, *own, *(f"x{text.lower()}x" for text in own)):
        assert deciding(pattern_set, text) not in beaten


@settings(max_examples=300)
@given(few_rules.map(rule_set))
def test_every_rule_with_the_text_of_an_earlier_one_is_repeated(pattern_set: PatternSet) -> None:
    seen: set[str] = set()
    for position, pattern in lines_of(pattern_set).items():
        if pattern.text in seen:
            assert position in of_kind(pattern_set, "repeated")
        seen.add(pattern.text)


def test_the_lower_case_of_a_plain_rule_matches_the_same_texts() -> None:
    """What comparing rules in lower case relies on, for every character that RE2 knows: Python may know newer ones."""
    known = re2.compile(r"[\p{L}\p{N}\p{S}]")
    for code in range(0x110000):
        low = chr(code).lower()
        if low != chr(code) and len(low) == 1 and known.search(chr(code)):
            one, other = (re2.compile(re2.escape(text), rule_options()) for text in (chr(code), low))
            assert one.search(low) and other.search(chr(code)), hex(code)


@pytest.mark.parametrize(
    ("rules", "beaten"),
    [
        (["老公", "我老公"], {2}),
        (["my wife", "My (wife|husband)", "MY (WIFE|HUSBAND)"], {3}),
        (["[A-z]", "[a-z]", r"\D", r"\d", "(?-i)a", "(?-i)A"], set()),
        (["a.c", "abc"], set()),  # true, but not claimed
    ],
)
def test_rules_are_compared_only_where_that_is_certain(rules: list[str], beaten: set[int]) -> None:
    assert {line for _, line in of_kind(rule_set({"a": rules}), "repeated", "shadowed")} == beaten


@settings(max_examples=500)
@given(st.text("ab \u3000\t\xa0雅é1", min_size=1, max_size=4), match_types | st.just("regex"))
def test_blanks_at_an_end_are_named_unless_they_end_a_word(text: str, match_type: MatchType) -> None:
    rest = text
    if match_type == "start" and text[-2:-1] in ("a", "b", "é"):
        rest = text.removesuffix(" ")
    if match_type == "end" and text[1:2] in ("a", "b", "é"):
        rest = text.removeprefix(" ")
    assert ("blanks" in kinds_of(text, match_type)) == (rest != rest.strip())


@settings(max_examples=500)
@given(st.text("abａＢ３\u3000ｱ！，（雅㎏①ﾠ", min_size=1, max_size=4) | st.text(min_size=1, max_size=4))
def test_full_width_letters_digits_and_blanks_and_nothing_else_are_named(text: str) -> None:
    def is_form(character: str) -> bool:
        name = unicodedata.name(character, "")
        normal = unicodedata.normalize("NFKC", character)
        wide = name.startswith(("FULLWIDTH ", "HALFWIDTH ")) or character == "\u3000"
        return wide and (normal.isalnum() or normal.isspace())

    assert ("full width" in kinds_of(text)) == any(map(is_form, text))


@settings(max_examples=500)
@given(
    st.text("ab\u200b\u200d\u200c\ufeff\u202e\x00\x1b雅👩", min_size=1, max_size=4) | st.text(min_size=1, max_size=4)
)
def test_invisible_characters_and_nothing_else_are_named(text: str) -> None:
    hidden = {character for character in text if not character.isprintable() and not character.isspace()}
    hidden -= set("\u200c\u200d")
    hidden |= {character for character in text if character in "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x85"}
    hidden = {character for character in hidden if unicodedata.category(character) in ("Cc", "Cf")}
    assert ("invisible" in kinds_of(text)) == bool(hidden)


around = st.text("ΑαΣσς. 1", max_size=2)


@settings(max_examples=2_000)
@given(st.text("ΑαΣσς. 雅a\u212aẞİß", min_size=1, max_size=3), match_types, around, around)
@example("Σ", "partially", "Α", "")
@example("ΑΣ", "start", "", "Α")
def test_a_keyword_without_a_warning_matches_every_text_that_has_it(
    keyword: str, match_type: MatchType, before: str, after: str
) -> None:
    text = f"{before if match_type in ('partially', 'end') else ''}{keyword}"
    text += after if match_type in ("partially", "start") else ""
    if "lower case" not in kinds_of(keyword, match_type):
        assert matches(text, (keyword, match_type))


@settings(max_examples=500)
@given(st.text("ΑαΣσς. 雅a", min_size=1, max_size=3), match_types)
def test_a_keyword_whose_sigma_is_warned_about_misses_a_text_that_has_it(keyword: str, match_type: MatchType) -> None:
    contexts = ["", "Α", ".Α", "Α.", " "]
    befores = contexts if match_type in ("partially", "end") else [""]
    afters = contexts if match_type in ("partially", "start") else [""]
    missed = [
        text
        for text in (f"{before}{keyword}{after}" for before in befores for after in afters)
        if not matches(text, (keyword, match_type))
    ]
    assert ("lower case" in kinds_of(keyword, match_type)) == bool(missed)


def test_letters_whose_lower_case_looks_like_another_letter_are_named() -> None:
    cased = [character for character in map(chr, range(0x110000)) if character.lower() != character.upper()]
    pattern_set = keyword_set({"a": [(f"{character}x", "exactly") for character in cased]})
    named = {cased[line - 1] for _, line in of_kind(pattern_set, "lower case")}
    assert named == set("\u0130\u03f4\u1e9e\u2126\u212a\u212b")  # such as the Kelvin sign, which is compared as k
    assert kinds_of("aİ", "regex") == {"lower case"}


@settings(max_examples=500)
@given(st.text(min_size=1, max_size=2) | st.text("aΣİ雅 ", min_size=1, max_size=2), match_types)
def test_a_single_character_anywhere_is_named(text: str, match_type: MatchType) -> None:
    assert ("single character" in kinds_of(text, match_type)) == (match_type == "partially" and len(text) == 1)


@pytest.mark.parametrize(("rule", "single"), [("雅", True), (".", False), ("^a", False), (r"\d", False), ("ab", False)])
def test_a_rule_of_a_single_character_is_named(rule: str, single: bool) -> None:
    assert ("single character" in kinds_of(rule, "regex")) == single


@settings(max_examples=500)
@given(rule_texts.filter(is_valid))
def test_a_rule_that_matches_the_empty_text_and_no_other_is_named(rule: str) -> None:
    assert ("empty match" in kinds_of(rule, "regex")) == matches("", rule)


def test_a_warning_names_the_line_that_decides_instead() -> None:
    found = messages(
        keyword_set(
            {"female": [("ann", "partially"), ("annie", "start"), ("ann", "partially")], "male": [("Ann", "end")]}
        )
    )
    assert found == [
        "/female:2 never decides: line 1 (ann partially) does first; remove it, or move it up",
        "/female:3 the same as line 1; remove one of them",
        "/male:1 never decides: line 1 of /female (ann partially) does first; remove it, or move it up",
    ]


@settings(max_examples=300)
@given(keyword_patterns.map(keyword_set), texts)  # type: ignore[arg-type]
def test_warnings_come_in_the_order_of_the_lines(pattern_set: PatternSet, _: str) -> None:
    positions = list(lines_of(pattern_set))
    found: list[PatternWarning] = lint(pattern_set)
    numbers = [positions.index((warning.label, warning.line)) for warning in found]
    assert numbers == sorted(numbers)
