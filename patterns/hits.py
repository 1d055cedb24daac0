"""Counts what each pattern of a set hits, and where labels conflict."""

import random
from collections import Counter
from dataclasses import dataclass

from patterns.match import Matcher
from patterns.matcher import build_matcher
from patterns.pattern_set import Pattern, PatternSet

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class PatternHits:
    """What one pattern did to the texts that were counted."""

    label: str
    line: int
    """The line in the label's file, from 1."""
    pattern: Pattern
    hits: int
    """Texts that it matches."""
    decided: int
    """Those of them whose label it decides."""
    alone: int
    """Those of them that no other pattern matches."""
    conflicts: int
    """Those of them that a pattern of another label matches too."""
    examples: tuple[str, ...]
    """Different texts that it matches, chosen at random."""


class HitCounter:
    """Counts the hits of texts, one after the other. Memory grows with the different texts."""

    def __init__(self, pattern_set: PatternSet, seed: int | None = None, matcher: Matcher | None = None) -> None:
        """Without its matcher, build that of the set. Raises PatternsTooLarge."""
        self.conflicts: Counter[tuple[str, str]] = Counter()
        """The texts that several labels hit, by the label that decides and another one."""
        self._matcher = matcher or build_matcher(pattern_set)
        self._lines = list(pattern_set.lines())
        # Most patterns of a large set hit nothing in a sample, and the counts are asked for while it grows.
        self._without_hits = [PatternHits(*line, 0, 0, 0, 0, ()) for line in self._lines]
        self._hits, self._decided, self._alone, self._conflicting = (Counter[int]() for _ in range(4))
        self._examples: dict[int, list[str]] = {}
        self._different: Counter[int] = Counter()
        self._known: dict[str, list[int]] = {}
        self._random = random.Random(seed)

    def add(self, text: str) -> str | None:
        """Count a text, and return the label that it gets."""
        numbers = self._known.get(text)
        if numbers is None:
            numbers = self._known[text] = self._matcher.hits(text)
            for number in numbers:
                self._add_example(number, text)
        if not numbers:
            return None
        decided = self._lines[numbers[0]][0]
        self._decided[numbers[0]] += 1
        if len(numbers) == 1:
            self._hits[numbers[0]] += 1
            self._alone[numbers[0]] += 1
            return decided
        labels = {self._lines[number][0] for number in numbers}
        self._hits.update(numbers)
        if len(labels) > 1:
            self._conflicting.update(numbers)
            self.conflicts.update((decided, other) for other in labels if other != decided)
        return decided

    def _add_example(self, number: int, text: str) -> None:
        """Keep a uniform sample of the different texts that a pattern matches (reservoir sampling)."""
        self._different[number] += 1
        examples = self._examples.setdefault(number, [])
        if len(examples) < EXAMPLES:
            examples.append(text)
        elif (place := self._random.randrange(self._different[number])) < EXAMPLES:
            examples[place] = text

    def patterns(self) -> tuple[PatternHits, ...]:
        """Return the counts of every pattern so far, in deciding order."""
        found = self._without_hits.copy()
        for number, hits in self._hits.items():
            found[number] = PatternHits(
                *self._lines[number],
                hits,
                self._decided[number],
                self._alone[number],
                self._conflicting[number],
                tuple(self._examples[number]),
            )
        return tuple(found)
