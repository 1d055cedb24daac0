"""Matchers: which label a text gets, and the pattern that decided.

Both models number their patterns in deciding order: by label, then by line. The hit with the lowest
number decides: the first label in the set's order, by its first pattern that matches.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import ahocorasick
import re2

from patterns.match import Match, Matcher, PatternsTooLarge
from patterns.pattern_set import MatchType, PatternSet
from patterns.rule_search import RuleSearch

# A longer text is lowered, and looked up, in pieces that take milliseconds. Other threads run between them.
_PIECE_CHARACTERS = 30_000

# What stands between texts that are searched as one: before they are folded, afterwards, and in the haystack.
# Half a surrogate pair is in no text that a database holds, and changes no other letter's lower case.
_BETWEEN = "\ud800"
_FOLDED_BETWEEN = _BETWEEN.encode("utf-8", "surrogatepass")
_IN_HAYSTACK = _FOLDED_BETWEEN.decode("latin-1")
_NEXT_TEXT = "\xff\xfe"


def build_matcher(pattern_set: PatternSet) -> Matcher:
    """Return the matcher for a pattern set. Raises PatternsTooLarge."""
    if pattern_set.model_type == "keyword_model":
        return KeywordMatcher(pattern_set)
    return RuleMatcher(pattern_set)


class KeywordMatcher:
    """All keywords of all labels in one Aho-Corasick automaton over the UTF-8 bytes of a text.

    A text stands between the marks \\xfe and \\xff, bytes that no UTF-8 text contains. So one automaton
    serves all four match types, no text can forge the marks, and several texts can be searched as one.
    """

    def __init__(self, pattern_set: PatternSet) -> None:
        self._matches: list[Match | None] = [*_matches(pattern_set), None]
        self._repeats: dict[int, list[int]] = {}
        automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        for number, (_, pattern) in enumerate(pattern_set):
            needle = needle_of(pattern.text, pattern.match_type)
            first = automaton.get(needle, None)
            if first is None:
                automaton.add_word(needle, number)
            else:  # an earlier line with the same needle decides
                self._repeats.setdefault(first, []).append(number)
        automaton.add_word(_NEXT_TEXT, len(self._matches) - 1)
        automaton.make_automaton()
        self._hits_in: Callable[[str], Any] = automaton.iter
        """Yields (end, number) of each pattern in a haystack."""

    def match(self, text: str) -> Match | None:
        """See Matcher. Text and keywords are compared in lower case."""
        if len(text) <= _PIECE_CHARACTERS:
            return self._decisions(self._hits_in(_haystack(text)))[0]
        return self._decisions(self._hits_in_pieces(text))[0]

    def match_all(self, texts: Sequence[str]) -> list[Match | None]:
        """See Matcher."""
        found: list[Match | None] = []
        for group in _groups(texts):
            haystack = "" if len(group) == 1 else _haystack(_BETWEEN.join(group)).replace(_IN_HAYSTACK, _NEXT_TEXT)
            if haystack.count(_NEXT_TEXT) == len(group) - 1 > 0:
                found += self._decisions(self._hits_in(haystack))
            else:  # a single text, which may be long, or one that contains what stands between them
                found += map(self.match, group)
        return found

    def _decisions(self, hits: Iterable[tuple[int, int]]) -> list[Match | None]:
        """Return the decision on each text of a haystack."""
        matches, none = self._matches, len(self._matches) - 1
        decisions = []
        first = none
        for _, number in hits:
            if number < first:
                first = number
            elif number == none:  # the next text begins
                decisions.append(matches[first])
                first = none
        decisions.append(matches[first])
        return decisions

    def hits(self, text: str) -> list[int]:
        """See Matcher."""
        found = {number for _, number in self._hits_in_pieces(text)}
        return sorted(found.union(*(self._repeats[number] for number in found if number in self._repeats)))

    def _hits_in_pieces(self, text: str) -> Iterator[tuple[int, int]]:
        hits = self._hits_in("")
        for piece in chain("\xfe", (_haystack(piece)[1:-1] for piece in _pieces(text)), "\xff"):
            hits.set(piece)  # continues in the state that the last piece led to
            yield from hits


class RuleMatcher:
    """All regular expressions, searched in time linear in a text's length."""

    def __init__(self, pattern_set: PatternSet) -> None:
        rules = [pattern.text for _, pattern in pattern_set]
        self._matches: list[Match | None] = [*_matches(pattern_set), None]
        try:
            self._search = RuleSearch(rules)
        except re2.error as error:
            raise PatternsTooLarge(
                f"the {len(rules):,} rules together are too large; write fewer, or simpler ones"
            ) from error

    def match(self, text: str) -> Match | None:
        """See Matcher. The text is searched in lower case, the rules without regard to case."""
        return self.match_all((text,))[0]

    def match_all(self, texts: Sequence[str]) -> list[Match | None]:
        """See Matcher. Each text is searched on its own."""
        return [self._matches[number] for number in self._search.first_of_each(_fold_all(texts))]

    def hits(self, text: str) -> list[int]:
        """See Matcher."""
        return self._search.hits(fold(text))


def _matches(pattern_set: PatternSet) -> list[Match]:
    return [Match(label.name, str(pattern), number) for number, (label, pattern) in enumerate(pattern_set)]


def fold(text: str) -> bytes:
    """Return a text as it is compared: in lower case, as UTF-8."""
    if len(text) <= _PIECE_CHARACTERS:
        return text.lower().encode("utf-8", "surrogatepass")
    return b"".join(piece.encode("utf-8", "surrogatepass") for piece in _pieces(text))


def _fold_all(texts: Sequence[str]) -> list[bytes]:
    """Return what `fold` returns for each text. With many short texts it is several times as fast."""
    folded: list[bytes] = []
    for group in _groups(texts):
        parts = fold(_BETWEEN.join(group)).split(_FOLDED_BETWEEN)
        folded += parts if len(parts) == len(group) else map(fold, group)
    return folded


def _pieces(text: str) -> Iterator[str]:
    """Yield a text in lower case, piece by piece."""
    if "Σ" in text:  # the only letter whose lower case depends on the letters around it
        text = text.lower()
    for start in range(0, len(text), _PIECE_CHARACTERS):
        yield text[start : start + _PIECE_CHARACTERS].lower()


def _groups(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield texts that are searched as one: together they are as long as a piece at most, unless one is longer."""
    if sum(map(len, texts)) <= _PIECE_CHARACTERS:
        if texts:
            yield texts
        return
    start, characters = 0, 0
    for end, text in enumerate(texts):
        if end > start and characters + len(text) > _PIECE_CHARACTERS:
            yield texts[start:end]
            start, characters = end, 0
        characters += len(text)
    yield texts[start:]


def _haystack(text: str) -> str:
    """Return the UTF-8 bytes of a text in lower case, one character a byte, between the marks.

    An automaton over bytes is four times smaller than one over characters, and twice as fast on long texts.
    """
    text = text.lower()
    if text.isascii():
        return f"\xfe{text}\xff"
    return f"\xfe{text.encode('utf-8', 'surrogatepass').decode('latin-1')}\xff"


def needle_of(keyword: str, match_type: MatchType) -> str:
    """Return a keyword as it stands in a haystack, with the marks that its match type requires."""
    needle = _haystack(keyword)
    start = 0 if match_type in ("start", "exactly") else 1
    end = len(needle) - (0 if match_type in ("end", "exactly") else 1)
    return needle[start:end]
