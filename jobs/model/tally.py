"""Tallies: the rows of a window in, votes for each (source_author, panel) out."""

import re
from abc import ABC, abstractmethod
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, compress, groupby
from operator import itemgetter
from typing import Any, cast

from xxhash import xxh3_64_intdigest

from jobs.model.definition import Definition
from jobs.model.input_table import SEPARATOR
from jobs.model.units import slice_of
from patterns.match import Match, Matcher

InputRow = tuple[Any, ...]
"""who, post_time (as MariaDB writes it, so that it sorts as text), id, and the text unless that is the author.

`who` is the row's source and author in one: UTF-8, with SEPARATOR between them.
"""

LabelRow = tuple[str | int, str, str, str, str, str, int, str, int]
"""id, source_author, panel, create_time, field_content, match_content, votes, rule, slice."""

Decide = Callable[[Sequence[str]], Sequence[Match | None]]
"""Returns the decision on each text."""

# So that memory does not grow with the rows or the authors of a window: with more votes, longer texts or more hashes, a
# tally is written and another begun; with more authors who have no vote, only the hashes of these are kept.
_MAX_VOTES = 50_000
_MAX_CHARACTERS = 3_000_000
_MAX_AUTHORS = 85_000
_MAX_HASHES = 1_000_000

# How many texts a worker caches the label of before it begins another cache.
_CACHED_TEXTS = 20_000

# The distinct authors of a task are counted one bucket of their hashes at a time, to bound memory.
BUCKETS = 64


class Decisions:
    """A cache of the labels of texts that repeat."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher
        self._cache: dict[str, Match | None] = {}

    def decide(self, texts: Sequence[str]) -> list[Match | None]:
        """Return the decision on each text. Several threads may call it."""
        cache = self._cache
        if len(cache) > _CACHED_TEXTS:
            cache = self._cache = {}  # not emptied, because another thread may be about to look into it
        new = list(set(texts).difference(cache))
        cache.update(zip(new, self.matcher.match_all(new), strict=True))
        return [cache[text] for text in texts]


@dataclass(frozen=True, slots=True)
class AuthorHashes:
    """Authors of one result and bucket, by 64-bit hashes, packed. Labelled ones come first."""

    authors: bytes
    """Every author; a labelled one once for each pattern that decided about rows of theirs."""
    patterns: bytes
    """The numbers of these patterns: the first one belongs to the first author, and so on."""


class Vote:
    """The rows of an author that got the same label: their number, and the latest of them."""

    __slots__ = ("count", "first", "id", "match", "post_time", "text", "who")

    def __init__(self, who: bytes, match: Match) -> None:
        self.who = who
        self.first = match
        """What decided about its first row."""
        self.count = 0
        self.match = match
        """What decided about the latest row."""
        self.post_time = ""
        self.id: Any = None
        self.text: str | None = None
        """The text of the latest row; None if that is the author's name."""


class WindowTally(ABC):
    """Adds up the rows of a window, or of a part of a window that is too large to hold."""

    def __init__(self, definition: Definition) -> None:
        self.received = 0
        """Rows read."""
        self._results_of = definition.sources.results_of
        self._votes: list[Vote] = []
        self._authors: set[bytes] = set()
        """The authors seen whose hashes it does not keep yet. Those with a vote may be missing."""
        self._others: Counter[tuple[Vote, int]] = Counter()
        """The rows of votes that another pattern than the first decided about, by the pattern's number."""
        self._hashes: defaultdict[bytes, array[int]] = defaultdict(_new_hashes)
        """The hashes of authors that it has forgotten, by source. Some occur more than once."""
        self._forgotten = 0
        """How many hashes these are."""
        self._characters = 0

    @abstractmethod
    def add(self, rows: Sequence[InputRow]) -> None:
        """Add a batch of rows, in any order."""

    @property
    def full(self) -> bool:
        """Whether it is full: it must be written, and another begun."""
        votes = len(self._votes) + len(self._others)
        return votes > _MAX_VOTES or self._characters > _MAX_CHARACTERS or self._forgotten > _MAX_HASHES

    def label_rows(self) -> dict[str, Iterator[LabelRow]]:
        """Return the label rows by result: one for each (source_author, panel), of its latest row."""
        return {
            result: _distinct({source: _label_rows(source, self._votes_of[source]) for source in sources})
            for result, sources in self._sources_by_result(self._votes_of).items()
        }

    def labelled_once(self) -> int:
        """Return how many rows got a label, each counted once."""
        return sum(vote.count for vote in self._votes)

    def hits(self) -> dict[str, Counter[int]]:
        """Return how many rows each pattern decided about, by result and its number. A row counts for each result."""
        of_source: defaultdict[bytes, Counter[int]] = defaultdict(Counter)
        for source, votes in self._votes_of.items():
            rows = of_source[source]
            for vote in votes:
                rows[vote.first.number] += vote.count
        for (vote, number), count in self._others.items():
            rows = of_source[_source(vote.who)]
            rows[vote.first.number] -= count
            rows[number] += count
        found: dict[str, Counter[int]] = {}
        for result, sources in self._sources_by_result(of_source).items():
            found[result] = Counter()
            for source in sources:
                found[result].update(of_source[source])
        return found

    def author_hashes(self) -> dict[tuple[str, int], AuthorHashes]:
        """Return the distinct (s_id, author) pairs of the rows read, by result and bucket.

        Their hashes are the same on every worker. Among ten million authors, two share a hash with a probability
        of 3 in a million.
        """
        self._forget_authors()
        others: defaultdict[bytes, list[tuple[bytes, int]]] = defaultdict(list)
        for vote, number in self._others:
            others[_source(vote.who)].append((vote.who, number))
        packed: dict[tuple[str, int], AuthorHashes] = {}
        for result, sources in self._sources_by_result([*self._votes_of, *self._hashes]).items():
            hashes = [array("Q") for _ in range(BUCKETS)]
            patterns = [array("I") for _ in range(BUCKETS)]
            for source in sources:
                decided = ((vote.who, vote.first.number) for vote in self._votes_of.get(source, ()))
                for who, number in chain(decided, others[source]):
                    hash_ = xxh3_64_intdigest(who)
                    hashes[hash_ % BUCKETS].append(hash_)
                    patterns[hash_ % BUCKETS].append(number)
            append = [of_bucket.append for of_bucket in hashes]
            for source in sources:
                for hash_ in self._hashes.get(source, ()):
                    append[hash_ % BUCKETS](hash_)
            packed |= {
                (result, number): AuthorHashes(hashes[number].tobytes(), patterns[number].tobytes())
                for number in range(BUCKETS)
                if hashes[number]
            }
        return packed

    def _forget_authors(self) -> None:
        """Keep only the hashes of the authors without a vote, which take a tenth of the memory."""
        hashes = self._hashes
        self._authors.difference_update(vote.who for vote in self._votes)
        for who in self._authors:
            hashes[who[: who.index(SEPARATOR)]].append(xxh3_64_intdigest(who))
        self._forgotten += len(self._authors)
        self._authors.clear()

    @cached_property
    def _votes_of(self) -> dict[bytes, list[Vote]]:
        """The votes by source. Not to be read before the last row is added."""
        votes_of: defaultdict[bytes, list[Vote]] = defaultdict(list)
        for vote in self._votes:
            votes_of[_source(vote.who)].append(vote)
        return dict(votes_of)

    def _sources_by_result(self, sources: Iterable[bytes]) -> dict[str, list[bytes]]:
        by_result: defaultdict[str, list[bytes]] = defaultdict(list)
        for source in dict.fromkeys(sources):
            for result in self._results_of(source.decode(errors="surrogatepass")):
                by_result[result].append(source)
        return by_result


class AuthorTally(WindowTally):
    """Matches author names. An author has the same label in each row, so it is decided once."""

    def __init__(self, definition: Definition, decide: Decide) -> None:
        super().__init__(definition)
        self._decide = decide
        self._vote_of: dict[bytes, Vote] = {}

    def add(self, rows: Sequence[InputRow]) -> None:
        """See WindowTally."""
        self.received += len(rows)
        row_authors = [row[0] for row in rows]
        if new := list(set(row_authors).difference(self._vote_of, self._authors)):
            self._decide_authors(new)
        votes = list(map(self._vote_of.get, row_authors))
        for row, vote in cast("Iterator[tuple[InputRow, Vote]]", compress(zip(rows, votes, strict=True), votes)):
            vote.count += 1
            _, post_time, post_id = row
            if post_time > vote.post_time or (post_time == vote.post_time and post_id > vote.id):
                vote.post_time, vote.id = post_time, post_id
        if len(self._authors) > _MAX_AUTHORS:
            self._forget_authors()  # one that occurs again is decided about again

    def _decide_authors(self, new: Sequence[bytes]) -> None:
        # MariaDB takes halves of surrogate pairs, which are no UTF-8, for characters.
        matches = self._decide([who.split(SEPARATOR, 1)[1].decode(errors="surrogatepass") for who in new])
        self._authors.update(who for who, match in zip(new, matches, strict=True) if match is None)
        for who, match in cast("Iterator[tuple[bytes, Match]]", compress(zip(new, matches, strict=True), matches)):
            self._vote_of[who] = vote = Vote(who, match)
            self._votes.append(vote)


class TextTally(WindowTally):
    """Matches a text of each row, so that an author may have votes for several labels."""

    def __init__(self, definition: Definition, decide: Decide) -> None:
        super().__init__(definition)
        self._decide = decide
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
            _, post_time, post_id, text = row
            if post_time > vote.post_time or (
                post_time == vote.post_time and (post_id, text) > (vote.id, vote.text or "")
            ):
                self._characters += len(text) - len(vote.text or "")
                vote.post_time, vote.id, vote.text = post_time, post_id, text
                vote.match = match
        if len(self._authors) > _MAX_AUTHORS:
            self._forget_authors()


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


def _new_hashes() -> "array[int]":
    return array("Q")


def _source(who: bytes) -> bytes:
    return who[: who.index(SEPARATOR)]


def _label_rows(source: bytes, votes: Iterable[Vote]) -> Iterator[LabelRow]:
    """Yield the rows of a source's votes, in the order of their slices, so that rows of a slice are neighbours."""
    prefix, start = source + b"_", len(source) + 1
    slices = [slice_of(prefix + vote.who[start:]) for vote in votes]
    s_id, before = source.decode(errors="surrogateescape"), prefix.decode(errors="surrogateescape")
    for slice_, vote in sorted(zip(slices, votes, strict=True), key=itemgetter(0)):
        name = vote.who[start:].decode(errors="surrogateescape")
        matched = name if vote.text is None else vote.text
        label, rule, _ = vote.match
        yield vote.id, before + name, f"/{label}", vote.post_time, s_id, matched, vote.count, rule, slice_


def _distinct(rows_of: Mapping[bytes, Iterator[LabelRow]]) -> Iterator[LabelRow]:
    """Merge rows with the same source_author and panel.

    Two sources may have them: "a" + "_" + "b_c" is "a_b" + "_" + "c". It is rare, and merging costs time, so only
    such sources are merged.
    """
    rows = chain.from_iterable(rows_of.values())
    if any(source[: mark.start()] in rows_of for source in rows_of for mark in re.finditer(b"_", source)):
        return (_merge(list(same)) for _, same in groupby(sorted(rows, key=_KEY), key=_KEY))
    return rows


def _merge(rows: Sequence[LabelRow]) -> LabelRow:
    latest = max(rows, key=itemgetter(3, 0, 5))
    return (*latest[:6], sum(row[6] for row in rows), *latest[7:])


# In a label row: slice, source_author, panel.
_KEY = itemgetter(8, 1, 2)
