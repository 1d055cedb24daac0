"""Whichever way a table is read, every row of the range is read exactly once."""

import pytest

from jobs.model import tally
from jobs.services import tasks as services
from tests.helpers.deployment import TestSite, finished, post, run_in_process
from tests.helpers.oracle import Post, outcome
from tests.helpers.posts import END, PATTERNS, SOURCES, START, odd_posts
from tests.integration.test_end_to_end import RANGE, assert_equals

KEYS = {
    "number": "BIGINT PRIMARY KEY",
    "text": "VARCHAR(64) PRIMARY KEY",
    "text of another charset and order": "VARCHAR(64) CHARACTER SET latin1 COLLATE latin1_german2_ci PRIMARY KEY",
}
INDEX = ", INDEX (post_time)"


@pytest.mark.parametrize("index", [INDEX, ""], ids=["indexed", "not indexed"])
@pytest.mark.parametrize("key", KEYS)
async def test_a_range_over_most_of_a_table_is_read_in_windows_of_its_primary_key(
    site: TestSite, key: str, index: str
) -> None:
    posts = odd_posts(6_000, seed=5)
    site.write_patterns(PATTERNS)
    site.write_posts(posts, id_type=KEYS[key], index=index)
    task = await run_in_process(site.with_settings(window_rows=300), site.request(**RANGE))
    assert (task.windows or 0) > 10
    windows = site.rows("SELECT from_key, before_key, received FROM {output}.task_window")
    assert all(from_key or before_key for from_key, before_key, _ in windows)
    assert max(received for _, _, received in windows) < 1_500
    assert_equals(site, task, outcome(posts, PATTERNS, SOURCES, START, END, integer_id=key == "number"))


async def test_a_small_part_of_a_table_is_read_through_the_index_on_post_time(site: TestSite) -> None:
    posts = odd_posts(6_000, seed=6)
    site.write_patterns(PATTERNS)
    site.write_posts(posts, id_type=KEYS["number"])
    end = START + (END - START) / 10
    asked = site.request(start_time=str(START), end_time=str(end))
    task = await run_in_process(site.with_settings(window_rows=100), asked)
    assert (task.windows or 0) > 2
    assert site.rows("SELECT DISTINCT from_key, before_key FROM {output}.task_window") == [(None, None)]
    assert_equals(site, task, outcome(posts, PATTERNS, SOURCES, START, end, integer_id=True))


async def test_a_primary_key_of_several_columns_is_cut_by_the_first(site: TestSite) -> None:
    posts = [one for one in odd_posts(3_000, seed=7) if one.s_id is not None]
    site.write_patterns(PATTERNS)
    site.write_posts(posts, id_type="VARCHAR(64)", index=", PRIMARY KEY (s_id, id)")
    task = await run_in_process(site.with_settings(window_rows=300), site.request(**RANGE))
    assert 1 < (task.windows or 0) <= 7
    assert_equals(site, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_workers_share_windows_of_the_primary_key(site: TestSite) -> None:
    posts = odd_posts(20_000, seed=8)
    site.write_patterns(PATTERNS)
    site.write_posts(posts, id_type=KEYS["text"])
    cut = site.with_settings(window_rows=500)
    with site.workers(2):
        task = await finished(site, await services.create_task(cut, site.request(**RANGE)))
    assert_equals(site, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_rows_that_come_while_a_task_runs_are_in_one_window_at_most(site: TestSite) -> None:
    site.write_patterns(PATTERNS)
    site.write_posts(odd_posts(2_000, seed=9), id_type=KEYS["number"])
    task_id = await services.create_task(site.with_settings(window_rows=100), site.request(**RANGE))
    windows = site.rows("SELECT from_key, before_key FROM {output}.task_window ORDER BY number")
    assert windows[0][0] is None and windows[-1][1] is None
    assert [before for _, before in windows[:-1]] == [from_key for from_key, _ in windows[1:]]
    await services.abort(site, task_id)


async def test_columns_of_different_charsets_are_read_alike(site: TestSite) -> None:
    site.write_patterns(PATTERNS)
    posts = [
        post(1, "Annie", "2020-03-02 00:00:00"),
        post(2, "志明", "2020-03-02 00:00:00"),
        post(3, "Groß", "2020-03-03"),
    ]
    site.write_posts(posts)
    table = "{input}.`ts page-content`"
    site.write_anything(
        f"ALTER TABLE {table} MODIFY s_id VARCHAR(32) CHARACTER SET latin1,"
        " MODIFY author VARCHAR(255) CHARACTER SET utf8mb3, MODIFY id VARCHAR(64) CHARACTER SET big5"
    )
    task = await run_in_process(site, site.request(**RANGE))
    assert_equals(site, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_a_window_too_large_to_hold_is_written_in_parts(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "_MOST_ENTRIES", 100)
    posts: list[Post] = odd_posts(9_000, seed=10)
    site.write_patterns(PATTERNS)
    site.write_posts(posts, index="")
    task = await run_in_process(site, site.request(**RANGE))
    assert task.windows == 1
    repeated = "SELECT 1 FROM {output}.fbfans GROUP BY source_author, panel HAVING COUNT(*) > 1 LIMIT 1"
    assert site.rows(repeated) == [(1,)]
    assert_equals(site, task, outcome(posts, PATTERNS, SOURCES, START, END))
