"""Evaluation against a naive oracle, and its time and memory on a million lines."""

import tracemalloc
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from patterns.evaluation import NONE, Wrong, evaluate
from patterns.files import read_pattern_set
from patterns.gold import open_gold_file
from patterns.intervals import wilson
from patterns.pattern_set import MatchType
from tests.helpers.oracle import decide
from tests.unit.test_matcher import keyword_patterns, keyword_set, texts
from tests.unit.test_rule_matcher import patterns_ as rule_patterns
from tests.unit.test_rule_matcher import rule_set

PROJECT = Path(__file__).parents[2] / "patterns"
gold_labels = st.sampled_from(["female", "male", "other", "robot", NONE])


@settings(max_examples=300)
@given(keyword_patterns, st.lists(st.tuples(texts, gold_labels), max_size=20))
def test_figures_equal_the_naive_oracle(
    patterns: dict[str, list[tuple[str, MatchType]]], gold: list[tuple[str, str]]
) -> None:
    lines = [(number, *line) for number, line in enumerate(gold, start=2)]
    wrong: list[Wrong] = []
    found = evaluate(keyword_set(patterns), lines, wrong.append)

    decisions = [decide(text, patterns) for text, _ in gold]
    given_labels = [decision[0] if decision else NONE for decision in decisions]
    right = [label for (_, label), given in zip(gold, given_labels, strict=True) if label == given != NONE]
    assert found.lines == len(gold)
    assert found.confusion == Counter((label, given) for (_, label), given in zip(gold, given_labels, strict=True))
    assert found.coverage == wilson(sum(given != NONE for given in given_labels), len(gold))
    assert found.precision == wilson(len(right), sum(given != NONE for given in given_labels))
    for figures in found.label_figures:
        assert figures.gold == sum(label == figures.label for _, label in gold)
        assert figures.given == given_labels.count(figures.label)
        assert figures.right == right.count(figures.label)
        assert figures.precision == wilson(figures.right, figures.given)
        assert figures.recall == wilson(figures.right, figures.gold)
    assert {(one.label, str(one.pattern)): one.decided for one in found.patterns} == Counter(filter(None, decisions))
    for one in found.patterns:
        assert patterns[one.label][one.line - 1] == (one.pattern.text, one.pattern.match_type)
        assert one.right == sum(
            decision == (one.label, str(one.pattern)) and label == one.label
            for (_, label), decision in zip(gold, decisions, strict=True)
        )
    assert [(one.line, one.text, one.label, one.given) for one in wrong] == [
        (number, text, label, given)
        for (number, text, label), given in zip(lines, given_labels, strict=True)
        if label != given
    ]
    for text in wrong:
        by = text.decided_by
        assert decisions[text.line - 2] == (by and (by.label, str(by.pattern)))


@settings(max_examples=200)
@given(rule_patterns, st.lists(st.tuples(texts, gold_labels), max_size=10))
def test_rules_are_judged_too(patterns: dict[str, list[str]], gold: list[tuple[str, str]]) -> None:
    found = evaluate(rule_set(patterns), [(0, *line) for line in gold])
    decisions = filter(None, (decide(text, patterns) for text, _ in gold))
    assert {(one.label, one.pattern.text): one.decided for one in found.patterns} == Counter(decisions)


def test_labels_come_in_deciding_order_and_those_of_the_texts_alone_follow() -> None:
    found = evaluate(keyword_set({"b": [("x", "end")], "a": []}), [(2, "x", "z"), (3, "x", "b"), (4, "y", "c")])
    assert found.labels == ("a", "b", "c", "z")
    assert [(one.gold, one.given, one.right) for one in found.label_figures] == [
        (0, 0, 0),
        (1, 2, 1),
        (1, 0, 0),
        (1, 0, 0),
    ]


def test_memory_does_not_grow_with_the_lines_of_a_gold_file(tmp_path: Path) -> None:
    path = tmp_path / "gold.csv"
    pattern_set = read_pattern_set(PROJECT, "keyword_model", "author_name")
    names = ("林雅婷", "Tommy Chen", "路人", "陳志明")
    lines = [
        "text,label\n",
        *(f"{names[n % 4]}{n % 1_000},{('female', 'male', '')[n % 3]}\n" for n in range(50_000)),
    ]
    peaks = []
    for count in (10_001, 50_001):
        path.write_text("".join(lines[:count]), encoding="utf-8")
        tracemalloc.start()
        with open_gold_file(path) as gold:
            assert evaluate(pattern_set, gold, lambda wrong: None).lines == count - 1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0]
