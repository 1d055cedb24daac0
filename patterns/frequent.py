"""Frequent character sequences of the texts that get no label: where to look for lines to add."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice

from patterns.intervals import Share, wilson
from patterns.matcher import build_matcher
from patterns.pattern_set import Pattern, PatternSet
from patterns.sequences import cover, keyword_of, marked, pattern_of, shared_sequences, texts_having

_MAX_CANDIDATES = 5_000
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class FrequentSequence:
    """A sequence that many texts without a label share. Which label it should get is not known."""

    pattern: Pattern
    texts: int
    share: Share
    """Of all texts without a label."""
    examples: tuple[str, ...]


def frequent(
    pattern_set: PatternSet, texts: Iterable[str], *, support: int = 20, limit: int = 50, seed: int = 0
) -> list[FrequentSequence]:
    """Return the most frequent sequences of the texts that get no label, with random examples.

    Longer ones say more, so the first is the one with the most characters over all its texts; and each
    further one is chosen likewise by the texts that those before it leave. Memory grows with the texts.
    """
    match = build_matcher(pattern_set).match
    left = [(text, sequence) for text in texts if match(text) is None and (sequence := marked(text)) is not None]
    random.Random(seed).shuffle(left)  # so that the first texts with a sequence are random ones
    groups = {0: [sequence for _, sequence in left]}
    found = [
        (counts[0] * len(keyword_of(sequence)), len(sequence), sequence)  # an end, rather than anywhere
        for sequence, counts in shared_sequences(groups, lambda counts: counts[0] >= support)
        if pattern_of(sequence) is not None
    ]
    candidates = [sequence for _, _, sequence in nlargest(_MAX_CANDIDATES, found)]
    having = texts_having(candidates, groups[0])
    chosen = islice(cover(having, [len(keyword_of(sequence)) for sequence in candidates], support), limit)
    return [
        FrequentSequence(pattern, len(numbers), wilson(len(numbers), len(left)), _examples(left, numbers))
        for pattern, numbers in ((pattern_of(candidates[one], pattern_set.model_type), having[one]) for one in chosen)
        if pattern is not None
    ]


def _examples(texts: Sequence[tuple[str, str]], having: Sequence[int]) -> tuple[str, ...]:
    """Return the first different texts of these numbers."""
    return tuple(islice(dict.fromkeys(texts[number][0] for number in having), _EXAMPLES))
