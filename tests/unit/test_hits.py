"""Counting hits against a naive oracle."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from patterns.hits import EXAMPLES, HitCounter
from patterns.pattern_set import PatternSet
from tests.helpers.oracle import as_line, matches
from tests.unit.test_matcher import keyword_patterns, keyword_set, texts
from tests.unit.test_rule_matcher import patterns_ as rule_patterns
from tests.unit.test_rule_matcher import rule_set


@settings(max_examples=500)
@given(
    keyword_patterns.map(keyword_set) | rule_patterns.map(rule_set),  # type: ignore[arg-type]
    st.lists(texts, max_size=6),
    st.data(),
)
def test_hits_decisions_and_conflicts_are_those_of_the_oracle(
    pattern_set: PatternSet, different: list[str], data: st.DataObject
) -> None:
    lines = [
        (label.name, line, pattern)
        for label in pattern_set.labels
        for line, pattern in enumerate(label.patterns, start=1)
    ]
    words = [pattern.text for _, _, pattern in lines]
    rows = data.draw(st.lists(st.sampled_from([*different, *words, "ab雅婷"]), max_size=15))
    counter = HitCounter(pattern_set)
    given_labels = [counter.add(text) for text in rows]

    hits, decided, alone, conflicting = (Counter[int]() for _ in range(4))
    conflicts: Counter[tuple[str, str]] = Counter()
    for text, label in zip(rows, given_labels, strict=True):
        numbers = [number for number, (_, _, pattern) in enumerate(lines) if matches(text, as_line(pattern))]
        assert label == (lines[numbers[0]][0] if numbers else None)
        hits.update(numbers)
        decided.update(numbers[:1])
        alone.update(numbers if len(numbers) == 1 else ())
        others = {lines[number][0] for number in numbers} - {label}
        conflicting.update(numbers if others else ())
        conflicts.update((str(label), other) for other in others)
    found = counter.patterns()
    assert [(one.label, one.line, one.pattern) for one in found] == lines
    assert [(one.hits, one.decided, one.alone, one.conflicts) for one in found] == [
        (hits[number], decided[number], alone[number], conflicting[number]) for number in range(len(lines))
    ]
    assert counter.conflicts == conflicts
    for one in found:
        assert len(set(one.examples)) == len(one.examples)
        matching = {text for text in rows if matches(text, as_line(one.pattern))}
        assert set(one.examples) <= matching and len(one.examples) == min(len(matching), EXAMPLES)


def test_examples_are_chosen_at_random_among_the_different_texts() -> None:
    seen: Counter[str] = Counter()
    for seed in range(400):
        counter = HitCounter(keyword_set({"a": [("x", "partially")]}), seed)
        for number in range(50):
            for _ in range(1 + number % 3):  # however often a text comes
                counter.add(f"x{number}")
        (one,) = counter.patterns()
        seen.update(one.examples)
    assert len(seen) == 50 and max(seen.values()) < 80 and min(seen.values()) > 15  # 40 each on average
