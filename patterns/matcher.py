"""Matchers: which label a text gets, and the pattern that decided.

Both models number their patterns in deciding order (labels first, then lines) and give a text
the lowest number among all its hits: the first label in the set's order, by its first pattern.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import ahocorasick
import re2

from patterns.pattern_set import MatchType, PatternSet

# What RE2 may use for the automata of one set; past it a set is searched one regex at a time.
_RE2_BYTES = 256 * 2**20
# With more rules than this, that takes tens of milliseconds a text, and their automata gigabytes.
_MOST_SEARCHED_EACH = 1_000


class PatternsTooLarge(Exception):
    """No matcher can be built that is quick enough to be of use."""


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
    """The matcher of a pattern set's model. Raises PatternsTooLarge."""
    if pattern_set.model_type == "keyword_model":
        return KeywordMatcher(pattern_set)
    return RuleMatcher(pattern_set)


class KeywordMatcher:
    """All keywords of all labels in one Aho-Corasick automaton over the UTF-8 bytes of a text.

    A text stands between \\xfe and \\xff, bytes that no UTF-8 text holds: one automaton serves all four
    match types, and no text can forge the marks.
    """

    def __init__(self, pattern_set: PatternSet) -> None:
        self._matches = _matches(pattern_set)
        automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        for number, (_, pattern) in enumerate(pattern_set):
            needle = _needle(pattern.text, pattern.match_type)
            if needle not in automaton:  # an earlier, more decisive line says the same
                automaton.add_word(needle, number)
        automaton.make_automaton()
        # By haystack: (where it ends, number) of each pattern in it. Without patterns there is no automaton.
        self._hits_in: Callable[[str], Iterable[tuple[int, int]]] = automaton.iter if self._matches else _nothing

    def match(self, text: str) -> Match | None:
        """See Matcher. Text and keywords are compared in lower case."""
        first = None
        # Most texts have no hit: no list, no call for what mostly is not there.
        for _, number in self._hits_in(_haystack(text)):
            if first is None or number < first:
                first = number
        return None if first is None else self._matches[first]

    def hits(self, text: str) -> list[Match]:
        """See Matcher. Of lines that say the same, the first."""
        return [self._matches[number] for number in sorted({number for _, number in self._hits_in(_haystack(text))})]


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
        except re2.error as error:  # the set as a whole is too large
            if len(self._rules) > _MOST_SEARCHED_EACH:
                raise PatternsTooLarge(
                    f"the {len(self._rules):,} rules together are too large; write fewer, or simpler ones"
                ) from error
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


def _haystack(text: str) -> str:
    """What the automaton is run over: the text's UTF-8 bytes, one character a byte, between the marks.

    An automaton over these is four times smaller than one over the text, and twice as fast on long texts.
    """
    text = text.lower()
    if text.isascii():
        return f"\xfe{text}\xff"
    return f"\xfe{text.encode('utf-8', 'surrogatepass').decode('latin-1')}\xff"


def _needle(keyword: str, match_type: MatchType) -> str:
    """A keyword as it stands in the haystack, with the marks that its match type asks for."""
    needle = _haystack(keyword)
    start = 0 if match_type in ("start", "exactly") else 1
    end = len(needle) - (0 if match_type in ("end", "exactly") else 1)
    return needle[start:end]


def _nothing(_: str) -> tuple[()]:
    return ()
