"""Judges a pattern set by texts whose right label is known."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from patterns.intervals import Share, f1, wilson
from patterns.match import Matcher
from patterns.matcher import build_matcher
from patterns.pattern_set import Pattern, PatternSet

NONE = ""
"""The label of a text that should get none, or that gets none."""


class Wrong(NamedTuple):
    """A text that does not get its right label."""

    line: int
    text: str
    label: str
    """The right one."""
    given: str
    decided_by: "PatternFigures | None"
    """The pattern that decided; None if the text gets no label."""


@dataclass(slots=True)
class PatternFigures:
    """What a pattern decided about."""

    label: str
    line: int
    """The line in the label's file, from 1."""
    pattern: Pattern
    decided: int = 0
    right: int = 0

    @property
    def precision(self) -> Share:
        """The share of the texts it decided about that it is right about."""
        return wilson(self.right, self.decided)


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """How well the texts of a label are found."""

    label: str
    gold: int
    """Texts whose right label it is."""
    given: int
    """Texts that get it."""
    right: int
    """Texts that get it rightly."""

    @property
    def precision(self) -> Share:
        """The share of the texts that get the label that should."""
        return wilson(self.right, self.given)

    @property
    def recall(self) -> Share:
        """The share of the texts that should get the label that do."""
        return wilson(self.right, self.gold)

    @property
    def f1(self) -> Share:
        """The harmonic mean of precision and recall."""
        return f1(self.right, self.given, self.gold)


@dataclass(frozen=True)
class Evaluation:
    """The judgement about a pattern set."""

    lines: int
    confusion: dict[tuple[str, str], int]
    """How many texts have a right label (the first) and get a label (the second). NONE stands for no label."""
    labels: tuple[str, ...]
    """The labels of the pattern set in deciding order, then those of the texts alone, by name."""
    patterns: tuple[PatternFigures, ...]
    """The patterns that decided about a text, in deciding order."""

    @property
    def coverage(self) -> Share:
        """The share of the texts that get a label."""
        return wilson(self.lines - self._count(given=NONE), self.lines)

    @property
    def precision(self) -> Share:
        """The share of the texts that get a label that get the right one."""
        right = sum(self.confusion.get((label, label), 0) for label in self.labels)
        return wilson(right, self.lines - self._count(given=NONE))

    @property
    def label_figures(self) -> tuple[LabelFigures, ...]:
        """The figures of each label."""
        return tuple(
            LabelFigures(
                label, self._count(gold=label), self._count(given=label), self.confusion.get((label, label), 0)
            )
            for label in self.labels
        )

    def _count(self, *, gold: str | None = None, given: str | None = None) -> int:
        return sum(
            count
            for (gold_label, given_label), count in self.confusion.items()
            if gold in (None, gold_label) and given in (None, given_label)
        )


def evaluate(
    pattern_set: PatternSet,
    lines: Iterable[tuple[int, str, str]],
    on_wrong: Callable[[Wrong], object] | None = None,
    matcher: Matcher | None = None,
) -> Evaluation:
    """Judge a pattern set by lines of a gold file: number, text, right label.

    Each text that gets a wrong label, or none, goes to `on_wrong`. Texts are not kept, so memory depends
    on the numbers of patterns and labels alone. Without its matcher, build that of the set. Raises PatternsTooLarge.
    """
    match = (matcher or build_matcher(pattern_set)).match
    figures = [PatternFigures(*line) for line in pattern_set.lines()]
    confusion: dict[tuple[str, str], int] = {}
    for number, text, gold in lines:
        decision = match(text)
        decided_by = None if decision is None else figures[decision.number]
        if decided_by is None:
            given = NONE
        else:
            given = decided_by.label
            decided_by.decided += 1
            decided_by.right += given == gold
        pair = gold, given
        confusion[pair] = confusion.get(pair, 0) + 1
        if given != gold and on_wrong is not None:
            on_wrong(Wrong(number, text, gold, given, decided_by))
    known = [label.name for label in pattern_set.labels]
    others = sorted({gold for gold, _ in confusion} - {NONE, *known})
    return Evaluation(
        lines=sum(confusion.values()),
        confusion=confusion,
        labels=(*known, *others),
        patterns=tuple(one for one in figures if one.decided),
    )
