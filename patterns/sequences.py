"""Character sequences that many texts share: at the start, at the end, anywhere, or a text as a whole."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heapreplace
from itertools import chain

import ahocorasick

from patterns.lint import blank_side
from patterns.pattern_set import MatchType, ModelType, Pattern

# Texts stand between two marks, so that one search finds sequences of all four match types. Neither UTF-8
# nor a database has texts with lone surrogates.
_START, _END = "\ud800", "\udfff"

# A keyword of more characters is hardly ever more precise.
_MAX_CHARACTERS = 12

_METACHARACTER = re.compile(r"[\\.+*?()|\[\]{}^$]")

Counts = Mapping[int, int]
"""How many texts of each group have a sequence."""


def marked(text: str) -> str | None:
    """Return a text in lower case between its marks. None if it has a mark itself."""
    if not text.isascii() and (_START in text or _END in text):
        return None
    return f"{_START}{text.lower()}{_END}"


def keyword_of(sequence: str) -> str:
    """Return a sequence without its marks."""
    return sequence.removeprefix(_START).removesuffix(_END)


def pattern_of(sequence: str, model_type: ModelType = "keyword_model") -> Pattern | None:
    """Return the pattern that matches exactly the texts with a marked sequence. None if it would be a poor one.

    Poor are single letters, single characters anywhere, and what `lint` warns about: blanks at an end, and
    characters that are invisible.
    """
    starts, ends = sequence.startswith(_START), sequence.endswith(_END)
    keyword = keyword_of(sequence)
    match_type: MatchType = "exactly" if starts and ends else "start" if starts else "end" if ends else "partially"
    if not keyword.isprintable() or not keyword.strip():
        return None
    if len(keyword) == 1 and (match_type == "partially" or ord(keyword) < 0x2000):
        return None
    pattern = Pattern(keyword, match_type)
    if model_type == "rule_model":
        rule = _METACHARACTER.sub(r"\\\g<0>", keyword)
        pattern = Pattern(f"{'^' if starts else ''}{rule}{'$' if ends else ''}", "regex")
    return None if blank_side(pattern.text, pattern.match_type) else pattern


def shared_sequences(
    groups: Mapping[int, Sequence[str]], is_frequent: Callable[[Counts], bool]
) -> Iterator[tuple[str, Counts]]:
    """Yield the frequent sequences of marked texts, in groups, with their counts, the shorter ones first.

    `is_frequent` must hold for each part of a sequence that it holds for. So a sequence is counted only
    if it continues two frequent ones that are shorter by one character (Agrawal and Srikant, "Fast
    Algorithms for Mining Association Rules", 1994).
    """
    frequent: set[str] | None = None
    for length in range(1, _MAX_CHARACTERS + 3):
        groups = {group: [text for text in texts if len(text) >= length] for group, texts in groups.items()}
        counters = {
            group: Counter(chain.from_iterable(_sequences(text, length, frequent) for text in texts))
            for group, texts in groups.items()
        }
        frequent = set()
        for sequence in set().union(*counters.values()):
            counts = {group: counter[sequence] for group, counter in counters.items() if sequence in counter}
            if is_frequent(counts):
                frequent.add(sequence)
                yield sequence, counts
        if not frequent:
            return


def _sequences(text: str, length: int, shorter: set[str] | None) -> set[str]:
    """Return the different sequences of this length that continue shorter ones."""
    if shorter is None:
        return set(text)
    return {
        text[start : start + length]
        for start in range(len(text) - length + 1)
        if text[start : start + length - 1] in shorter and text[start + 1 : start + length] in shorter
    }


def texts_having(sequences: Sequence[str], texts: Sequence[str]) -> list[list[int]]:
    """Return for each sequence the numbers of the marked texts that have it."""
    having: list[list[int]] = [[] for _ in sequences]
    for number, found in enumerate(SequenceFinder(sequences).find(texts)):
        for sequence in found:
            having[sequence].append(number)
    return having


class SequenceFinder:
    """Finds many sequences in marked texts with one search."""

    def __init__(self, sequences: Sequence[str]) -> None:
        automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        for number, sequence in enumerate(sequences):
            automaton.add_word(sequence, number)
        automaton.make_automaton()
        self._found_in: Callable[[str], Iterable[tuple[int, int]]] = automaton.iter if sequences else _nothing

    def find(self, texts: Iterable[str]) -> Iterator[set[int]]:
        """Yield the numbers of the sequences that each text has."""
        for text in texts:
            yield {number for _, number in self._found_in(text)}


def _nothing(_: str) -> tuple[()]:
    return ()


def cover(having: Sequence[Sequence[int]], weights: Sequence[int], least: int) -> Iterator[int]:
    """Yield the numbers of the sets that cover most, each judged by what those before it leave.

    What a set covers counts as often as its weight. Sets that would add fewer than `least` are left out.
    """
    covered: set[int] = set()
    heap = [
        (-len(members) * weight, number) for number, (members, weight) in enumerate(zip(having, weights, strict=True))
    ]
    heapify(heap)
    while heap:
        number = heap[0][1]
        added = sum(member not in covered for member in having[number])
        entry = -added * weights[number], number
        if added < least:
            heappop(heap)
        elif entry > heap[0]:
            heapreplace(heap, entry)  # what a set adds only ever falls, so the others may be overestimated too
        else:
            heappop(heap)
            covered.update(having[number])
            yield number
