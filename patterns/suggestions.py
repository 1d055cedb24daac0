"""Suggests lines for pattern files: from a gold file, or from texts without a label."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from patterns.evaluation import NONE, Evaluation, evaluate
from patterns.intervals import Share, binomial_tail, wilson
from patterns.matcher import build_matcher
from patterns.pattern_set import Label, Pattern, PatternSet
from patterns.sequences import Counts, SequenceFinder, cover, marked, pattern_of, shared_sequences

MAX_SUGGESTIONS = 10_000
# The share of false suggestions is at most this, on average.
FALSE_SHARE = 0.05
_MAX_CANDIDATES = 100_000


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A line that could be added at the end of a label's file. All figures are of the half that judges."""

    label: str
    pattern: Pattern
    support: int
    """Texts whose label the line decides: they get none now, or that of a label that comes later."""
    right: int
    """Those of them whose right label it is."""
    adds: int
    """Those of them that get no label now."""
    lines: int
    """All texts of the half."""
    sure: bool
    """Whether its true precision is significantly as high as requested."""

    @property
    def precision(self) -> Share:
        """The share of the texts that it decides about that it is right about."""
        return wilson(self.right, self.support)

    @property
    def added_coverage(self) -> Share:
        """The share of all texts that get a label by it and get none now."""
        return wilson(self.adds, self.lines)


@dataclass(frozen=True)
class Suggestions:
    """Suggestions, the best first, and the judgement about the patterns without and with all of them."""

    suggestions: tuple[Suggestion, ...]
    before: Evaluation
    after: Evaluation


def suggest(
    pattern_set: PatternSet,
    lines: Sequence[tuple[int, str, str]],
    *,
    label: str | None = None,
    precision: float = 0.97,
    support: int = 20,
    seed: int = 0,
) -> Suggestions:
    """Suggest lines with at least this precision and support, for all labels or for one.

    `lines` are those of a gold file. A random half of them is learnt from: every sequence of at most 12
    characters that reaches precision and support there is a candidate. The other half judges. It has not
    chosen the candidates, so their figures there are not inflated by the many that were tried.

    A candidate is suggested if it reaches precision and support in the half that judges, and if chance does
    not explain it: an exact binomial test rejects that its texts have the label as often as all the others.
    A suggestion is `sure` if such a test also rejects that its true precision is lower than requested,
    which takes about 100 texts without an error for 0.97, and 30 for 0.9. Both tests are corrected for the
    number of candidates as Benjamini and Hochberg do ("Controlling the False Discovery Rate", 1995). So on
    average at most FALSE_SHARE of the suggestions have nothing to do with their label, at most FALSE_SHARE
    of the sure ones are less precise than requested, and where labels are random, hardly ever is anything
    suggested.

    The suggestion that decides about most texts comes first, and each further one is chosen by what those
    before it leave; one that would decide about fewer texts than the support is left out. Memory grows with the lines.
    """
    order = _order(pattern_set, lines)
    rng = random.Random(seed)
    halves = _Half(pattern_set, order), _Half(pattern_set, order)
    for line in lines:
        halves[rng.getrandbits(1)].add(*line)
    learning, judging = halves
    wanted = [number for number, name in enumerate(order) if label in (None, name)]
    candidates = _candidates(learning, wanted, precision, support)
    reached = [
        one for one in _judged(judging, candidates) if one.support >= support and one.right >= precision * one.support
    ]
    explained = _significant(reached, [judging.share(one.label) for one in reached])
    best = _without_superfluous(judging, explained, support)
    sure = {one.sequence for one in _significant(best, [precision] * len(best))}
    suggestions = tuple(
        Suggestion(
            order[one.label], pattern, one.support, one.right, one.adds, len(judging.lines), one.sequence in sure
        )
        for one in best[:MAX_SUGGESTIONS]
        if (pattern := pattern_of(one.sequence, pattern_set.model_type)) is not None
    )
    before = evaluate(pattern_set, judging.lines)
    return Suggestions(suggestions, before, evaluate(_with(pattern_set, order, suggestions), judging.lines))


def _order(pattern_set: PatternSet, lines: Sequence[tuple[int, str, str]]) -> list[str]:
    """Return the labels of the patterns and of the gold file in deciding order."""
    known = [label.name for label in pattern_set.labels]
    new = sorted({label for _, _, label in lines} - {NONE, *known})
    return sorted([*known, *new]) if known == sorted(known) else [*known, *new]


class _Half:
    """One half of the lines, by groups: the right label and the label that the patterns give, as numbers.

    Labels are numbered in deciding order. One number more stands for no label.
    """

    def __init__(self, pattern_set: PatternSet, order: Sequence[str]) -> None:
        self.none = len(order)
        self.lines: list[tuple[int, str, str]] = []
        self.groups: defaultdict[int, list[str]] = defaultdict(list)
        self._numbers = {name: number for number, name in enumerate(order)} | {NONE: self.none}
        self._match = build_matcher(pattern_set).match

    def add(self, line: int, text: str, gold: str) -> None:
        self.lines.append((line, text, gold))
        match, sequence = self._match(text), marked(text)
        if sequence is not None:
            given = self.none if match is None else self._numbers[match.label]
            self.groups[self._numbers[gold] * (self.none + 1) + given].append(sequence)

    def of_group(self, group: int) -> tuple[int, int]:
        """Return the right label and the given one of a group."""
        return divmod(group, self.none + 1)

    def figures(self, counts: Counts, label: int) -> tuple[int, int]:
        """Return how many of these texts a new line of a label would decide about, and about how many rightly."""
        support = right = 0
        for group, count in counts.items():
            gold, given = self.of_group(group)
            if given > label:
                support += count
                right += count if gold == label else 0
        return support, right

    def share(self, label: int) -> float:
        """Return how many of all texts whose label a new line could decide have this label."""
        support, right = self.figures({group: len(texts) for group, texts in self.groups.items()}, label)
        return right / support if support else 0.0


@dataclass(slots=True)
class _Candidate:
    """A sequence for a label, with its figures from the half that judges."""

    sequence: str
    label: int
    support: int = 0
    right: int = 0
    adds: int = 0


def _candidates(half: _Half, labels: Sequence[int], precision: float, support: int) -> list[_Candidate]:
    """Return the sequences that reach precision and support in the half that is learnt from, for their best label."""
    needed = precision * support
    changeable = {
        group: texts for group, texts in half.groups.items() if half.of_group(group)[1] > min(labels, default=half.none)
    }

    def is_frequent(counts: Counts) -> bool:
        return any(half.figures(counts, label)[1] >= needed for label in labels)

    found = []
    for sequence, counts in shared_sequences(changeable, is_frequent):
        (right, total), label = max((half.figures(counts, label)[::-1], label) for label in labels)
        if total >= support and right >= precision * total and pattern_of(sequence) is not None:
            found.append((right, _Candidate(sequence, label)))
    found.sort(key=lambda item: -item[0])
    return [candidate for _, candidate in found[:_MAX_CANDIDATES]]


def _judged(half: _Half, candidates: list[_Candidate]) -> list[_Candidate]:
    """Count the figures of the candidates in the half that judges."""
    finder = SequenceFinder([one.sequence for one in candidates])
    for group, texts in half.groups.items():
        gold, given = half.of_group(group)
        for found in finder.find(texts):
            for number in found:
                candidate = candidates[number]
                if given > candidate.label:
                    candidate.support += 1
                    candidate.right += gold == candidate.label
                    candidate.adds += given == half.none
    return candidates


def _significant(candidates: list[_Candidate], shares: Sequence[float]) -> list[_Candidate]:
    """Return the candidates that are right significantly more often than these shares of their texts."""
    chances = [binomial_tail(one.right, one.support, share) for one, share in zip(candidates, shares, strict=True)]
    by_chance = sorted(range(len(candidates)), key=chances.__getitem__)
    last = 0
    for rank, number in enumerate(by_chance, start=1):
        if chances[number] * len(candidates) <= rank * FALSE_SHARE:
            last = rank
    return [candidates[number] for number in by_chance[:last]]


def _without_superfluous(half: _Half, candidates: list[_Candidate], support: int) -> list[_Candidate]:
    """Return the candidates that decide about enough texts that those before them leave, those with most first.

    One that hits all texts of another decides about all of them, if it comes first or its label does.
    """
    having: list[list[int]] = [[] for _ in candidates]
    finder, first = SequenceFinder([one.sequence for one in candidates]), 0
    for group, texts in half.groups.items():
        _, given = half.of_group(group)
        for text, found in enumerate(finder.find(texts), start=first):
            for number in found:
                if given > candidates[number].label:
                    having[number].append(text)
        first += len(texts)
    chosen = [candidates[number] for number in cover(having, [1] * len(candidates), support)]
    chosen_finder = SequenceFinder([one.sequence for one in chosen])
    return [
        one
        for one, found in zip(chosen, chosen_finder.find(one.sequence for one in chosen), strict=True)
        if all(chosen[number] is one or chosen[number].label > one.label for number in found)
    ]


def _with(pattern_set: PatternSet, order: Sequence[str], suggestions: Iterable[Suggestion]) -> PatternSet:
    """Return the pattern set with the suggested lines at the ends of its labels."""
    lines = {name: list[Pattern]() for name in order}
    for label in pattern_set.labels:
        lines[label.name] += label.patterns
    for suggestion in suggestions:
        lines[suggestion.label].append(suggestion.pattern)
    labels = tuple(Label(name, tuple(patterns)) for name, patterns in lines.items())
    return PatternSet(pattern_set.model_type, pattern_set.predict_type, labels)
