"""The input table as a task reads it."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Literal

from pydantic import StringConstraints, TypeAdapter, ValidationError

from jobs.model.task_request import Identifier
from jobs.model.windows import Piece
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


# Not `\w`: compiling a repetition of all the letters of Unicode takes 20 ms.
TimeZone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_/:+-]{1,64}$")]


@dataclass(frozen=True)
class InputColumn:
    """A column that a task reads."""

    name: Identifier
    """As the table spells it."""
    kind: Literal["utf8", "text", "integer", "decimal", "other"]
    """`utf8` is a text in UTF-8, `text` one in another character set. `other` has a canonical text."""
    width: int | None
    """The maximum number of characters; None for any number."""
    decimals: int = 0
    """The digits after the point of a decimal."""


@dataclass(frozen=True)
class InputTable:
    """An input table as one task reads it. It is data only: the queries are built where it is read."""

    schema: Identifier
    table: Identifier
    id: InputColumn
    s_id: InputColumn
    author: InputColumn
    matched: InputColumn
    """The column to match: the author, or another one."""
    key: InputColumn | None
    """The column that leads the primary key, if windows can be cut by it."""
    time_index: Identifier | None
    """The index that post_time leads."""
    time_decimals: int
    time_zone: TimeZone | None
    """The zone, such as +08:00, in which the times of a TIMESTAMP are read; None for a column without zone."""
    unique_id: bool
    """Whether no two rows that a task reads can have the same id."""

    def __post_init__(self) -> None:
        """Raise ValueError for a column that no task reads: the definition may come from a foreign hand."""
        expected = {"id": self.id, "s_id": self.s_id, "author": self.author}
        wrong = [name for name, column in expected.items() if column.name.lower() != name]
        if wrong or self.matched.name.lower() not in COLUMN_OF.values():
            raise ValueError(f"not the column of {', '.join(wrong) or 'a predict type'}")

    @property
    def matches_author(self) -> bool:
        """Whether the author's name is what is matched."""
        return self.matched == self.author

    @property
    def source_author_width(self) -> int | None:
        """The width of `s_id` + `_` + `author`."""
        if self.s_id.width is None or self.author.width is None:
            return None
        return self.s_id.width + 1 + self.author.width

    def to_json(self) -> bytes:
        """Return the form stored with a task."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "InputTable":
        """Invert `to_json`. Raises ValueError."""
        try:
            return _adapter().validate_json(data)
        except ValidationError as error:
            (fault, *_) = error.errors(include_url=False)
            place = ".".join(map(str, fault["loc"]))
            raise ValueError(
                f"the stored input table is damaged, or of another release: {place}: {fault['msg']}"
            ) from error


@cache
def _adapter() -> TypeAdapter[InputTable]:
    """Return what validates the stored form: only workers need it, so only they wait until it is built."""
    return TypeAdapter(InputTable)


SCAN_COST = 1 / 3
"""What a row costs if rows are read in the order of the primary key; through the index on post_time it costs 1."""


@dataclass(frozen=True)
class RangeEstimate:
    """How many rows a range has, and how they are spread."""

    rows: int
    """About how many; without an index on post_time, those of the whole table."""
    table_rows: int
    """Rows of the whole table, by its statistics."""
    first: datetime | None = None
    """When the first row was posted; None without an index on post_time."""
    last: datetime | None = None
    pieces: tuple[Piece[datetime], ...] = ()
    """The parts of the range; none without an index on post_time."""

    def favours_scan(self, table: InputTable) -> bool:
        """Return whether key windows, each scanned in the order of the primary key, cost less than time windows."""
        large = self.rows >= self.table_rows * SCAN_COST
        return table.key is not None and (table.time_index is None or large)
