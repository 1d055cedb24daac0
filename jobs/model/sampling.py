"""Cluster samples: what is drawn with which chance, and shares estimated from it with honest intervals.

A sample of single rows would cost a search for each, so clusters of a few neighbouring rows are drawn. The
cells of the table that they are drawn from are chosen in proportion to an estimate of their rows, with
replacement (Hansen and Hurwitz, "On the Theory of Sampling from Finite Populations", 1943; Cochran, "Sampling
Techniques", 3rd edition, chapter 9A). The chance of each cluster is known exactly, however wrong the estimates
are: they make intervals wider, not wrong. Draws are spread evenly over the table, which the intervals do not
count on: where labels change over time, they are wider than they need be.
"""

import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from jobs.model.input_table import InputTable
from jobs.model.tally import InputRow
from patterns.intervals import Share, Z, t_quantile, wilson


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of an axis, from `low` up to but not including `high`, with about `rows` rows."""

    low: int
    high: int
    rows: int

    def halves(self, grain: int) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Return the bounds of its two halves, cut at a multiple of the grain. None if there is none inside."""
        middle = (self.low + self.high) // 2 // grain * grain
        if middle <= self.low:
            middle += grain
        return ((self.low, middle), (middle, self.high)) if middle < self.high else None

    def parts(self, grain: int, rows: float) -> int:
        """Return into how many equal parts of about this many rows it can be cut, at multiples of the grain."""
        return max(1, min(round(self.rows / rows), (self.high - self.low) // grain))

    def part(self, number: int, count: int, grain: int) -> tuple[int, int]:
        """Return the bounds of one of `count` parts. Parts do not overlap, and leave nothing out."""
        return self._cut(number, count, grain), self._cut(number + 1, count, grain)

    def _cut(self, number: int, count: int, grain: int) -> int:
        if number == count:
            return self.high
        return self.low + (self.high - self.low) * number // count // grain * grain


def draw_cells(cells: Sequence[Cell], count: int, rng: random.Random) -> Iterator[Cell]:
    """Draw cells, each with a chance in proportion to its rows, one from each of equal stretches of the axis."""
    ends = list(accumulate(cell.rows for cell in cells))
    for number in range(count):
        yield cells[bisect_right(ends, (number + rng.random()) * ends[-1] / count)]


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """The rows that a sample is drawn from, and how many are wanted."""

    table: InputTable
    start: datetime
    end: datetime
    rows: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """Rows that one draw gives, in the order of `InputTable.select`, and the chance of this draw."""

    chance: float
    rows: Sequence[InputRow]


@dataclass(frozen=True, slots=True)
class Batch:
    """A part of a sample. All batches so far are a fair, smaller sample."""

    clusters: Sequence[Cluster]
    done: float
    """How much of the sample has been drawn, up to 1."""
    everything: bool = False
    """Whether the batches are all rows of the range, rather than a sample."""


# With few hits, the few clusters that have them decide; Wilson's interval already allows for that.
_FEWEST_DEGREES = 8.0

Key = tuple[str, ...]
"""What rows are counted by, such as ("panel", "/female")."""


class ShareEstimator:
    """Estimates shares of rows from clusters that were drawn independently, each with a known chance.

    The share of rows with one property among those with another is a ratio of two estimated totals. Its
    variance is the jackknife's, over whole clusters (Wolter, "Introduction to Variance Estimation", 2nd
    edition, chapter 4), so that neighbouring rows that are alike widen the interval as they must. The
    interval is Wilson's, for the number of independent rows that would have this variance, fewer if few clusters
    decide about the variance (recommended by Franco, Little, Louis and Slud, "Comparative Study of Confidence
    Intervals for Proportions in Complex Sample Surveys", 2019).
    """

    def __init__(self) -> None:
        self._weights: list[float] = []
        self._counts: defaultdict[Key, dict[int, int]] = defaultdict(dict)

    @property
    def clusters(self) -> int:
        """How many clusters were added."""
        return len(self._weights)

    def add(self, chance: float, counts: Mapping[Key, int]) -> None:
        """Add a cluster that a draw gives with this chance, with how many of its rows count for each key."""
        number = len(self._weights)
        self._weights.append(1 / chance)
        for key, count in counts.items():
            if count:
                self._counts[key][number] = count

    def count(self, key: Key) -> int:
        """Return how many rows of the sample count for a key."""
        return sum(self._counts[key].values()) if key in self._counts else 0

    def share(self, part: Key, whole: Key) -> Share:
        """Return the share of the rows of `whole` that count for `part` too, as estimated for the population."""
        wholes, parts, weights = self._counts.get(whole, {}), self._counts.get(part, {}), self._weights
        if wholes and not parts and len(weights) > 1:  # as below, but at once: most of a thousand labels have no row
            return wilson(0.0, len(wholes))
        total = sum(weights[number] * count for number, count in wholes.items())
        rows = sum(wholes.values())
        if not total or len(weights) < 2:
            return Share(None, 0.0, 1.0)
        share = sum(weights[number] * count for number, count in parts.items()) / total
        squares: list[float] = []
        for number in wholes.keys() | parts:
            weight, rows_in = weights[number] / total, wholes.get(number, 0)
            # By this the share without the cluster differs from the share.
            squares.append((weight * (parts.get(number, 0) - share * rows_in) / max(1 - weight * rows_in, 0.5)) ** 2)
        variance = sum(squares) * (len(weights) - 1) / len(weights)
        # Where all clusters agree, nothing is known about how alike the rows of a cluster are: each counts once.
        effective: float = len(wholes)
        if variance > 0:
            degrees = min(max(_deciding_clusters(squares), _FEWEST_DEGREES), len(weights) - 1)
            effective = min(share * (1 - share) / variance, rows) * (Z / t_quantile(degrees)) ** 2
        return wilson(min(share, 1.0) * effective, effective)


def _deciding_clusters(squares: Sequence[float]) -> float:
    """Return how many clusters decide about the sum of these squares, if each of them had an equal part of it.

    Rows of few authors, or of a short time, are in few clusters, and a variance known from these is uncertain. Rather
    too few than too many: for squares of normal deviations, it is a third of their number.
    """
    return float(sum(squares) ** 2 / sum(square**2 for square in squares))


def exact(part: int, whole: int) -> Share:
    """Return a share of rows that were all read: it has no error."""
    return Share(part / whole, part / whole, part / whole) if whole else Share(None, 0.0, 1.0)
