"""Cluster samples: cells that leave nothing out, and intervals that hold the true share as often as they say."""

import random
from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate, pairwise
from math import isclose

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.model.sampling import Cell, Key, ShareEstimator, draw_cells, exact
from patterns.intervals import Z, t_quantile, wilson

ROWS: Key = ("rows",)
LABELLED: Key = ("labelled",)
bounds = st.tuples(st.integers(0, 10**6), st.integers(1, 10**6)).map(lambda pair: (pair[0], pair[0] + pair[1]))
grains = st.sampled_from([1, 7, 1_000, 86_400])


@settings(max_examples=500)
@given(bounds, grains, st.integers(1, 5_000), st.floats(1, 100))
def test_the_parts_of_a_cell_cover_it_exactly(pair: tuple[int, int], grain: int, rows: int, wanted: float) -> None:
    cell = Cell(*pair, rows)
    count = cell.parts(grain, wanted)
    parts = [cell.part(number, count, grain) for number in range(count)]
    assert parts[0][0] == cell.low and parts[-1][1] == cell.high
    assert all(before[1] == after[0] for before, after in pairwise(parts))
    assert all(low < high for low, high in parts)
    assert all((low - cell.low) % grain == 0 for low, _ in parts)


@settings(max_examples=500)
@given(bounds, grains)
def test_the_halves_of_a_cell_cover_it_exactly(pair: tuple[int, int], grain: int) -> None:
    halves = Cell(*pair, 1).halves(grain)
    inside = [cut for cut in range(-(-(pair[0] + 1) // grain) * grain, pair[1], grain)]
    if not inside:
        assert halves is None
        return
    assert halves is not None
    (low, middle), (again, high) = halves
    assert (low, high) == pair and middle == again and low < middle < high and middle % grain == 0
    assert min(abs(middle - (low + high) / 2), grain) <= min(abs(cut - (low + high) / 2) for cut in inside) + grain


def draw(
    positions: list[int],
    labelled: Callable[[int], bool],
    wrong: float,
    rng: random.Random,
    clusters: int,
) -> ShareEstimator:
    """Draw clusters from rows at these positions, as the database's are drawn. Estimates are wrong by a factor."""
    edges = [0]
    while edges[-1] <= positions[-1]:
        edges.append(edges[-1] + rng.randrange(500, 3_000))
    cells = []
    for low, high in pairwise(edges):
        rows = bisect_left(positions, high) - bisect_left(positions, low)
        cells.append(Cell(low, high, max(int(rows * wrong ** rng.uniform(-1, 1)), 1)))
    total = sum(cell.rows for cell in cells)
    estimator = ShareEstimator()
    for cell in draw_cells(cells, clusters, rng):
        count = cell.parts(1, 10)
        low, high = cell.part(rng.randrange(count), count, 1)
        members = range(bisect_left(positions, low), bisect_left(positions, high))
        estimator.add(cell.rows / total / count, {ROWS: len(members), LABELLED: sum(map(labelled, members))})
    return estimator


def times(rng: random.Random, count: int) -> list[int]:
    """Return times with gaps of very different lengths."""
    gaps = rng.choices((0, 1, 1, 2, 5), k=count)
    for number in rng.sample(range(count), k=count // 1_000):
        gaps[number] = rng.randrange(2_000)
    return list(accumulate(gaps))


COUNT = 6_000
SKEWS: dict[str, Callable[[int], bool]] = {
    "in time": lambda row: (row * 2654435761) % 100 < (80 if row < COUNT // 4 else 10),
    "in runs": lambda row: row // 40 % 5 == 0,
    "rare": lambda row: (row * 2654435761) % 1_000 < 10,
    "evenly": lambda row: (row * 2654435761) % 100 < 30,
}


@pytest.mark.parametrize("skew", SKEWS)
@pytest.mark.parametrize("wrong", [1.0, 3.0], ids=["good estimates", "bad estimates"])
def test_the_interval_holds_the_true_share_in_at_least_93_of_100_samples(skew: str, wrong: float) -> None:
    labelled = SKEWS[skew]
    true = sum(map(labelled, range(COUNT))) / COUNT
    held, tries = 0, 300
    for number in range(tries):
        rng = random.Random(number)
        positions = times(rng, COUNT)
        share = draw(positions, labelled, wrong, rng, clusters=200).share(LABELLED, ROWS)
        held += share.low <= true <= share.high
    assert held / tries >= 0.93


@given(st.lists(st.booleans(), min_size=2, max_size=60))
def test_the_interval_of_single_rows_is_that_of_a_simple_sample_or_a_little_wider(labelled: list[bool]) -> None:
    estimator = ShareEstimator()
    for one in labelled:
        estimator.add(0.25, {ROWS: 1, LABELLED: int(one)})
    found, simple = estimator.share(LABELLED, ROWS), wilson(sum(labelled), len(labelled))
    assert found.value is not None and isclose(found.value, sum(labelled) / len(labelled))
    count = len(labelled)
    if 0 < sum(labelled) < count:  # the variance is that of n - 1 rows, and as uncertain as theirs
        simple = wilson(sum(labelled) * (count - 1) / count, count - 1)
        fewest = (count - 1) * (Z / t_quantile(min(count - 1, 8))) ** 2
        widest = wilson(sum(labelled) / count * fewest, fewest)
        assert widest.low - 1e-9 <= found.low <= simple.low + 1e-9
        assert simple.high - 1e-9 <= found.high <= widest.high + 1e-9
    else:
        assert isclose(found.low, simple.low, abs_tol=1e-9) and isclose(found.high, simple.high, abs_tol=1e-9)


def test_clusters_whose_rows_are_alike_have_a_wider_interval_than_the_same_rows_alone() -> None:
    alike, mixed = ShareEstimator(), ShareEstimator()
    for number in range(100):
        alike.add(0.1, {ROWS: 10, LABELLED: 10 * (number % 2)})
        mixed.add(0.1, {ROWS: 10, LABELLED: 4 + number % 3})
    wide, narrow = alike.share(LABELLED, ROWS), mixed.share(LABELLED, ROWS)
    assert wide.high - wide.low > 2.5 * (narrow.high - narrow.low)


def test_what_no_row_has_is_as_rare_as_the_clusters_can_tell() -> None:
    estimator = ShareEstimator()
    for number in range(40):
        estimator.add(0.1, {ROWS: 10 * (number % 2), LABELLED: 10 * (number % 2)})
    assert estimator.share(("panel", "/nobody"), ROWS) == wilson(0, 20)
    assert estimator.share(("panel", "/nobody"), ("rows", "nowhere")).value is None


def test_a_share_of_nothing_or_of_one_cluster_is_not_known() -> None:
    estimator = ShareEstimator()
    assert estimator.share(LABELLED, ROWS).value is None
    estimator.add(1.0, {ROWS: 10, LABELLED: 5})
    assert estimator.share(LABELLED, ROWS).value is None
    assert exact(1, 4).low == exact(1, 4).high == 0.25 and exact(0, 0).value is None
