"""Matchers: which label a text gets, and the pattern that decided.

Both models number their patterns in deciding order (labels first, then lines) and give a text
the lowest number among all its hits: the first label in the set's order, by its first pattern.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import ahocorasick
import re2

from patterns.pattern_set import MatchType, PatternSet

# Bytes that no UTF-8 text holds: they mark where a text starts and ends, so that one automaton
# serves all four match types and no text can forge them.
_START, _END = b"\xfe", b"\xff"

# What RE2 may use for the automata of one set; past it a set is searched one regex at a time.
_RE2_BYTES = 256 * 2**20


class Match(NamedTuple):
    """The label that a text gets, and the pattern that decided."""

    label: str
    rule: str


class Matcher(Protocol):
    """Decides about texts. Built once for a pattern set, then used for millions of texts."""

    def match(self, text: str) -> Match | None:
        """The label of the text and the deciding pattern, or None where no pattern matches."""

    def hits(self, text: str) -> list[Match]:
        """Every pattern that matches, the deciding one first."""


def build_matcher(pattern_set: PatternSet) -> Matcher:
    """The matcher of a pattern set's model."""
    if pattern_set.model_type == "keyword_model":
        return KeywordMatcher(pattern_set)
    return RuleMatcher(pattern_set)


class KeywordMatcher:
    """All keywords of all labels in one Aho-Corasick automaton over the UTF-8 bytes of a text."""

    def __init__(self, pattern_set: PatternSet) -> None:
        self._matches = _matches(pattern_set)
        self._automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        for number, (_, pattern) in enumerate(pattern_set):
            needle = _needle(pattern.text, pattern.match_type)
            if needle not in self._automaton:  # an earlier, more decisive line says the same
                self._automaton.add_word(needle, number)
        self._automaton.make_automaton()

    def match(self, text: str) -> Match | None:
        """See Matcher. Text and keywords are compared in lower case."""
        number = min(self._numbers(text), default=None)
        return None if number is None else self._matches[number]

    def hits(self, text: str) -> list[Match]:
        """See Matcher. Of lines that say the same, the first."""
        return [self._matches[number] for number in sorted(set(self._numbers(text)))]

    def _numbers(self, text: str) -> Iterable[int]:
        if not self._matches:
            return ()
        haystack = (_START + _fold(text) + _END).decode("latin-1")
        return map(itemgetter(1), self._automaton.iter(haystack))


class RuleMatcher:
    """All regular expressions in one RE2 set: one pass over a text, linear in its length."""

    def __init__(self, pattern_set: PatternSet) -> None:
        self._matches = _matches(pattern_set)
        self._rules = [pattern.text for _, pattern in pattern_set]
        self._options = re2.Options()
        self._options.case_sensitive = False  # the text is in lower case: a rule's capitals would never match
        self._options.log_errors = False
        self._options.max_mem = _RE2_BYTES
        # RE2 reports a set that outgrew its memory while matching as "nothing matches". The empty
        # regex matches every text: where its number is missing, that is what happened.
        self._witness = len(self._rules)
        self._set = re2.Set.SearchSet(self._options)
        for rule in [*self._rules, ""]:
            self._set.Add(rule)
        try:
            self._set.Compile()
        except re2.error:  # the set as a whole is too large
            self._set = None

    def match(self, text: str) -> Match | None:
        """See Matcher. The text is searched in lower case, the rules without regard to case."""
        folded = _fold(text)
        numbers = self._set.Match(folded) if self._set else ()
        number = min(numbers) if self._witness in numbers else next(self._search_each(folded), self._witness)
        return None if number == self._witness else self._matches[number]

    def hits(self, text: str) -> list[Match]:
        """See Matcher."""
        return [self._matches[number] for number in self._search_each(_fold(text))]

    def _search_each(self, folded: bytes) -> Iterator[int]:
        """The numbers of the rules that match, in order, without the set."""
        return (number for number, rule in enumerate(self._compiled_rules) if rule.search(folded))

    @cached_property
    def _compiled_rules(self) -> list[Any]:
        return [re2.compile(rule, self._options) for rule in self._rules]


def _matches(pattern_set: PatternSet) -> list[Match]:
    return [Match(label.name, str(pattern)) for label, pattern in pattern_set]


def _fold(text: str) -> bytes:
    return text.lower().encode("utf-8", "surrogatepass")


def _needle(keyword: str, match_type: MatchType) -> str:
    needle = _fold(keyword)
    if match_type in ("start", "exactly"):
        needle = _START + needle
    if match_type in ("end", "exactly"):
        needle = needle + _END
    # One character a byte: the automaton is then four times smaller and twice as fast on long texts.
    return needle.decode("latin-1")
