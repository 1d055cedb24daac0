"""Matchers: which label a text gets, and the pattern that decided.

Both models number their patterns in deciding order: by label, then by line. The hit with the lowest
number decides: the first label in the set's order, by its first pattern that matches.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import ahocorasick
import re2

from patterns.pattern_set import MatchType, PatternSet

# The most memory that RE2 may use for the automata of a set. Beyond it, a set is searched one regex at a time.
_RE2_BYTES = 256 * 2**20
# With more rules than this, that takes tens of milliseconds a text, and gigabytes of automata.
_MAX_SEARCHED_EACH = 1_000


class PatternsTooLarge(Exception):
    """The patterns are too large for a matcher of useful speed."""


class Match(NamedTuple):
    """The label of a text, and the pattern that decided."""

    label: str
    rule: str


class Matcher(Protocol):
    """Decides the labels of texts. Built once for a pattern set, then used for millions of texts."""

    def match(self, text: str) -> Match | None:
        """Return the label of the text and the deciding pattern, or None if no pattern matches."""

    def hits(self, text: str) -> list[Match]:
        """Return every pattern that matches, the deciding one first."""


def build_matcher(pattern_set: PatternSet) -> Matcher:
    """Return the matcher for a pattern set. Raises PatternsTooLarge."""
    if pattern_set.model_type == "keyword_model":
        return KeywordMatcher(pattern_set)
    return RuleMatcher(pattern_set)


class KeywordMatcher:
    """All keywords of all labels in one Aho-Corasick automaton over the UTF-8 bytes of a text.

    A text stands between the marks \\xfe and \\xff, bytes that no UTF-8 text contains. So one automaton
    serves all four match types, and no text can forge the marks.
    """

    def __init__(self, pattern_set: PatternSet) -> None:
        self._matches = _matches(pattern_set)
        automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        for number, (_, pattern) in enumerate(pattern_set):
            needle = _needle(pattern.text, pattern.match_type)
            if needle not in automaton:  # an earlier line with the same needle decides
                automaton.add_word(needle, number)
        automaton.make_automaton()
        # Yields (end, number) of each pattern in a haystack. Without patterns there is no automaton.
        self._hits_in: Callable[[str], Iterable[tuple[int, int]]] = automaton.iter if self._matches else _nothing

    def match(self, text: str) -> Match | None:
        """See Matcher. Text and keywords are compared in lower case."""
        first = None
        # Most texts have no hit, so this avoids a list and a call.
        for _, number in self._hits_in(_haystack(text)):
            if first is None or number < first:
                first = number
        return None if first is None else self._matches[first]

    def hits(self, text: str) -> list[Match]:
        """See Matcher. Of lines with the same needle, only the first is a hit."""
        return [self._matches[number] for number in sorted({number for _, number in self._hits_in(_haystack(text))})]


class RuleMatcher:
    """All regular expressions in one RE2 set: one pass over a text, linear in its length."""

    def __init__(self, pattern_set: PatternSet) -> None:
        self._matches = _matches(pattern_set)
        self._rules = [pattern.text for _, pattern in pattern_set]
        self._options = re2.Options()
        self._options.case_sensitive = False  # the text is in lower case, so a rule's capitals would never match
        self._options.log_errors = False
        self._options.max_mem = _RE2_BYTES
        # If a set exceeds its memory while matching, RE2 reports that nothing matches. The empty regex matches
        # every text, so its number is missing only then.
        self._witness = len(self._rules)
        self._set = re2.Set.SearchSet(self._options)
        for rule in [*self._rules, ""]:
            self._set.Add(rule)
        try:
            self._set.Compile()
        except re2.error as error:  # the set as a whole is too large
            if len(self._rules) > _MAX_SEARCHED_EACH:
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
        """Yield the numbers of the rules that match, in order, without the set."""
        return (number for number, rule in enumerate(self._compiled_rules) if rule.search(folded))

    @cached_property
    def _compiled_rules(self) -> list[Any]:
        return [re2.compile(rule, self._options) for rule in self._rules]


def _matches(pattern_set: PatternSet) -> list[Match]:
    return [Match(label.name, str(pattern)) for label, pattern in pattern_set]


def _fold(text: str) -> bytes:
    return text.lower().encode("utf-8", "surrogatepass")


def _haystack(text: str) -> str:
    """Return the UTF-8 bytes of a text, one character a byte, between the marks.

    An automaton over bytes is four times smaller than one over characters, and twice as fast on long texts.
    """
    text = text.lower()
    if text.isascii():
        return f"\xfe{text}\xff"
    return f"\xfe{text.encode('utf-8', 'surrogatepass').decode('latin-1')}\xff"


def _needle(keyword: str, match_type: MatchType) -> str:
    """Return a keyword as it stands in a haystack, with the marks that its match type requires."""
    needle = _haystack(keyword)
    start = 0 if match_type in ("start", "exactly") else 1
    end = len(needle) - (0 if match_type in ("end", "exactly") else 1)
    return needle[start:end]


def _nothing(_: str) -> tuple[()]:
    return ()
