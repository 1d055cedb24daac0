"""Explains a text: every pattern that matches it, the characters that each one matched, and which one decides."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import Literal

import re2

from patterns.files import pattern_path
from patterns.match import Matcher
from patterns.matcher import build_matcher, fold
from patterns.pattern_set import Pattern, PatternSet
from patterns.rule_search import rule_options

# A short pattern may match a long text at every character.
MAX_SPANS = 100
# The most matches of one rule to look at. Most of them may be empty, and have no span.
_MAX_MATCHES = 1_000
_OPTIONS = rule_options()

Span = tuple[int, int]
"""Where a match begins and ends, in characters of the text as given."""

Outcome = Literal["decides", "later line", "later label"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A pattern that matches a text."""

    label: str
    line: int
    """The line in the label's file, from 1. Every line of a file is one pattern."""
    pattern: Pattern
    file: Path | None
    """None if the patterns were frozen by a task."""
    spans: tuple[Span, ...]
    """The first MAX_SPANS matches, without empty ones, from left to right. Those of a keyword may overlap."""
    outcome: Outcome
    """Whether it decides, or why it does not: another line of its label, or another label, comes first."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A text with its hits in deciding order: the first one decides."""

    text: str
    hits: tuple[Hit, ...]

    @property
    def decision(self) -> Hit | None:
        """The hit that decides, or None if the text gets no label."""
        return self.hits[0] if self.hits else None

    def reason(self, hit: Hit) -> str:
        """Return in words why a hit decides, or does not."""
        if hit.outcome == "later line":
            return f"line {self.hits[0].line} comes first"
        return "decides" if hit.outcome == "decides" else f"/{self.hits[0].label} comes first"


class Explainer:
    """Explains texts by one pattern set. `directory` is where its files are, if it was read from files."""

    def __init__(self, pattern_set: PatternSet, directory: Path | None = None, matcher: Matcher | None = None) -> None:
        """Without its matcher, build that of the set. Raises PatternsTooLarge."""
        self.pattern_set = pattern_set
        self._directory = directory
        self._matcher = matcher or build_matcher(pattern_set)
        self._lines = list(pattern_set.lines())

    def explain(self, text: str) -> Explanation:
        """Return the explanation of a text."""
        numbers = self._matcher.hits(text)
        if not numbers:
            return Explanation(text, ())
        folded, characters = fold(text), _Characters(text)
        decided = self._lines[numbers[0]][0]
        hits: list[Hit] = []
        for number in numbers:
            label, line, pattern = self._lines[number]
            spans = tuple(islice((characters.span(*match) for match in _matches(pattern, folded)), MAX_SPANS))
            outcome: Outcome = "later line" if label == decided else "later label"
            hits.append(Hit(label, line, pattern, self._file(label), spans, outcome if hits else "decides"))
        return Explanation(text, tuple(hits))

    def _file(self, label: str) -> Path | None:
        if self._directory is None:
            return None
        return pattern_path(self._directory, self.pattern_set.model_type, label, self.pattern_set.predict_type)


class _Characters:
    """Converts offsets in a folded text into characters of the text as given.

    Lower case changes the number of characters (İ) and of bytes (ẞ), but it does so for each
    character by itself. The only one whose lower case depends on its neighbours, Σ, keeps its length.
    """

    def __init__(self, text: str) -> None:
        self._ends = None if text.isascii() else list(accumulate(len(fold(character)) for character in text))

    def span(self, start: int, end: int) -> Span:
        """Return the characters that these bytes, at least one, belong to."""
        if self._ends is None:
            return start, end
        return bisect_right(self._ends, start), bisect_right(self._ends, end - 1) + 1


def _matches(pattern: Pattern, folded: bytes) -> Iterator[tuple[int, int]]:
    """Yield where a pattern that matches a folded text does so, in bytes; no empty match."""
    keyword = b"" if pattern.match_type == "regex" else fold(pattern.text)
    match pattern.match_type:
        case "regex":
            spans = (
                found.span() for found in islice(re2.compile(pattern.text, _OPTIONS).finditer(folded), _MAX_MATCHES)
            )
            yield from (span for span in spans if span[0] < span[1])
        case "partially":
            start = folded.find(keyword)
            while start >= 0:
                yield start, start + len(keyword)
                start = folded.find(keyword, start + 1)
        case "end":
            yield len(folded) - len(keyword), len(folded)
        case "start" | "exactly":
            yield 0, len(keyword)
