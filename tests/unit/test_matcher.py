from hypothesis import example, given, settings
from hypothesis import strategies as st

from patterns.matcher import RuleMatcher, build_matcher
from patterns.pattern_set import Label, MatchType, Pattern, PatternSet
from tests.helpers.oracle import Patterns, decide

# Few characters, so that patterns and texts meet; among them what could break a matcher: the
# sentinels' bytes and their look-alikes, controls, letters whose lower case is another length.
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


def test_rule_matcher_that_outgrows_its_memory_decides_all_the_same() -> None:
    patterns: dict[str, list[str]] = {"a": ["[a-q][^u-z]{13}x", "foo"], "b": [f"b{number}.*z" for number in range(50)]}
    roomy = build_matcher(rule_set(patterns))
    matcher = RuleMatcher(rule_set(patterns))
    matcher._set = None  # as when the set is too large to compile
    check: Patterns = patterns
    for text in ("foo", "b7 and z", "q" * 13 + "x", "q" * 14 + "x", "nothing", ""):
        assert matcher.match(text) == roomy.match(text) == decide(text, check)


def test_a_pattern_set_survives_being_frozen() -> None:
    frozen = keyword_set({"female": [("雅婷\t", "partially"), ("\x00\"'", "end")]})
    thawed = PatternSet.from_json(frozen.to_json())
    assert thawed == frozen
    assert thawed.hash == frozen.hash and len(frozen.hash) == 64


def test_equal_patterns_in_another_order_have_another_hash() -> None:
    one = keyword_set({"a": [("x", "start"), ("y", "start")]})
    other = keyword_set({"a": [("y", "start"), ("x", "start")]})
    assert one.hash != other.hash
