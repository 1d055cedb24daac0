"""Units: the parts that a production job is cut into, each claimed and committed as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from xxhash import xxh3_64_intdigest

LABEL_SLICES = 1_024
"""How many slices the authors of a label table are spread over."""

# The grouped rows of such a unit fit into the 16 MB that MariaDB by default gives a temporary table in
# memory, and its statement takes about a second.
UNIT_LABEL_ROWS = 100_000

SHARED_LABEL_ROWS = 10_000
"""A result with more label rows than this has two units, so that two workers share it."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The label rows of one result whose slice is between two, both included; `number` counts from 1."""

    number: int
    result: str
    first_slice: int
    last_slice: int

    @property
    def whole(self) -> bool:
        """Whether it has all slices."""
        return (self.first_slice, self.last_slice) == (0, LABEL_SLICES - 1)


def slice_of(source_author: bytes) -> int:
    """Return the slice of an author's label rows, from source_author in UTF-8: the same on every worker."""
    return xxh3_64_intdigest(source_author) % LABEL_SLICES


def whole(result: str) -> Unit:
    """Return a unit of all slices of a result."""
    return Unit(1, result, 0, LABEL_SLICES - 1)


def plan_units(label_rows: Mapping[str, int]) -> Sequence[Unit]:
    """Return units that cover the slices of every result exactly once, from the number of its label rows.

    The largest result comes first, so that its last unit does not run alone.
    """
    units: list[Unit] = []
    for result in sorted(label_rows, key=lambda result: (-label_rows[result], result)):
        least = 2 if label_rows[result] > SHARED_LABEL_ROWS else 1
        count = min(max(-(-label_rows[result] // UNIT_LABEL_ROWS), least), LABEL_SLICES)
        edges = [LABEL_SLICES * number // count for number in range(count + 1)]
        for first, end in pairwise(edges):
            units.append(Unit(len(units) + 1, result, first, end - 1))
    return units
