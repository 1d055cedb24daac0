"""What the patterns of a task decided, against the naive oracle."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import services
from jobs.errors import Conflict
from jobs.model import tally as tally_module
from jobs.services import TaskHits
from jobs.storage.compressed import deflate
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import Patterns, Post, SourceMap, decide
from tests.helpers.posts import END, PATTERNS, RANGE, RULES, SOURCES, START, odd_posts
from tests.helpers.running import run_in_process, work_in_process

RESULTS_OF: dict[str, tuple[str, ...]] = {"WH_F0045": ("fbfans", "forum"), "WH_F0116": ("Dcard", "forum")}
SOURCES_FILE = '[results]\nfbfans = ["WH_F0045"]\nDcard = ["WH_F0116"]\nforum = ["WH_F0045", "WH_F0116"]\n'

Counts = dict[str, dict[Any, tuple[int, int]]]
"""Rows and authors, by result and key."""


def expected(posts: Sequence[Post], patterns: Patterns, sources: SourceMap, column: str) -> tuple[Counts, Counts]:
    """Return the rows and authors of each pattern, then of each panel."""
    rows: defaultdict[tuple[str, Any], int] = defaultdict(int)
    authors: defaultdict[tuple[str, Any], set[tuple[str, str]]] = defaultdict(set)
    for post in posts:
        if post.s_id is None or post.author is None or not START <= post.post_time <= END:
            continue
        text = getattr(post, column)
        decided = None if text is None else decide(text, patterns)
        if decided is None:
            continue
        named = sources.get(post.s_id, "other")
        for result in (named,) if isinstance(named, str) else named:
            for key in (decided, f"/{decided[0]}"):
                rows[result, key] += 1
                authors[result, key].add((post.s_id, post.author))
    found: tuple[Counts, Counts] = (defaultdict(dict), defaultdict(dict))
    for (result, key), count in rows.items():
        found[isinstance(key, str)][result][key] = count, len(authors[result, key])
    return found


def counted(hits: TaskHits) -> tuple[Counts, Counts]:
    """Return the same of a task."""
    patterns: Counts = {
        result: {
            (count.label, str(count.pattern)): (count.rows, count.authors) for count in hits.pattern_counts(result)
        }
        for result in hits.results
    }
    panels: Counts = {
        result: {count.panel: (count.rows, count.authors) for count in hits.panel_counts(result)}
        for result in hits.results
    }
    return patterns, panels


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 1_000),
    st.sampled_from(["author", "s_area_id", "title", "content"]),
    st.sampled_from([PATTERNS, RULES]),
    st.sampled_from([30, 200, 100_000]),
    st.sampled_from([5, 50_000]),
    st.sampled_from([5, 85_000]),
)
def test_every_row_and_author_counts_for_the_pattern_that_decided_however_the_range_is_cut(
    deployment: TestDeployment, seed: int, column: str, patterns: Patterns, window_rows: int, votes: int, authors: int
) -> None:
    posts = odd_posts(600, seed=seed)
    deployment.write_anything("DROP DATABASE IF EXISTS {output}")
    deployment.write_posts(posts)
    deployment.write_sources(SOURCES_FILE)
    predict_type = "author_name" if column == "author" else column
    deployment.write_patterns(patterns, predict_type)
    model_type = "keyword_model" if patterns is PATTERNS else "rule_model"
    request = deployment.request(**RANGE, model_type=model_type, predict_type=predict_type)
    with patch.multiple(tally_module, _MAX_VOTES=votes, _MAX_AUTHORS=authors):
        task = asyncio.run(run_in_process(deployment.with_settings(window_rows=window_rows), request))
    hits = asyncio.run(services.task_hits(deployment, task.task_id))
    of_patterns, of_panels = expected(posts, patterns, RESULTS_OF, column)
    assert counted(hits) == (of_patterns, of_panels)
    used = {pattern for found in of_patterns.values() for pattern in found}
    everything = [
        (label, line if isinstance(line, str) else " ".join(line))
        for label in sorted(patterns)
        for line in patterns[label]
    ]
    assert [(count.label, str(count.pattern)) for count in hits.unused()] == [
        pattern for pattern in everything if pattern not in used
    ]


async def test_hits_outlive_the_label_rows_and_the_windows(few_posts: TestDeployment) -> None:
    task = await run_in_process(few_posts, few_posts.request(**RANGE))
    before = counted(await services.task_hits(few_posts, task.task_id))
    assert before[0] == expected(odd_posts(2_000, seed=8), PATTERNS, SOURCES, "author")[0]
    for table in (*task.results, "task_window", "task_result", "task_author", "task_unit"):
        few_posts.write_anything(f"DELETE FROM {{output}}.`{table}`")
    assert counted(await services.task_hits(few_posts, task.task_id)) == before


async def test_a_task_that_is_labelled_again_counts_once(few_posts: TestDeployment) -> None:
    task_id = await services.create_task(few_posts, few_posts.request(**RANGE))
    ref = few_posts.ref(task_id)
    assert await LabelLane(WorkerContext(few_posts), ref).run()
    before = counted(await services.task_hits(few_posts, task_id))
    await services.abort_task(few_posts, task_id)
    assert counted(await services.task_hits(few_posts, task_id)) == before
    few_posts.write_anything("DELETE FROM {output}.fbfans LIMIT 1")
    await services.resume_task(few_posts, task_id)
    with pytest.raises(Conflict, match="PENDING"):
        await services.task_hits(few_posts, task_id)
    await work_in_process(few_posts, ref)
    assert counted(await services.task_hits(few_posts, task_id)) == before


async def test_hits_that_were_not_counted_are_a_conflict_that_says_why(few_posts: TestDeployment) -> None:
    task = await run_in_process(few_posts, few_posts.request(**RANGE))
    few_posts.write_anything("DELETE FROM {output}.task_hit WHERE result = 'fbfans'")
    with pytest.raises(Conflict, match="earlier release"):
        await services.task_hits(few_posts, task.task_id)
    few_posts.write_anything("DROP TABLE {output}.task_hit")
    with pytest.raises(Conflict, match="earlier release"):
        await services.task_hits(few_posts, task.task_id)
    other = await services.create_task(few_posts, few_posts.request(**RANGE))
    await services.abort_task(few_posts, other)
    with pytest.raises(Conflict, match="audience resume"):
        await services.task_hits(few_posts, other)


@pytest.mark.parametrize("counts", [None, deflate(b"[[0, 1], [2, 17]]"), deflate(b"[[0, 123]]      ")])
async def test_windows_that_an_earlier_release_labelled_leave_no_wrong_counts(
    few_posts: TestDeployment, counts: bytes | None
) -> None:
    cut = few_posts.with_settings(window_rows=200)
    task_id = await services.create_task(cut, few_posts.request(**RANGE))
    few_posts.write_anything(
        "CREATE TRIGGER {output}.older BEFORE INSERT ON {output}.task_result FOR EACH ROW"
        " SET NEW.hits = IF(NEW.number = 2, %s, NEW.hits)",
        counts,
    )
    await work_in_process(few_posts, few_posts.ref(task_id))
    assert (await services.check_status(few_posts, task_id)).produced
    with pytest.raises(Conflict, match="earlier release"):
        await services.task_hits(few_posts, task_id)


async def test_every_pattern_of_a_task_that_labelled_nothing_is_without_a_hit(deployment: TestDeployment) -> None:
    deployment.write_patterns({"female": [("nobody is called this", "exactly")]})
    deployment.write_posts(odd_posts(100))
    task = await run_in_process(deployment, deployment.request(**RANGE))
    hits = await services.task_hits(deployment, task.task_id)
    assert (hits.results, [str(count.pattern) for count in hits.unused()]) == ({}, ["nobody is called this exactly"])


async def test_the_command_prints_hits_as_json_and_as_lines(few_posts: TestDeployment) -> None:
    task = await run_in_process(few_posts, few_posts.request(**RANGE))
    of_patterns, of_panels = expected(odd_posts(2_000, seed=8), PATTERNS, SOURCES, "author")
    document = json.loads(few_posts.command("hits", task.task_id, "--json").stdout)
    assert (document["error_code"], document["task_id"]) == (200, task.task_id)
    assert {found["result"]: [one["rows"] for one in found["patterns"]] for found in document["results"]} == {
        result: sorted((rows for rows, _ in found.values()), reverse=True) for result, found in of_patterns.items()
    }
    panels = {
        found["result"]: {one["panel"]: (one["rows"], one["authors"]) for one in found["panels"]}
        for found in document["results"]
    }
    assert panels == of_panels
    lines = few_posts.command("hits", task.task_id).stdout.splitlines()
    assert lines[0].split("\t") == ["result", "label", "line", "pattern", "match_type", "rows", "authors"]
    of_results = Counter(line.split("\t")[0] for line in lines[1:])
    assert of_results[""] == len(document["unused"])
    assert all(of_results[result] == len(found) for result, found in of_patterns.items())
    unknown = few_posts.command("hits", "0" * 32)
    assert (unknown.returncode, unknown.stdout) == (1, "") and "unknown task id" in unknown.stderr
