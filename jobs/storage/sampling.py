"""Random samples of an input table's range, in short statements: a cancelled one leaves nothing running.

See jobs/model/sampling.py for how clusters are drawn, and why estimates from them are fair.
"""

import random
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from math import ceil

from jobs.model.input_table import RangeEstimate
from jobs.model.sampling import Batch, Cell, Cluster, SampleRequest, draw_cells
from jobs.storage.connection import Arguments, Session
from jobs.storage.endpoint import Server
from jobs.storage.input_table import row_columns, row_conditions
from jobs.storage.sampling_axis import cut_into_cells, find_axis
from jobs.storage.sampling_queries import (
    Axis,
    Bounds,
    queries_between,
    random_rows_between,
    range_arguments,
    table_name,
)
from jobs.storage.stream import stream
from jobs.storage.values import Row

# Few enough rows in a cluster to spread the sample, enough to pay for the search.
_CLUSTER_ROWS = 25
_MIN_CLUSTERS = 200
_CLUSTERS_AT_ONCE = 50
# A sample is given out in this many batches. If rows are fewer than estimated, there are up to three times as many.
_BATCHES = 8
# What holds this many times as many rows as a cluster should is not read as a whole.
_LARGE = 3


async def sample_rows(
    server: Server, session: Session, request: SampleRequest, estimate: RangeEstimate, rng: random.Random
) -> AsyncGenerator[Batch, None]:
    """Draw about the wanted number of rows from a range, in batches. Raises DatabaseError.

    A range with few more rows than that is read as a whole. Clusters are drawn along post_time if it has an
    index, else along a primary key that is a whole number. A table with neither is scanned.
    """
    if request.table.time_index is not None and estimate.rows <= 2 * request.rows:
        async for batch in _everything(server, request, estimate):
            yield batch
        return
    axis = await find_axis(session, request, estimate, rng)
    if axis is None:
        yield await _scan(server, request, estimate, rng)
        return
    cells = await cut_into_cells(session, request, axis)
    async for batch in draw_clusters(session, request, axis, cells, rng):
        yield batch


async def draw_clusters(
    session: Session, request: SampleRequest, axis: Axis, cells: Sequence[Cell], rng: random.Random
) -> AsyncGenerator[Batch, None]:
    """Draw clusters along an axis that was cut into cells, in batches. Raises DatabaseError."""
    planned = min(max(request.rows // _CLUSTER_ROWS, _MIN_CLUSTERS), request.rows)
    size = request.rows / planned
    total = sum(cell.rows for cell in cells)
    drawn, rows = 0, 0
    # How many rows there are for each that is estimated, as far as the draws show.
    ratio = 1.0
    for number in range(1, 3 * _BATCHES + 1):
        draws = []
        for cell in draw_cells(cells, ceil(planned / _BATCHES), rng):
            parts = cell.parts(axis.grain, size / ratio)
            bounds = cell.part(rng.randrange(parts), parts, axis.grain)
            draws.append((cell.rows / total / parts, bounds))
        clusters = await _clusters(session, request, axis, draws, ceil(size), rng)
        found = sum(len(cluster.rows) for cluster in clusters)
        drawn, rows = drawn + len(draws), rows + found
        ratio = max(ratio * found / (size * len(draws)), 0.01)
        finished = (rows >= request.rows and drawn >= planned / 2) or number == 3 * _BATCHES
        yield Batch(clusters, 1.0 if finished else min(rows / request.rows, 0.99))
        if finished:
            return


async def _everything(server: Server, request: SampleRequest, estimate: RangeEstimate) -> AsyncGenerator[Batch, None]:
    sql = f"SELECT {row_columns(request.table)} FROM {table_name(request)} WHERE {row_conditions(request.table)}"
    read = 0
    pending: list[Cluster] = []
    async with stream(server, sql, range_arguments(request)) as batches:
        async for rows in batches:
            if pending:
                yield Batch(pending, min(read / max(estimate.rows, 1), 0.99), everything=True)
            read += len(rows)
            pending = [Cluster(1.0, rows)]
    yield Batch(pending, 1.0, everything=True)


async def _scan(server: Server, request: SampleRequest, estimate: RangeEstimate, rng: random.Random) -> Batch:
    """Return a simple random sample of rows, from one pass over the table.

    The server notices that its client has gone when it sends rows, which it does several times a second.
    """
    share = min(1.0, 4 * request.rows / estimate.table_rows) if estimate.table_rows else 1.0
    sql = (
        f"SELECT {row_columns(request.table)} FROM {table_name(request)}"
        f" WHERE {row_conditions(request.table)} AND RAND() < %(share)s"
    )
    kept: list[Row] = []
    seen = 0
    async with stream(server, sql, range_arguments(request) | {"share": share}) as batches:
        async for rows in batches:
            for row in rows:
                seen += 1
                if len(kept) < request.rows:
                    kept.append(row)
                elif (place := rng.randrange(seen)) < request.rows:
                    kept[place] = row
    everything = share == 1 and seen <= request.rows
    return Batch([Cluster(1.0, [row]) for row in kept], 1.0, everything)


_Draw = tuple[float, Bounds]
"""The chance of a draw, and the bounds on the axis that it gives."""


async def _clusters(
    session: Session, request: SampleRequest, axis: Axis, draws: Sequence[_Draw], size: int, rng: random.Random
) -> list[Cluster]:
    """Read the rows of draws. Where there are many more than the size of a cluster, read some of them."""
    clusters = []
    large: defaultdict[_Draw, int] = defaultdict(int)
    limit = _LARGE * size
    for start in range(0, len(draws), _CLUSTERS_AT_ONCE):
        some = draws[start : start + _CLUSTERS_AT_ONCE]
        bounds = [pair for _, pair in some]
        queries, arguments = queries_between(
            request, axis, bounds, row_columns(request.table), filtered=True, limit=f"LIMIT {limit}"
        )
        found = await _rows(session, queries, arguments)
        for draw, rows in zip(some, found, strict=True):
            if len(rows) < limit:
                clusters.append(Cluster(draw[0], rows))
            else:
                large[draw] += 1
    if large:
        clusters += await _large_clusters(session, request, axis, large, size, rng)
    return clusters


async def _large_clusters(
    session: Session, request: SampleRequest, axis: Axis, draws: Mapping[_Draw, int], size: int, rng: random.Random
) -> list[Cluster]:
    """Draw single rows between the bounds of each draw, as many as a cluster should have each time it was drawn.

    So a moment at which a million rows were posted is passed over once a batch, along its index.
    """
    bounds = [pair for _, pair in draws]
    queries, arguments = queries_between(request, axis, bounds, "COUNT(*)", filtered=False)
    counts: dict[int, int] = dict(await session.rows(" UNION ALL ".join(queries), arguments))
    shares = [min(1.0, times * size / max(counts[number], 1)) for number, times in enumerate(draws.values())]
    queries, arguments = random_rows_between(request, axis, list(zip(bounds, shares, strict=True)))
    clusters = []
    for (chance, _), times, share, rows in zip(
        draws, draws.values(), shares, await _rows(session, queries, arguments), strict=True
    ):
        rng.shuffle(rows)
        clusters += [Cluster(chance * share / times, rows[number::times]) for number in range(times)]
    return clusters


async def _rows(session: Session, queries: Sequence[str], arguments: Arguments) -> list[list[Row]]:
    """Return the rows of each query, which selects its number first."""
    found: list[list[Row]] = [[] for _ in queries]
    for number, *row in await session.rows(" UNION ALL ".join(queries), arguments):
        found[number].append(tuple(row))
    return found
