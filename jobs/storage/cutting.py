"""Cutting a range into windows of equal numbers of rows, without reading the rows.

The optimizer estimates the rows of a part of an index from a few of its pages, in a fraction of a millisecond.
Its estimates of large parts are wrong by the same factor: InnoDB doubles those of an index that is three pages
deep or more (btr_estimate_n_rows_in_range). So a range is divided until its parts are small, and the rows of a few
of them are counted to learn the factor.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Generic

from jobs.model.input_table import InputTable, RangeEstimate
from jobs.model.windows import TICK, Key, Piece, Point, quantiles
from jobs.storage.connection import Session, quote
from jobs.storage.input_table import as_time

# A range is divided into this many pieces at least, and a window consists of this many.
_PIECES = 16
_PIECES_OF_A_WINDOW = 4
# So few rows are counted, not estimated, if they make one window.
_COUNTED_ROWS = 20_000
_COUNTED_PIECES = 3
_MOST_COUNTED_ROWS = 400_000

# No estimate of a partitioned table is below a row for each partition, so not even an empty piece may get small. One
# or two halvings may lessen nothing elsewhere, because no estimate is above half of the table.
_FUTILE_HALVINGS = 4

_EXPLAINED_AT_ONCE = 50
_SAMPLES_OF_A_WINDOW = 16
_SAMPLED_AT_ONCE = 100


async def estimate_range(
    session: Session, table: InputTable, start: datetime, end: datetime, window_rows: int
) -> RangeEstimate:
    """Estimate the rows of a range, and how they are spread. Takes tens of milliseconds."""
    row = await session.row(
        "SELECT table_rows FROM information_schema.tables WHERE table_schema = %(schema)s AND table_name = %(table)s",
        {"schema": table.schema, "table": table.table},
    )
    table_rows = int(row[0] or 0) if row else 0
    if table.time_index is None:
        return RangeEstimate(table_rows, table_rows)
    edges = await session.row(
        f"SELECT MIN(post_time), MAX(post_time) FROM {quote(table.schema, table.table)}"
        " WHERE post_time BETWEEN %(start)s AND %(end)s",
        {"start": start, "end": end},
    )
    if edges is None or edges[0] is None:
        return RangeEstimate(0, table_rows)
    first, last = as_time(edges[0]), as_time(edges[1])
    whole_days = not all(isinstance(edge, datetime) for edge in edges if isinstance(edge, date))
    index = _Index[datetime](session, table, "post_time", table.time_index, whole_days)
    pieces = await index.pieces(first or start, last or end, window_rows)
    rows = round(sum(piece.rows for piece in pieces))
    return RangeEstimate(rows, max(table_rows, rows), first, last, tuple(pieces))


async def cut_keys(session: Session, table: InputTable, estimate: RangeEstimate, count: int) -> list[Key] | None:
    """Return at most `count` - 1 keys, ascending in the server's order, that cut the table into similar parts.

    Returns None if they can be found only by reading the table: a worker then cuts off one window after the other.
    """
    assert table.key is not None
    key, name = quote(table.key.name), quote(table.schema, table.table)
    if table.key.kind == "integer":
        edges = await session.row(f"SELECT MIN({key}), MAX({key}) FROM {name}")
        if edges is None or edges[0] is None:
            return []
        index = _Index[int](session, table, table.key.name, "PRIMARY")
        pieces = await index.pieces(int(edges[0]), int(edges[1]), estimate.table_rows // count)
        return list(quantiles(pieces, count))
    if not estimate.pieces:
        return None
    # The rows at regular places of the index on post_time: their keys are distributed like the table's.
    moments = quantiles(estimate.pieces, _SAMPLES_OF_A_WINDOW * count)
    sample = []
    for start in range(0, len(moments), _SAMPLED_AT_ONCE):
        some = moments[start : start + _SAMPLED_AT_ONCE]
        arguments = {f"moment{number}": moment for number, moment in enumerate(some)}
        queries = [
            f"(SELECT {key} FROM {name} WHERE post_time >= %({argument})s ORDER BY post_time LIMIT 1)"
            for argument in arguments
        ]
        sample += [row[0] for row in await session.rows(" UNION ALL ".join(queries), arguments)]
    if not sample:
        return []
    ordered = await session.rows(
        f"SELECT DISTINCT {key} FROM {name} WHERE {key} IN %(sample)s ORDER BY {key}", {"sample": sample}
    )
    keys = [row[0] for row in ordered]
    return [keys[len(keys) * number // count] for number in range(1, min(count, len(keys)))]


async def key_after(session: Session, table: InputTable, from_key: Key | None, rows: int) -> Key | None:
    """Return the key that this many rows precede, from a key on. None if there are fewer, or the key cannot be sent.

    Reads the keys, ten million in a second if they are in memory.
    """
    assert table.key is not None
    key, source = quote(table.key.name), f"{quote(table.schema, table.table)} FORCE INDEX (PRIMARY)"
    condition = f"WHERE {key} >= %(from_key)s" if from_key is not None else ""
    found = await session.rows(
        f"SELECT {key} FROM {source} {condition} ORDER BY {key} LIMIT 1 OFFSET {rows:d}",
        {"from_key": from_key},
        seconds=None,
    )
    if not found:
        return None
    # A character that Unicode does not have arrives as a question mark. Cutting there again and again would never end.
    further = f"AND {key} > %(from_key)s" if from_key is not None else ""
    arrived = await session.row(
        f"SELECT 1 FROM {source} WHERE {key} = %(key)s {further}", {"key": found[0][0], "from_key": from_key}
    )
    return found[0][0] if arrived else None


@dataclass(frozen=True)
class _Index(Generic[Point]):
    """An index of the input table, by which rows between two points are estimated and counted."""

    session: Session
    table: InputTable
    column: str
    name: str
    whole_days: bool = False
    """Whether the column has dates: for the server, a part of a day has the rows of the whole day."""

    async def pieces(self, first: Point, last: Point, window_rows: int) -> list[Piece[Point]]:
        """Return consecutive pieces from the first to the last point, with their estimated rows."""
        [whole] = await self._estimate([Piece(first, _after(last), 0)])
        if whole.rows <= min(_COUNTED_ROWS, window_rows):
            return [replace(whole, rows=await self._count(whole))]
        # No estimate is below one row, however short the piece.
        most = max(min(whole.rows / _PIECES, window_rows / _PIECES_OF_A_WINDOW), 1.0)
        done: list[Piece[Point]] = []
        # With each piece, how many halvings in a row have not lessened the estimate of either half.
        pending: list[tuple[Piece[Point], int]] = [(whole, 0)]
        while pending:
            divided: list[tuple[Piece[Point], int]] = []
            halves: list[Piece[Point]] = []
            for piece, futile in pending:
                middle = self._middle(piece)
                if futile == _FUTILE_HALVINGS:
                    done.append(replace(piece, rows=piece.rows / 2**futile))
                elif piece.rows <= most or middle is None:
                    done.append(piece)
                else:
                    divided.append((piece, futile))
                    halves += [Piece(piece.start, middle, 0), Piece(middle, piece.end, 0)]
            estimated = await self._estimate(halves)
            pending = []
            for (piece, futile), lower, upper in zip(divided, estimated[::2], estimated[1::2], strict=True):
                futile = futile + 1 if min(lower.rows, upper.rows) >= piece.rows else 0
                pending += [(lower, futile), (upper, futile)]
        done.sort(key=lambda piece: piece.start)
        return await self._corrected(done)

    def _middle(self, piece: Piece[Point]) -> Point | None:
        """Return the point halfway, at which a piece can be divided; None if there is none."""
        middle = piece.middle
        if self.whole_days and isinstance(middle, datetime):
            middle = datetime.combine(middle, time.min)
            return middle if piece.start < middle else None
        return middle

    async def _corrected(self, pieces: Sequence[Piece[Point]]) -> list[Piece[Point]]:
        """Return the pieces with their rows multiplied by the factor that counting the largest shows."""
        sample = sorted(pieces, key=lambda piece: piece.rows)[-_COUNTED_PIECES:]
        estimated = sum(piece.rows for piece in sample)
        if not 0 < estimated <= _MOST_COUNTED_ROWS:
            sample = [piece for piece in sample if 0 < piece.rows <= _MOST_COUNTED_ROWS][:1]
            estimated = sum(piece.rows for piece in sample)
        if not sample:
            return list(pieces)
        factor = sum([await self._count(piece) for piece in sample]) / estimated
        return [replace(piece, rows=piece.rows * factor) for piece in pieces]

    async def _estimate(self, pieces: Sequence[Piece[Point]]) -> list[Piece[Point]]:
        estimated: list[Piece[Point]] = []
        for start in range(0, len(pieces), _EXPLAINED_AT_ONCE):
            some = pieces[start : start + _EXPLAINED_AT_ONCE]
            arguments: dict[str, object] = {}
            for number, piece in enumerate(some):
                arguments |= {f"start{number}": piece.start, f"end{number}": piece.end}
            queries = [self._rows("1", str(number)) for number in range(len(some))]
            # One record for each query, then one for the union.
            records = await self.session.records(f"EXPLAIN {' UNION ALL '.join(queries)}", arguments)
            estimated += [
                replace(piece, rows=float(record["rows"] or 0)) for piece, record in zip(some, records, strict=False)
            ]
        return estimated

    async def _count(self, piece: Piece[Point]) -> int:
        row = await self.session.row(self._rows("COUNT(*)"), {"start": piece.start, "end": piece.end})
        return int(row[0]) if row else 0

    def _rows(self, what: str, suffix: str = "") -> str:
        source = f"{quote(self.table.schema, self.table.table)} FORCE INDEX ({quote(self.name)})"
        column = quote(self.column)
        condition = f"{column} >= %(start{suffix})s AND {column} < %(end{suffix})s"
        return f"SELECT {what} FROM {source} WHERE {condition}"


def _after(last: Point) -> Point:
    """Return the next point, or the same one at the end of Python's calendar."""
    if isinstance(last, int):
        return last + 1
    return last + TICK if last < datetime.max else last
