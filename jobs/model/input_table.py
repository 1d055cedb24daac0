"""The input table as a task reads it."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from patterns.pattern_set import PredictType

COLUMN_OF: dict[PredictType, str] = {
    "author_name": "author",
    "s_area_id": "s_area_id",
    "title": "title",
    "content": "content",
}

# Separates the source and the author of a row, which are read as one value: deciding about one
# value is cheaper than about two. No UTF-8 text holds this byte, so no two pairs give the same bytes.
SEPARATOR = b"\xff"


@dataclass(frozen=True)
class InputTable:
    """An input table as one task reads it. Widths are in characters; None holds a text of any length."""

    schema: str
    table: str
    select: tuple[str, ...]
    """The SQL expressions to read, in the order of tally.InputRow."""
    text: str
    """The column to match."""
    key: str | None
    """The column that leads the primary key, if windows can be cut by it."""
    id_width: int | None
    s_id_width: int | None
    author_width: int | None
    text_width: int | None
    time_decimals: int
    integer_id: bool
    """Whether ids compare as numbers."""
    unique_id: bool
    """Whether no two rows can have the same id."""

    @property
    def source_author_width(self) -> int | None:
        """The width of `s_id` + `_` + `author`."""
        return None if self.s_id_width is None or self.author_width is None else self.s_id_width + 1 + self.author_width

    def to_json(self) -> bytes:
        """Return the form stored with a task."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "InputTable":
        """Invert `to_json`."""
        content = json.loads(data)
        return cls(**content | {"select": tuple(content["select"])})


# A scan in the order of the primary key costs a third of a read through the index on post_time.
_SCAN_COST = 1 / 3


@dataclass(frozen=True)
class RangeEstimate:
    """How many rows a range has, by the optimizer's estimate, and when the first and the last were posted."""

    estimated_rows: int
    table_rows: int
    """Rows of the whole table, by its statistics."""
    indexed: bool
    """Whether an index on post_time makes it cheap to read a part of the range."""
    first: datetime | None
    last: datetime | None

    def favours_scan(self, table: InputTable) -> bool:
        """Return whether key windows, each scanned in the order of the primary key, cost less than time windows."""
        large = self.estimated_rows >= self.table_rows * _SCAN_COST
        return table.key is not None and (not self.indexed or large)
