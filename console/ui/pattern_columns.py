"""The columns of a file's patterns: what they show, what they sort by, and which of them fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rich.text import Text

from console.figures import short_number
from console.highlight import visible
from console.ui.formatting import cell
from patterns.evaluation import PatternFigures
from patterns.hits import PatternHits
from patterns.intervals import Share
from patterns.pattern_set import Pattern

Source = Literal["file", "keywords", "sample", "gold", "task"]
"""Where the value of a column comes from: any file, one of keywords, a preview, an evaluation, or a task."""

_GAP = 2
_LEAST_PATTERN = 12


class TaskCounts(NamedTuple):
    """What a pattern decided in a task. A post counts for each result of its source."""

    rows: int
    authors: int


@dataclass(frozen=True, slots=True)
class PatternRow:
    """A line of a pattern file, with what is known about it. Figures that are not known are None."""

    line: int
    pattern: Pattern
    warnings: int = 0
    sample: PatternHits | None = None
    """What it did to the posts of a preview."""
    gold: PatternFigures | None = None
    """What it decided in the gold file."""
    task: TaskCounts | None = None
    """What it decided in a task."""

    @property
    def precision(self) -> Share | None:
        """The share of the gold texts that it decided about that it is right about."""
        return self.gold.precision if self.gold else None


Order = int | float | str | None


@dataclass(frozen=True)
class Column:
    """A column. Rows without a value are sorted to the end."""

    label: str
    key: str
    """Sorts by it, with shift."""
    width: int
    order: Callable[[PatternRow], Order]
    show: Callable[[PatternRow], Text]
    source: Source = "file"
    rank: int = 0
    """A narrow table keeps the columns of the lowest ranks."""
    descends: bool = True
    """Whether it sorts the greatest first, unless the order is reversed."""


def _count(value: int | None) -> Text:
    return cell(short_number(value), "muted" if value == 0 else "", right=True)


def _decided(row: PatternRow) -> int | None:
    return row.gold.decided if row.gold else None


def _hits_column(label: str, key: str, width: int, read: Callable[[PatternHits], int], rank: int = 0) -> Column:
    def value(row: PatternRow) -> int | None:
        return read(row.sample) if row.sample else None

    return Column(label, key, width, value, lambda row: _count(value(row)), "sample", rank)


def _percent(share: Share | None) -> Text:
    if share is None or share.value is None:
        return cell("")
    shown = "100" if share.value == 1 else f"{100 * share.value:.1f}"
    return cell(shown, "failed" if share.high < _DOUBTFUL else "", right=True)


# A pattern whose precision is certainly lower stands out.
_DOUBTFUL = 0.9

LINE = Column("line", "L", 5, lambda row: row.line, lambda row: cell(row.line, "muted", right=True), descends=False)
PATTERN = Column(
    "pattern", "P", 0, lambda row: row.pattern.text, lambda row: cell(visible(row.pattern.text)), descends=False
)
COLUMNS = (
    LINE,
    Column(
        "!",
        "exclamation_mark",
        1,
        lambda row: row.warnings or None,
        lambda row: cell("!" if row.warnings else "", "bold waiting"),
    ),
    PATTERN,
    Column(
        "match",
        "M",
        9,
        lambda row: row.pattern.match_type,
        lambda row: cell(row.pattern.match_type, "muted"),
        source="keywords",
        rank=6,
        descends=False,
    ),
    _hits_column("hits", "H", 5, lambda hits: hits.hits),
    _hits_column("decided", "D", 7, lambda hits: hits.decided, rank=1),
    _hits_column("alone", "A", 5, lambda hits: hits.alone, rank=4),
    _hits_column("confl", "C", 5, lambda hits: hits.conflicts, rank=5),
    Column("gold", "O", 5, _decided, lambda row: _count(_decided(row)), source="gold", rank=3),
    Column(
        "prec%",
        "R",
        5,
        lambda row: row.precision.value if row.precision else None,
        lambda row: _percent(row.precision),
        source="gold",
        rank=2,
    ),
    Column(
        "task",
        "T",
        5,
        lambda row: row.task.rows if row.task else None,
        lambda row: _count(row.task.rows if row.task else None),
        source="task",
        rank=2,
    ),
    Column(
        "authors",
        "U",
        7,
        lambda row: row.task.authors if row.task else None,
        lambda row: _count(row.task.authors if row.task else None),
        source="task",
        rank=5,
    ),
)


def columns_for(width: int, sources: Sequence[Source]) -> dict[Column, int]:
    """Return the columns of these sources that fit, with their widths. The pattern gets the remaining width."""
    shown = [column for column in COLUMNS if column.source in sources]
    while (rest := width - sum(column.width + _GAP for column in shown)) < _LEAST_PATTERN:
        last = max(shown, key=lambda column: column.rank)
        if not last.rank:
            break
        shown.remove(last)
    return {column: max(rest, _LEAST_PATTERN) if column is PATTERN else column.width for column in shown}


def sort_rows(rows: Sequence[PatternRow], column: Column, descending: bool) -> list[PatternRow]:
    """Return the rows in the order of a column; equal ones, and those without a value, by line."""
    known = [row for row in rows if column.order(row) is not None]
    unknown = [row for row in rows if column.order(row) is None]
    return sorted(known, key=column.order, reverse=descending) + unknown  # type: ignore[arg-type]
