"""Every row of the range is read exactly once, by whichever access path."""

import pytest

from jobs import services
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


async def test_a_primary_key_of_several_columns_is_cut_by_the_first(deployment: TestDeployment) -> None:
    posts = [one for one in odd_posts(3_000, seed=7) if one.s_id is not None]
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, id_type="VARCHAR(64)", index=", PRIMARY KEY (s_id, id)")
    task = await run_in_process(deployment.with_settings(window_rows=300), deployment.request(**RANGE))
    assert 1 < (task.windows or 0) <= 7
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))


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
