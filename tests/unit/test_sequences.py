"""Shared sequences against brute force, and the patterns that are made of them."""

from collections import Counter, defaultdict

from hypothesis import example, given, settings
from hypothesis import strategies as st

from patterns.lint import lint
from patterns.matcher import build_matcher
from patterns.pattern_set import MODEL_TYPES, Label, ModelType, PatternSet
from patterns.sequences import marked, pattern_of, shared_sequences

texts = st.lists(st.text("abAİ雅 ", max_size=6), max_size=12)


def naive_sequences(text: str) -> set[str]:
    sequence = marked(text)
    assert sequence is not None
    ends = range(1, len(sequence) + 1)
    return {sequence[start:end] for end in ends for start in range(end) if end - start <= 14}


@settings(max_examples=300)
@given(st.dictionaries(st.integers(0, 2), texts), st.integers(1, 4))
def test_every_sequence_that_enough_texts_of_a_group_have_is_found_with_its_counts(
    groups: dict[int, list[str]], least: int
) -> None:
    expected: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for group, members in groups.items():
        for text in members:
            for sequence in naive_sequences(text):
                expected[sequence][group] += 1
    given_groups = {group: [str(marked(text)) for text in members] for group, members in groups.items()}
    found = dict(shared_sequences(given_groups, lambda counts: max(counts.values()) >= least))
    assert found == {name: dict(counts) for name, counts in expected.items() if max(counts.values()) >= least}


@settings(max_examples=1_000)
@given(st.text("abAİ雅.^$\\ ｱ\t\u200b", max_size=5), st.sampled_from(MODEL_TYPES), st.data())
@example("Σ", "keyword_model", None)
def test_the_pattern_of_a_sequence_matches_exactly_the_texts_that_have_it(
    text: str, model_type: ModelType, data: st.DataObject | None
) -> None:
    sequence = data.draw(st.sampled_from(sorted(naive_sequences(text)))) if data else str(marked(text))
    pattern = pattern_of(sequence, model_type)
    if pattern is None:
        return
    pattern_set = PatternSet(model_type, "title", (Label("a", (pattern,)),))
    assert not {warning.kind for warning in lint(pattern_set)} & {"blanks", "invisible", "single character"}
    matcher = build_matcher(pattern_set)
    keyword = sequence.removeprefix("\ud800").removesuffix("\udfff")
    for candidate in (text, keyword, f"x{keyword}", f"{keyword}x", keyword.upper(), "", "x"):
        assert (matcher.match(candidate) is not None) == (sequence in str(marked(candidate))), candidate


def test_sequences_that_are_no_useful_patterns_are_none() -> None:
    for sequence in ("\ud800", "\ud800\udfff", "a", "雅", "\ud800a", "a\udfff", "a ", " \udfff", "a\tb", "\u200b雅"):
        assert pattern_of(sequence) is None
    for sequence in ("\ud800雅", "婷\udfff", "\ud800ab", "ann ", "\ud800ann "):
        assert (pattern_of(sequence) is None) == (sequence == "ann ")


def test_a_text_with_a_surrogate_has_no_sequences() -> None:
    assert marked("a\ud800") is None and marked("\udfff") is None and marked("A") == "\ud800a\udfff"
