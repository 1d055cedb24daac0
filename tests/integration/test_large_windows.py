"""Windows that are larger than what a worker holds at once."""

import tracemalloc

import pytest

from jobs.model import tally
from jobs.storage import windows
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts, post
from tests.helpers.running import run_in_process


async def test_a_window_too_large_for_memory_is_written_in_parts(
    deployment: TestDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "_MAX_VOTES", 20)
    monkeypatch.setattr(tally, "_MAX_AUTHORS", 20)
    posts = odd_posts(9_000, seed=10)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, index="")
    task = await run_in_process(deployment, deployment.request(**RANGE))
    assert task.windows == 1
    repeated = "SELECT 1 FROM {output}.fbfans GROUP BY source_author, panel HAVING COUNT(*) > 1 LIMIT 1"
    assert deployment.rows(repeated) == [(1,)]
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))


async def test_a_window_with_more_authors_than_fit_into_a_statement_is_counted_exactly_and_a_few_at_a_time(
    deployment: TestDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts([post(0, "Annie", str(START))], index="")
    deployment.write_anything(
        "INSERT INTO {input}.{table} (id, s_id, author, post_time)"
        " SELECT seq, 'WH_F0045', CONCAT('author ', seq), %s FROM mysql.seq_1_to_300000",
        START,
    )
    task = await run_in_process(deployment, deployment.request(**RANGE))
    assert (task.windows, task.error, task.uniq_source_author, task.length_prod_table) == (1, None, "300001", "1")
    monkeypatch.setattr(windows, "_POSTS_AT_ONCE", 20_000)
    async with deployment.output_session() as session:
        tracemalloc.start()
        counts = await windows.count_authors(session, task.ref, ["female"] * 20)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert counts.all == {"fbfans": 300_001}
    assert peak < 10_000_000  # all at once take 20 MB
