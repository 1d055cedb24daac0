"""Tallies: the rows of a window in, votes for each (source_author, panel) out."""

import re
from abc import ABC, abstractmethod
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, compress, groupby
from operator import attrgetter, itemgetter
from typing import Any, TypeVar, cast

from xxhash import xxh3_64_intdigest

from jobs.model.definition import Definition
from jobs.model.input_table import SEPARATOR
from jobs.model.units import slice_of
from patterns.matcher import Match, Matcher

InputRow = tuple[Any, ...]
"""who, post_time (as MariaDB writes it, so that it sorts as text), id, and the text unless that is the author.

`who` is the row's source and author in one: UTF-8, with SEPARATOR between them.
"""

LabelRow = tuple[str | int, str, str, str, str, str, int, str, int]
"""id, source_author, panel, create_time, field_content, match_content, votes, rule, slice."""

Decide = Callable[[Sequence[str]], Sequence[Match | None]]
"""Returns the decision on each text."""

Item = TypeVar("Item")

_DECODED_SEPARATOR = SEPARATOR.decode(errors="surrogateescape")

# What a tally holds before it is written, so that memory does not grow with the rows or the authors
# of a window. A vote takes about three times as much memory as an author.
_MAX_ENTRIES = 260_000
_MAX_CHARACTERS = 3_000_000

# How many texts a worker caches the label of before it empties the cache.
_CACHED_TEXTS = 20_000

# The distinct authors of a task are counted one slice of their hashes at a time, to bound memory.
SLICES = 64


class Decisions:
    """A cache of the labels of texts that repeat."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher
        self._cache: dict[str, Match | None] = {}

    def decide(self, texts: Sequence[str]) -> list[Match | None]:
        """Return the decision on each text."""
        if len(self._cache) > _CACHED_TEXTS:
            self._cache.clear()
        new = list(set(texts).difference(self._cache))
        self._cache.update(zip(new, self.matcher.match_all(new), strict=True))
        return [self._cache[text] for text in texts]


@dataclass(frozen=True, slots=True)
class AuthorHashes:
    """Authors of one result and slice, by 64-bit hashes, packed. Labelled ones come first."""

    authors: bytes
    """Every author; a labelled one once for each pattern that decided about rows of theirs."""
    patterns: bytes
    """The numbers of these patterns: the first one belongs to the first author, and so on."""


class Vote:
    """The rows of an author that got the same label: their number, and the latest of them."""

    __slots__ = ("count", "first", "latest", "match", "slice", "who")

    def __init__(self, who: bytes, match: Match) -> None:
        self.who = who
        self.match = match
        self.first = match
        """What decided about its first row."""
        self.count = 0
        self.latest: tuple[Any, ...] = ()
        """post_time, id, text; without the text if that is the author's name."""
        self.slice = 0
        """The slice of the author's label rows, once they are made."""

    @property
    def key(self) -> tuple[bytes, str]:
        """source_author and label: votes with the same key make one label row."""
        return self.who.replace(SEPARATOR, b"_"), self.match.label

    def label_row(self) -> LabelRow:
        """Return the row for the label table."""
        s_id, _, name = self.who.decode(errors="surrogateescape").partition(_DECODED_SEPARATOR)
        post_time, post_id, *text = self.latest
        matched = text[0] if text else name
        label, rule, _ = self.match
        return post_id, f"{s_id}_{name}", f"/{label}", post_time, s_id, matched, self.count, rule, self.slice


class WindowTally(ABC):
    """Adds up the rows of a window, or of a part of a window that is too large to hold."""

    def __init__(self, definition: Definition) -> None:
        self.received = 0
        """Rows read."""
        self._results_of = definition.sources.results_of
        self._authors: Collection[bytes] = ()
        self._votes: list[Vote] = []
        self._others: Counter[tuple[Vote, int]] = Counter()
        """The rows of votes that another pattern than the first decided about, by the pattern's number."""
        self._characters = 0

    @abstractmethod
    def add(self, rows: Sequence[InputRow]) -> None:
        """Add a batch of rows, in any order."""

    @property
    def full(self) -> bool:
        """Whether it is full: it must be written, and another begun."""
        entries = len(self._authors) + 3 * (len(self._votes) + len(self._others))
        return entries > _MAX_ENTRIES or self._characters > _MAX_CHARACTERS

    def label_rows(self) -> dict[str, Iterator[LabelRow]]:
        """Return the label rows by result: one for each (source_author, panel), of its latest row."""
        return {result: _label_rows(votes) for result, votes in self._votes_of.items()}

    def labelled_once(self) -> int:
        """Return how many rows got a label, each counted once."""
        return _count(self._votes)

    def hits(self) -> dict[str, Counter[int]]:
        """Return how many rows each pattern decided about, by result and its number. A row counts for each result."""
        found: dict[str, Counter[int]] = {}
        for result, votes in self._votes_of.items():
            rows = found[result] = Counter()
            for vote in votes:
                rows[vote.first.number] += vote.count
        for (vote, number), count in self._others.items():
            for result in self._results_of(_source(vote.who).decode()):
                found[result][vote.first.number] -= count
                found[result][number] += count
        return found

    def author_hashes(self) -> dict[tuple[str, int], AuthorHashes]:
        """Return the distinct (s_id, author) pairs of the rows read, by result and slice.

        Their hashes are the same on every worker. Among ten million authors, two share a hash with a probability
        of 3 in a million.
        """
        others: defaultdict[str, list[tuple[bytes, int]]] = defaultdict(list)
        for vote, number in self._others:
            for result in self._results_of(_source(vote.who).decode()):
                others[result].append((vote.who, number))
        packed: dict[tuple[str, int], AuthorHashes] = {}
        labelled, without_label = self._votes_of, self._by_result(self._authors_without_label(), _source)
        for result in labelled.keys() | without_label.keys():
            hashes = [array("Q") for _ in range(SLICES)]
            patterns = [array("I") for _ in range(SLICES)]
            votes = labelled.get(result, ())
            decided = chain(((vote.who, vote.first.number) for vote in votes), others[result])
            for who, number in decided:
                hash_ = xxh3_64_intdigest(who)
                hashes[hash_ % SLICES].append(hash_)
                patterns[hash_ % SLICES].append(number)
            for hash_ in map(xxh3_64_intdigest, without_label.get(result, ())):
                hashes[hash_ % SLICES].append(hash_)
            packed |= {
                (result, number): AuthorHashes(hashes[number].tobytes(), patterns[number].tobytes())
                for number in range(SLICES)
                if hashes[number]
            }
        return packed

    @abstractmethod
    def _authors_without_label(self) -> Iterable[bytes]:
        """Return the authors of whom no row got a label."""

    @cached_property
    def _votes_of(self) -> dict[str, list[Vote]]:
        """The votes by result. Not to be read before the last row is added."""
        return self._by_result(self._votes, _source_of_vote)

    def _by_result(self, items: Iterable[Item], source_of: Callable[[Item], bytes]) -> dict[str, list[Item]]:
        by_source: defaultdict[bytes, list[Item]] = defaultdict(list)
        for item in items:
            by_source[source_of(item)].append(item)
        by_result: defaultdict[str, list[Item]] = defaultdict(list)
        for source, of_source in by_source.items():
            for result in self._results_of(source.decode()):
                by_result[result] += of_source
        return by_result


class AuthorTally(WindowTally):
    """Matches author names. An author has the same label in each row, so it is decided once."""

    def __init__(self, definition: Definition, decide: Decide) -> None:
        super().__init__(definition)
        self._decide = decide
        self._authors: dict[bytes, Vote | None] = {}
        """The votes of the authors seen so far; None for an author that no pattern matches."""

    def add(self, rows: Sequence[InputRow]) -> None:
        """See WindowTally."""
        self.received += len(rows)
        authors = self._authors
        row_authors = [row[0] for row in rows]
        if new := list(set(row_authors).difference(authors)):
            self._decide_authors(new)
        votes = [authors[who] for who in row_authors]
        for row, vote in cast("Iterator[tuple[InputRow, Vote]]", compress(zip(rows, votes, strict=True), votes)):
            vote.count += 1
            if row[1:] > vote.latest:
                vote.latest = row[1:]

    def _decide_authors(self, new: Sequence[bytes]) -> None:
        names = [who[who.index(SEPARATOR) + 1 :].decode() for who in new]
        for who, match in zip(new, self._decide(names), strict=True):
            if match is None:
                self._authors[who] = None
            else:
                self._authors[who] = vote = Vote(who, match)
                self._votes.append(vote)

    def _authors_without_label(self) -> Iterable[bytes]:
        return [who for who, vote in self._authors.items() if vote is None]


class TextTally(WindowTally):
    """Matches a text of each row, so that an author may have votes for several labels."""

    def __init__(self, definition: Definition, decide: Decide) -> None:
        super().__init__(definition)
        self._decide = decide
        self._authors: set[bytes] = set()
        self._by_author_and_label: dict[tuple[bytes, str], Vote] = {}

    def add(self, rows: Sequence[InputRow]) -> None:
        """See WindowTally."""
        self.received += len(rows)
        self._authors.update(map(itemgetter(0), rows))
        matches = self._decide([row[3] for row in rows])
        labelled = cast("Iterator[tuple[InputRow, Match]]", compress(zip(rows, matches, strict=True), matches))
        for row, match in labelled:
            key = (row[0], match.label)
            vote = self._by_author_and_label.get(key)
            if vote is None:
                vote = self._by_author_and_label[key] = Vote(row[0], match)
                self._votes.append(vote)
            vote.count += 1
            if match is not vote.first:
                self._others[vote, match.number] += 1
            if row[1:] > vote.latest:
                self._characters += len(row[3]) - (len(vote.latest[2]) if vote.latest else 0)
                vote.latest = row[1:]
                vote.match = match  # the latest row names the pattern that decided about it

    def _authors_without_label(self) -> Iterable[bytes]:
        return self._authors.difference(vote.who for vote in self._votes)


def new_tally(definition: Definition, decide: Decide) -> WindowTally:
    """Return an empty tally for rows of a task."""
    kind = AuthorTally if definition.input.matches_author else TextTally
    return kind(definition, decide)


def unpack_authors(packed: AuthorHashes) -> "tuple[array[int], array[int]]":
    """Unpack the hashes and the pattern numbers that `author_hashes` packs."""
    hashes, patterns = array("Q"), array("I")
    hashes.frombytes(packed.authors)
    patterns.frombytes(packed.patterns)
    return hashes, patterns


def _source(who: bytes) -> bytes:
    return who[: who.index(SEPARATOR)]


def _source_of_vote(vote: Vote) -> bytes:
    return _source(vote.who)


def _count(votes: list[Vote]) -> int:
    """Return how many rows these votes stand for."""
    return sum(vote.count for vote in votes)


def _label_rows(votes: list[Vote]) -> Iterator[LabelRow]:
    for vote in votes:
        vote.slice = slice_of(vote.who.replace(SEPARATOR, b"_"))
    # In the order of their slices, so that production reads rows of one slice from neighbouring pages.
    votes.sort(key=attrgetter("slice"))
    if _may_collide({_source(vote.who) for vote in votes}):
        return (_merge([vote.label_row() for vote in same]) for _, same in groupby(sorted(votes, key=_KEY), key=_KEY))
    return map(Vote.label_row, votes)


def _may_collide(sources: set[bytes]) -> bool:
    """Return whether two authors may have the same source_author: "a" + "_" + "b_c" is "a_b" + "_" + "c".

    It is rare, and merging costs time, so a tally looks only at the sources.
    """
    return any(source[: mark.start()] in sources for source in sources for mark in re.finditer(b"_", source))


def _merge(rows: list[LabelRow]) -> LabelRow:
    latest = max(rows, key=itemgetter(3, 0, 5))
    return (*latest[:6], sum(row[6] for row in rows), *latest[7:])


_KEY = attrgetter("key")
