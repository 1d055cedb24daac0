"""What a window comes to: rows in, votes for each (source_author, panel) out. Pure; knows no database."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import itemgetter
from typing import Any, cast

import numpy
from xxhash import xxh3_64_intdigest

from jobs.definition import Definition
from patterns.matcher import Match, Matcher

InputRow = tuple[Any, ...]
"""id, s_id, author, post_time (as MariaDB writes it, so that it sorts as text), and maybe the text."""

LabelRow = tuple[str, str, str, str, str, str, int, str]
"""id, source_author, panel, create_time, field_content, match_content, votes, rule."""

# How many texts a worker remembers the label of. Past it, it starts to remember afresh.
_MEMORY_TEXTS = 100_000


class Decisions(dict[str, Match | None]):
    """The labels of texts, each decided once: the same author comes again and again."""

    def __init__(self, matcher: Matcher) -> None:
        super().__init__()
        self.match = matcher.match

    def __missing__(self, text: str) -> Match | None:
        if len(self) >= _MEMORY_TEXTS:
            self.clear()
        match = self[text] = self.match(text)
        return match


@dataclass(frozen=True)
class ResultTally:
    """What one window has for one result."""

    received: int
    """Rows read."""
    labelled: int
    """Rows that got a label."""
    authors: bytes
    """The distinct (s_id, author) of the rows read: their hashes, ascending, as little-endian uint64."""


class WindowTally:
    """Adds up the rows of one window."""

    def __init__(self, definition: Definition, decide: Callable[[str], Match | None]) -> None:
        self._sources = definition.sources
        self._text_of = itemgetter(definition.input.text_index)
        self._decide = decide
        # By (s_id, author): how many rows.
        self._received: Counter[tuple[str, str]] = Counter()
        # By (s_id, author, label): how many rows, the latest of them, and what decided about it.
        self._votes: dict[tuple[str, str, str], tuple[int, InputRow, Match]] = {}

    def add(self, rows: Sequence[InputRow]) -> None:
        """Takes in a batch of rows, in any order."""
        self._received.update(map(itemgetter(1, 2), rows))
        votes = self._votes
        matches = list(map(self._decide, map(self._text_of, rows)))
        labelled = cast("Iterator[tuple[InputRow, Match]]", compress(zip(rows, matches, strict=True), matches))
        for row, match in labelled:
            key = (row[1], row[2], match.label)
            vote = votes.get(key)
            if vote is None:
                votes[key] = (1, row, match)
            # Rows come mostly in the order of their times: asking that first decides nearly always.
            elif row[3] > vote[1][3] or self._order(row) > self._order(vote[1]):
                votes[key] = (vote[0] + 1, row, match)
            else:
                votes[key] = (vote[0] + 1, *vote[1:])

    def label_rows(self) -> dict[str, list[LabelRow]]:
        """The label rows by result: one for each (source_author, panel), of its latest row."""
        rows: defaultdict[str, list[LabelRow]] = defaultdict(list)
        for source_author, votes, row, match in self._merged():
            post_id, s_id, _, post_time, *_ = row
            panel = f"/{match.label}"
            label_row = (
                str(post_id),
                source_author,
                panel,
                post_time,
                s_id,
                self._text_of(row),
                votes,
                match.rule,
            )
            rows[self._sources.result_of(s_id)].append(label_row)
        return dict(rows)

    def results(self) -> dict[str, ResultTally]:
        """The numbers of each result that rows were read of."""
        received: Counter[str] = Counter()
        labelled: Counter[str] = Counter()
        hashes: defaultdict[str, list[int]] = defaultdict(list)
        for (s_id, author), count in self._received.items():
            result = self._sources.result_of(s_id)
            received[result] += count
            hashes[result].append(author_hash(s_id, author))
        for (s_id, _, _), vote in self._votes.items():
            labelled[self._sources.result_of(s_id)] += vote[0]
        return {result: ResultTally(received[result], labelled[result], _pack(hashes[result])) for result in received}

    def _order(self, row: InputRow) -> tuple[Any, ...]:
        return row[3], row[0], self._text_of(row)

    def _merged(self) -> Iterator[tuple[str, int, InputRow, Match]]:
        """The votes by (result, source_author, label).

        Different (s_id, author) may be written the same: "a" + "_" + "b_c" and "a_b" + "_" + "c".
        """
        merged: dict[tuple[str, str, str], tuple[int, InputRow, Match]] = {}
        for (s_id, author, label), vote in self._votes.items():
            key = (self._sources.result_of(s_id), f"{s_id}_{author}", label)
            other = merged.get(key)
            if other is not None:
                latest = max(vote, other, key=lambda candidate: self._order(candidate[1]))
                vote = (vote[0] + other[0], *latest[1:])
            merged[key] = vote
        for (_, source_author, _), (votes, row, match) in merged.items():
            yield source_author, votes, row, match


def author_hash(s_id: str, author: str) -> int:
    """64 bits that stand for an author of a source, the same on every worker.

    Among ten million authors two share their bits with a probability of 3 in a million.
    """
    # 0xff is in no UTF-8 text, so no two pairs are hashed from the same bytes.
    return xxh3_64_intdigest(s_id.encode() + b"\xff" + author.encode())


def unite_authors(before: bytes, packed: Sequence[bytes]) -> bytes:
    """The distinct authors of several windows together, packed as one window's are."""
    arrays = [numpy.frombuffer(hashes, dtype="<u8") for hashes in (before, *packed)]
    return numpy.unique(numpy.concatenate(arrays)).tobytes()


def count_authors(packed: bytes) -> int:
    """How many authors these are."""
    return len(packed) // 8


def _pack(hashes: list[int]) -> bytes:
    return numpy.unique(numpy.array(hashes, dtype="<u8")).tobytes()
