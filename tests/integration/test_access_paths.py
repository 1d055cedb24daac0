"""Every row of the range is read exactly once, by whichever access path."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from jobs import services
from jobs.model.input_table import InputTable
from jobs.model.windows import Window
from jobs.storage import access_path
from jobs.storage.access_path import read_window
from jobs.storage.connection import Arguments, connect
from jobs.storage.input_table import describe_input, window_query
from jobs.storage.stream import Reader, open_reader
from jobs.storage.values import Row
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from jobs.worker.production import ProductionLane
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts
from tests.helpers.running import finished, run_in_process

KEYS = {
    "number": "BIGINT PRIMARY KEY",
    "text": "VARCHAR(64) PRIMARY KEY",
    "text of another charset and order": "VARCHAR(64) CHARACTER SET latin1 COLLATE latin1_german2_ci PRIMARY KEY",
}
INDEX = ", INDEX (post_time)"


@pytest.mark.parametrize("index", [INDEX, ""], ids=["indexed", "not indexed"])
@pytest.mark.parametrize("key", KEYS)
async def test_a_range_over_most_of_a_table_is_read_in_windows_of_its_primary_key(
    deployment: TestDeployment, key: str, index: str
) -> None:
    posts = odd_posts(6_000, seed=5)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, id_type=KEYS[key], index=index)
    task = await run_in_process(deployment.with_settings(window_rows=300), deployment.request(**RANGE))
    assert (task.windows or 0) > 10
    windows = deployment.rows("SELECT from_key, before_key, received FROM {output}.task_window")
    assert all(from_key or before_key for from_key, before_key, _ in windows)
    assert max(received for _, _, received in windows) < 1_500
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END, integer_id=key == "number"))


async def test_a_small_part_of_a_table_is_read_through_the_index_on_post_time(deployment: TestDeployment) -> None:
    posts = odd_posts(6_000, seed=6)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, id_type=KEYS["number"])
    end = START + (END - START) / 10
    asked = deployment.request(start_time=str(START), end_time=str(end))
    task = await run_in_process(deployment.with_settings(window_rows=100), asked)
    assert (task.windows or 0) > 2
    assert deployment.rows("SELECT DISTINCT from_key, before_key FROM {output}.task_window") == [(None, None)]
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, end, integer_id=True))


async def test_a_table_without_an_index_on_post_time_or_a_primary_key_is_read_in_one_window(
    deployment: TestDeployment,
) -> None:
    posts = odd_posts(2_000, seed=3)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, index="")
    task = await run_in_process(deployment.with_settings(window_rows=100), deployment.request(**RANGE))
    assert task.windows == 1
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))


@pytest.mark.parametrize("index", [INDEX, ""], ids=["indexed", "not indexed"])
async def test_a_table_whose_primary_key_begins_with_the_source_is_not_cut_by_it(
    deployment: TestDeployment, index: str
) -> None:
    posts = [one for one in odd_posts(3_000, seed=7) if one.s_id is not None]
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, id_type="VARCHAR(64)", index=f"{index}, PRIMARY KEY (s_id, id)")
    task = await run_in_process(deployment.with_settings(window_rows=300), deployment.request(**RANGE))
    assert task.windows == 1 if not index else (task.windows or 0) > 5
    assert deployment.rows("SELECT DISTINCT from_key, before_key FROM {output}.task_window") == [(None, None)]
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_rows_far_from_all_others_do_not_unbalance_the_windows(deployment: TestDeployment) -> None:
    posts = odd_posts(9_000, seed=11)
    stray = [replace(posts[0], id="stray", post_time=datetime(1975, 1, 1)), replace(posts[1], id="late")]
    deployment.write_patterns(PATTERNS)
    deployment.write_posts([*posts, *stray], index=f"{INDEX}, INDEX by_author (author)")
    asked = {"start_time": "1970-01-01 00:00:00", "end_time": "2100-01-01 00:00:00"}
    task = await run_in_process(deployment.with_settings(window_rows=500), deployment.request(**asked))
    received = [row[0] for row in deployment.rows("SELECT received FROM {output}.task_window")]
    assert len(received) > 9 and max(received) <= 2 * 500
    start, end = datetime(1970, 1, 1), datetime(2100, 1, 1)
    assert_outcome(deployment, task, outcome([*posts, *stray], PATTERNS, SOURCES, start, end))


async def test_a_table_that_only_a_scan_can_cut_is_cut_by_the_workers_as_they_go(deployment: TestDeployment) -> None:
    posts = odd_posts(6_000, seed=12)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, id_type=KEYS["text"], index="")
    few = deployment.with_settings(window_rows=500)
    task_id = await services.create_task(few, deployment.request(**RANGE))
    assert deployment.rows("SELECT number, uncut FROM {output}.task_window") == [(1, 1)]
    context = WorkerContext(few)
    await asyncio.gather(*(LabelLane(context, deployment.ref(task_id)).run() for _ in range(2)))
    await ProductionLane(context, deployment.ref(task_id)).run()
    task = await services.check_status(deployment, task_id)
    received = [row[0] for row in deployment.rows("SELECT received FROM {output}.task_window")]
    assert task.windows == len(received) == 12 and max(received) <= 500
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_a_table_whose_keys_are_not_in_unicode_is_read_in_few_windows(deployment: TestDeployment) -> None:
    posts = odd_posts(600, seed=12)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, id_type="VARCHAR(64) CHARACTER SET big5 COLLATE big5_bin PRIMARY KEY", index="")
    # Half of them begin with a character that has no place in Unicode, so that the client gets a question mark.
    deployment.write_anything("UPDATE {input}.{table} SET id = CONCAT(X'C8FE', id) WHERE id >= 300")
    deployment.write_anything("ALTER TABLE {input}.{table} FORCE")
    task = await run_in_process(deployment.with_settings(window_rows=50), deployment.request(**RANGE))
    expected = outcome(posts, PATTERNS, SOURCES, START, END)
    assert (task.error, task.prod_stat) == (None, "finish")
    assert 4 < (task.windows or 0) < 12
    assert task.length_receive_table == expected.received
    assert task.length_prod_table == expected.length_prod_table


async def test_workers_share_windows_of_the_primary_key(deployment: TestDeployment) -> None:
    posts = odd_posts(20_000, seed=8)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, id_type=KEYS["text"])
    cut = deployment.with_settings(window_rows=500)
    with deployment.workers(2):
        task = await finished(deployment, await services.create_task(cut, deployment.request(**RANGE)))
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_windows_of_the_primary_key_leave_no_gap_for_rows_that_arrive_later(deployment: TestDeployment) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(2_000, seed=9), id_type=KEYS["number"])
    task_id = await services.create_task(deployment.with_settings(window_rows=100), deployment.request(**RANGE))
    windows = deployment.rows("SELECT from_key, before_key FROM {output}.task_window ORDER BY number")
    assert windows[0][0] is None and windows[-1][1] is None
    assert [before for _, before in windows[:-1]] == [from_key for from_key, _ in windows[1:]]
    await services.abort_task(deployment, task_id)


async def test_the_plan_says_how_many_rows_a_range_has_whatever_part_of_the_table_it_is(
    many_posts: TestDeployment,
) -> None:
    first, last = many_posts.rows("SELECT MIN(post_time), MAX(post_time) FROM {input}.{table}")[0]
    for share in (0.05, 0.3, 0.5, 0.6, 0.8, 1.0):
        end = first + (last - first) * share
        request = many_posts.request(start_time=str(first), end_time=str(end)[:19])
        estimate = (await services.plan_task(many_posts, request)).estimate.rows
        ((rows,),) = many_posts.rows(
            "SELECT COUNT(*) FROM {input}.{table} WHERE post_time BETWEEN %s AND %s", first, str(end)[:19]
        )
        assert 0.8 * rows <= estimate <= 1.25 * rows, share


@pytest.mark.parametrize("kind", ["DATE", "DATETIME"])
async def test_the_plan_says_how_many_rows_a_range_has_if_all_are_posted_at_midnight(
    deployment: TestDeployment, kind: str
) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts([])
    deployment.write_anything(f"ALTER TABLE {{input}}.{{table}} MODIFY post_time {kind}")
    deployment.write_anything(
        "INSERT INTO {input}.{table} (id, s_id, author, post_time)"
        " SELECT seq, 'WH_F0045', 'ann', '2020-03-01' + INTERVAL seq DIV 1000 DAY FROM mysql.seq_1_to_29999"
    )
    deployment.write_anything("ANALYZE TABLE {input}.{table}")
    plan = await services.plan_task(deployment.with_settings(window_rows=5_000), deployment.request(**RANGE))
    assert 28_000 <= plan.estimate.rows <= 32_000 and plan.windows == 6


async def test_a_partitioned_table_is_cut_although_its_empty_parts_seem_to_have_rows(
    deployment: TestDeployment,
) -> None:
    posts = odd_posts(600, seed=15)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, id_type=KEYS["number"])
    deployment.write_anything("ALTER TABLE {input}.{table} PARTITION BY HASH(id) PARTITIONS 32")
    task = await run_in_process(deployment.with_settings(window_rows=100), deployment.request(**RANGE))
    assert 3 <= (task.windows or 0) <= 60
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END, integer_id=True))


async def test_windows_of_one_row_are_cut_and_labelled(deployment: TestDeployment) -> None:
    posts = odd_posts(20, seed=3)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts)
    task = await run_in_process(deployment.with_settings(window_rows=1), deployment.request(**RANGE))
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))


@dataclass(frozen=True)
class _Order:
    """How the keys of posts follow their times."""

    number_of: Callable[[int], int]
    """The key of the nth post, in the order of the times, out of 3,000."""
    by_key: bool
    """Whether a window of a tenth of the posts is read in the order of the keys."""


ORDERS = {
    "rise with the times": _Order(lambda nth: 10_000 + nth, True),
    "rise nearly with the times": _Order(lambda nth: 10_000 + nth + 150 * (nth % 2), True),
    "fall with the times": _Order(lambda nth: 10_000 - nth, True),
    "rise with the times, but for one": _Order(lambda nth: 99_999 if nth == 1_600 else 10_000 + nth, False),
    "are in no order": _Order(lambda nth: 10_000 + nth * 1_013 % 3_000, False),
}
ORDERED_KEYS = {
    "INT PRIMARY KEY": "{}",
    "VARCHAR(64) PRIMARY KEY": "post {}",
    # Its first character is not in Unicode, so the client gets a question mark.
    "VARCHAR(64) CHARACTER SET big5 COLLATE big5_bin PRIMARY KEY": "big5",
}


@pytest.mark.parametrize("key", ORDERED_KEYS)
@pytest.mark.parametrize("order", ORDERS)
async def test_a_window_of_times_is_read_by_keys_only_if_they_follow_the_times_and_has_the_same_rows(
    deployment: TestDeployment, monkeypatch: pytest.MonkeyPatch, key: str, order: str
) -> None:
    posts = sorted(odd_posts(3_000, seed=13), key=lambda post: (post.post_time, post.id))
    numbers = [ORDERS[order].number_of(nth) for nth in range(len(posts))]
    form = ORDERED_KEYS[key]
    ids = [str(number) if form == "big5" else form.format(number) for number in numbers]
    deployment.write_posts([replace(post, id=id_) for post, id_ in zip(posts, ids, strict=True)], id_type=key)
    if form == "big5":
        deployment.write_anything("UPDATE {input}.{table} SET id = CONCAT(X'C8FE', id)")
        deployment.write_anything("ALTER TABLE {input}.{table} FORCE")  # without the old entries of the indexes
    window = Window(1, posts[1_500].post_time, posts[1_800].post_time)
    queries: list[str] = []
    batches = Reader.batches

    def noted(reader: Reader, sql: str, arguments: Arguments) -> AsyncIterator[list[Row]]:
        queries.append(sql)
        return batches(reader, sql, arguments)

    async with connect(deployment.input) as session:
        table = await describe_input(session, deployment.input_schema, deployment.table, "author_name")
    async with open_reader(deployment.input) as reader:
        expected = [row async for rows in reader.batches(*window_query(table, window)) for row in rows]
    monkeypatch.setattr(Reader, "batches", noted)
    async with open_reader(deployment.input) as reader:
        received = [row async for rows in read_window(reader, table, window) for row in rows]
    assert sorted(received) == sorted(expected) and len(expected) > 200
    assert [("PRIMARY" in query) for query in queries] == [ORDERS[order].by_key]


async def test_a_post_that_gets_another_key_between_finding_the_keys_and_reading_is_not_missed(
    deployment: TestDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = sorted(odd_posts(1_000, seed=14), key=lambda post: (post.post_time, post.id))
    numbered = [replace(post, id=str(10_000 + nth)) for nth, post in enumerate(posts)]
    deployment.write_posts(numbered, id_type=KEYS["number"])
    window = Window(1, posts[300].post_time, posts[500].post_time)
    favours_keys = access_path._favours_keys

    async def favours_keys_late(reader: Reader, table: InputTable, window: Window) -> bool:
        favoured = await favours_keys(reader, table, window)
        deployment.write_anything("UPDATE {input}.{table} SET id = id + 50000 WHERE id BETWEEN 10310 AND 10490")
        return favoured

    monkeypatch.setattr(access_path, "_favours_keys", favours_keys_late)
    async with connect(deployment.input) as session:
        table = await describe_input(session, deployment.input_schema, deployment.table, "author_name")
    async with open_reader(deployment.input) as reader:
        expected = [row async for rows in reader.batches(*window_query(table, window)) for row in rows]
    async with open_reader(deployment.input) as reader:
        assert sorted([row async for rows in read_window(reader, table, window) for row in rows]) == sorted(expected)
    assert deployment.rows("SELECT COUNT(*) FROM {input}.{table} WHERE id > 50000") == [(181,)]


async def test_a_window_without_rows_is_read(deployment: TestDeployment) -> None:
    deployment.write_posts(odd_posts(100), id_type=KEYS["number"])
    async with connect(deployment.input) as session:
        table = await describe_input(session, deployment.input_schema, deployment.table, "author_name")
    async with open_reader(deployment.input) as reader:
        empty = Window(1, END + timedelta(days=1), END + timedelta(days=2))
        assert [rows async for rows in read_window(reader, table, empty)] == []
