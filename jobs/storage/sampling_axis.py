"""The axis that clusters of an input table are drawn along: an index whose values can be cut into cells."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import gcd

from jobs.model.input_table import RangeEstimate
from jobs.model.sampling import Cell, SampleRequest
from jobs.storage.connection import Session, quote
from jobs.storage.sampling_queries import Axis, queries_between, table_name

# Clusters are drawn from about this many cells with similar numbers of rows.
_CELLS = 256
_ESTIMATES_AT_ONCE = 100
# With more rows at each of its values, an axis cannot be cut into clusters.
_MAX_ROWS_PER_VALUE = 100
_PROBES = 50
_MICROSECOND = timedelta(microseconds=1)
_GRAINS = [
    grain // _MICROSECOND
    for grain in (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))
]


async def find_axis(
    session: Session, request: SampleRequest, estimate: RangeEstimate, rng: random.Random
) -> Axis | None:
    """Return the axis to draw clusters along, or None if the table has none."""
    index = request.table.time_index
    if index is not None and estimate.first is not None and estimate.last is not None:
        length = (estimate.last - estimate.first) // _MICROSECOND
        grain = await _grain(session, request, index, estimate.first, length, rng)
        if estimate.rows * grain <= _MAX_ROWS_PER_VALUE * (length + grain):
            primary = await _columns_of(session, request, "PRIMARY")
            return Axis("post_time", index, estimate.first, length + grain, grain, primary)
    key = request.table.key
    if key is not None and key.kind == "integer":
        column = quote(key.name)
        row = await session.row(f"SELECT MIN({column}), MAX({column}) FROM {table_name(request)}")
        if row is not None and row[0] is not None:
            length = int(row[1]) - int(row[0]) + 1
            if estimate.table_rows <= _MAX_ROWS_PER_VALUE * length:
                return Axis(key.name, "PRIMARY", int(row[0]), length, 1, (key.name,))
    return None


async def _columns_of(session: Session, request: SampleRequest, index: str) -> tuple[str, ...]:
    """Return the columns of an index in its order."""
    rows = await session.rows(
        """
        SELECT column_name FROM information_schema.statistics
        WHERE table_schema = %(schema)s AND table_name = %(table)s AND index_name = %(index)s ORDER BY seq_in_index
        """,
        {"schema": request.table.schema, "table": request.table.table, "index": index},
    )
    return tuple(str(name) for (name,) in rows)


async def _grain(
    session: Session, request: SampleRequest, index: str, first: datetime, length: int, rng: random.Random
) -> int:
    """Return the microseconds between neighbouring times, as some rows show: a day where times are dates."""
    arguments: dict[str, object] = {
        f"moment{number}": first + timedelta(microseconds=rng.randrange(length + 1)) for number in range(_PROBES)
    }
    probes = [
        f"(SELECT post_time FROM {table_name(request)} FORCE INDEX ({quote(index)}) WHERE post_time >= %({moment})s"
        " ORDER BY post_time LIMIT 1)"
        for moment in arguments
    ]
    rows = await session.rows(" UNION ALL ".join(probes), arguments)
    common = 0
    for (moment,) in rows:
        if isinstance(moment, datetime):
            common = gcd(common, abs(moment - first) // _MICROSECOND)
    return next((grain for grain in _GRAINS if common % grain == 0), 1)


async def cut_into_cells(session: Session, request: SampleRequest, axis: Axis) -> list[Cell]:
    """Cut the axis into cells of similar numbers of rows, by the optimizer's estimates.

    Nothing is counted.
    """
    cells = await _estimates(session, request, axis, [(0, axis.length)])
    while True:
        most = sum(cell.rows for cell in cells) / _CELLS
        cut = [halves for cell in cells if cell.rows > most and (halves := cell.halves(axis.grain)) is not None]
        if not cut or len(cells) >= 4 * _CELLS:
            return sorted(cells, key=lambda cell: cell.low)
        old = {halves[0][0] for halves in cut}
        new = await _estimates(session, request, axis, [half for halves in cut for half in halves])
        cells = [cell for cell in cells if cell.low not in old] + new


async def _estimates(
    session: Session, request: SampleRequest, axis: Axis, bounds: Sequence[tuple[int, int]]
) -> list[Cell]:
    """Return cells with these bounds. None is estimated to be empty, so that each has a chance to be drawn."""
    cells = []
    for start in range(0, len(bounds), _ESTIMATES_AT_ONCE):
        some = bounds[start : start + _ESTIMATES_AT_ONCE]
        queries, arguments = queries_between(request, axis, some, quote(axis.column), filtered=False)
        explained = await session.records(f"EXPLAIN {' UNION ALL '.join(queries)}", arguments)
        rows = [record["rows"] for record in explained if record["select_type"] != "UNION RESULT"]
        cells += [Cell(*pair, max(int(count or 0), 1)) for pair, count in zip(some, rows, strict=True)]
    return cells
