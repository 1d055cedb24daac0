"""The probe of rules finds what is slow, and says so of nothing else."""

import time

import pytest

from patterns.pattern_set import Label, Pattern, PatternSet
from patterns.probe import SLOW_TIMES, SLOW_TOGETHER_TIMES, slow_rules, slow_together
from tests.helpers.pattern_files import SLOW_TOGETHER, rules

ORDINARY = [
    *("雅婷", "我.?老公", "ab.{0,20}cd", "我.*你", "e.*t", r"\bann\b", r"^ann", r"\d{1,3}", r"[a-z]+@[a-z]+\.com"),
    *(r"https?://\S+", r"\p{Han}{2,4}先生", "(很|太|真)(好|棒|讚).{0,10}(吃|看|用)", "我.{0,5}老公", "x{1000}"),
    *("我.{0,20}你", "(a|b|c|d|e).{3}z", "(.*我.*){5}", "(a+)+$", "(?i)[A-Z]{2,9}先生", "", "(?:)", "[^a]", ".*"),
]
SLOW = [
    "(.{0,20}的){10}",
    "[的一是不了在人有我他這個].{0,20}[地到以說時要就出會可也你]",
    *(f"[a-q][^u-z]{{{length}}}[xyz]{length}" for length in (30, 40, 50)),
]


@pytest.mark.parametrize("rule", ORDINARY)
def test_an_ordinary_rule_is_not_slow(rule: str) -> None:
    assert slow_rules(rules([rule]), seconds=10) == []


@pytest.mark.parametrize("rule", SLOW)
def test_a_slow_rule_among_ordinary_ones_is_found_with_its_label_and_time(rule: str) -> None:
    patterns = tuple(Pattern(text, "regex") for text in ("雅婷", rule, "我.?老公"))
    labels = (Label("quick", patterns[:1]), Label("slow", patterns[1:]))
    (slow,) = slow_rules(PatternSet("rule_model", "content", labels), seconds=10)
    assert (slow.label, slow.line, slow.pattern.text) == ("slow", 1, rule)
    assert slow.times >= SLOW_TIMES
    assert 50 < slow.microseconds < 100_000


def test_the_slowest_rule_comes_first() -> None:
    found = slow_rules(rules(SLOW), seconds=10)
    assert len(found) == len(SLOW)
    assert found == sorted(found, key=lambda rule: rule.microseconds, reverse=True)


def test_the_probe_ends_in_time_however_many_rules_there_are() -> None:
    many = [f"[a-q][^u-z]{{{number % 40 + 20}}}x{number}" for number in range(5_000)]
    started = time.thread_time()
    found = slow_rules(rules(many), seconds=1)
    assert time.thread_time() - started < 5
    assert 0 < len(found) < len(many)


@pytest.mark.parametrize("quick", [ORDINARY, [f"雅{number}婷" for number in range(300)], ["我.{0,20}你"]])
def test_rules_that_are_quick_together_are_not_called_slow(quick: list[str]) -> None:
    assert slow_together(rules(quick), seconds=10) is None


def test_rules_that_are_slow_only_together_are_found() -> None:
    # A busy machine may take long for one of them by chance.
    assert len(slow_rules(rules(SLOW_TOGETHER), seconds=10)) < len(SLOW_TOGETHER) / 10
    found = slow_together(rules(SLOW_TOGETHER), seconds=10)
    assert found is not None and found.rules == len(SLOW_TOGETHER) and found.times >= SLOW_TOGETHER_TIMES


def test_keywords_are_not_probed() -> None:
    keywords = PatternSet("keyword_model", "content", (Label("a", (Pattern("(.{0,20}的){10}", "partially"),)),))
    assert slow_rules(keywords) == [] and slow_together(keywords) is None
