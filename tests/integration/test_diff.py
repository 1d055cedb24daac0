"""The difference between two tasks, against the naive oracle."""

import asyncio
import json
from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import services
from jobs.errors import Conflict, InvalidValue, ResultUnreadable
from jobs.model.difference import KINDS
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import Outcome, Patterns, decide, outcome
from tests.helpers.posts import END, PATTERNS, RANGE, RULES, SOURCES, START, odd_posts
from tests.helpers.running import run_in_process

CHANGED: Patterns = {
    "female": [("雅婷", "partially"), ("sun", "exactly"), ("小美", "exactly")],
    "male": [("志明", "partially"), ("tan", "end"), ("author 1", "start"), ("ann", "start")],
    "團體": [("fan club", "partially")],
}
CHANGED_RULES: Patterns = {"female": ["我老公", "dad"], "male": ["my (wife|girlfriend)", "我", "^姐妹"]}

Key = tuple[str, str]
"""Result and source_author."""


def panels(found: Outcome) -> dict[Key, dict[str, str]]:
    """Return the matched text of each panel that an author has in production."""
    by_author: defaultdict[Key, dict[str, str]] = defaultdict(dict)
    for table, rows in found.production.items():
        for _, source_author, panel, _, _, text in rows:
            by_author[table.removeprefix("wh_panel_mapping_"), source_author][panel] = text
    return by_author


def kind(before: dict[str, str], after: dict[str, str]) -> str:
    if before.keys() == after.keys():
        return "same"
    return "gained" if not before else "lost" if not after else "changed"


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 1_000),
    st.sampled_from(["author", "content"]),
    st.sampled_from([0, 30]),
    st.booleans(),
    st.booleans(),
)
def test_every_author_and_pattern_is_counted_with_and_without_label_rows(
    deployment: TestDeployment, seed: int, column: str, days: int, swapped: bool, cleaned: bool
) -> None:
    posts = odd_posts(700, seed=seed)
    deployment.write_anything("DROP DATABASE IF EXISTS {output}")
    deployment.write_posts(posts)
    predict_type, model_type = ("author_name", "keyword_model") if column == "author" else (column, "rule_model")
    sets = [PATTERNS, CHANGED] if column == "author" else [RULES, CHANGED_RULES]
    if swapped:
        sets.reverse()
    starts = [START, START.replace(day=START.day + days)] if days else [START, START]
    tasks, outcomes = [], []
    for patterns, start in zip(sets, starts, strict=True):
        deployment.write_patterns(patterns, predict_type)
        request = deployment.request(
            start_time=str(start), end_time=str(END), model_type=model_type, predict_type=predict_type
        )
        tasks.append(asyncio.run(run_in_process(deployment, request)))
        outcomes.append(panels(outcome(posts, patterns, SOURCES, start, END, column=column)))
    if cleaned:
        for result in {result for task in tasks for result in task.results}:
            deployment.write_anything(f"DELETE FROM {{output}}.`{result}`")

    before, after = outcomes
    expected: defaultdict[str, Counter[str]] = defaultdict(Counter)
    moves: Counter[Any] = Counter()
    made: Counter[Any] = Counter()
    for key in before.keys() | after.keys():
        sides = before.get(key, {}), after.get(key, {})
        what = kind(*sides)
        expected[key[0]][what] += 1
        if what == "changed":
            moves[key[0], tuple(sorted(sides[0])), tuple(sorted(sides[1]))] += 1
        for name, here, there, patterns in zip(("before", "after"), sides, reversed(sides), sets, strict=True):
            for panel in here.keys() - there.keys():
                made[name, decide(here[panel], patterns), what] += 1
    expected_authors = {
        kind_: {key for key in before.keys() | after.keys() if kind(before.get(key, {}), after.get(key, {})) == kind_}
        for kind_ in KINDS
    }

    for listed in KINDS:
        found = asyncio.run(services.diff_tasks(deployment, tasks[0].task_id, tasks[1].task_id, (listed,), 10_000))
        assert {(change.result, change.source_author) for change in found.changes} == expected_authors[listed]
        for change in found.changes:
            key = change.result, change.source_author
            assert change.before == tuple(sorted(before.get(key, ())))
            assert change.after == tuple(sorted(after.get(key, ())))
    assert {
        result: Counter({"same": one.same, "gained": one.gained, "lost": one.lost, "changed": one.changed})
        for result, one in found.results.items()
    } == {result: counts | Counter() for result, counts in expected.items()}
    assert {(result, *move[:2]): move[2] for result, one in found.results.items() for move in one.moves} == moves
    assert found.patterns is not None
    assert {
        (one.side, (one.label, str(one.pattern)), what): count
        for one in found.patterns
        for what, count in (("gained", one.gained), ("lost", one.lost), ("changed", one.changed))
        if count
    } == made
    for one in found.patterns:
        line = str(one.pattern) if one.pattern.match_type == "regex" else (one.pattern.text, one.pattern.match_type)
        assert one.in_both == all(line in patterns[one.label] for patterns in sets)
    assert [one.authors for one in found.patterns] == sorted((one.authors for one in found.patterns), reverse=True)


async def two_tasks(deployment: TestDeployment) -> tuple[str, str]:
    """Run a task, change the patterns, and run another."""
    before = await run_in_process(deployment, deployment.request(**RANGE))
    deployment.write_patterns(CHANGED)
    return before.task_id, (await run_in_process(deployment, deployment.request(**RANGE))).task_id


async def test_a_task_does_not_differ_from_itself(few_posts: TestDeployment) -> None:
    task = await run_in_process(few_posts, few_posts.request(**RANGE))
    found = await services.diff_tasks(few_posts, task.task_id, task.task_id)
    assert found.patterns == []
    assert {
        result: (one.same > 0, one.gained, one.lost, one.changed) for result, one in found.results.items()
    } == dict.fromkeys(task.results, (True, 0, 0, 0))


async def test_patterns_that_are_not_kept_leave_the_counts_and_it_says_so(few_posts: TestDeployment) -> None:
    before, after = await two_tasks(few_posts)
    whole = await services.diff_tasks(few_posts, before, after, ["changed"])
    assert whole.patterns and all(change.pattern_before and change.pattern_after for change in whole.changes)
    few_posts.write_anything("DELETE FROM {output}.task_definition WHERE task_id = %s", before)
    found = await services.diff_tasks(few_posts, before, after, ["changed"])
    assert found.patterns is None and found.results == whole.results
    assert {change.pattern_before for change in found.changes} == {None}
    assert "not known" in few_posts.command("diff", before, after).stdout
    assert json.loads(few_posts.command("diff", before, after, "--json").stdout)["patterns"] is None


async def test_production_rows_that_are_gone_are_an_error_and_not_lost_authors(few_posts: TestDeployment) -> None:
    before, after = await two_tasks(few_posts)
    few_posts.write_anything("DELETE FROM {output}.wh_panel_mapping_fbfans WHERE task_id = %s LIMIT 1", after)
    with pytest.raises(ResultUnreadable, match="wh_panel_mapping_fbfans has"):
        await services.diff_tasks(few_posts, before, after)
    few_posts.write_anything("DROP TABLE {output}.wh_panel_mapping_fbfans")
    with pytest.raises(ResultUnreadable, match="wh_panel_mapping_fbfans"):
        await services.diff_tasks(few_posts, before, after)


async def test_only_finished_tasks_compare(few_posts: TestDeployment) -> None:
    task = await run_in_process(few_posts, few_posts.request(**RANGE))
    other = await services.create_task(few_posts, few_posts.request(**RANGE))
    for pair in ((task.task_id, other), (other, task.task_id)):
        with pytest.raises(Conflict, match="PENDING"):
            await services.diff_tasks(few_posts, *pair)
    with pytest.raises(InvalidValue):
        await services.diff_tasks(few_posts, task.task_id, task.task_id, ["lost"], 0)


async def test_the_command_prints_counts_and_authors_as_json_and_as_lines(few_posts: TestDeployment) -> None:
    before, after = await two_tasks(few_posts)
    found = await services.diff_tasks(few_posts, before, after, ["lost"], 3)
    assert len(found.changes) == 3
    document = json.loads(few_posts.command("diff", before, after, "--list", "lost", "--limit", "3", "--json").stdout)
    assert (document["error_code"], document["before"], document["after"]) == (200, before, after)
    assert [entry["source_author"] for entry in document["content"]] == [one.source_author for one in found.changes]
    assert {entry["result"]: entry["lost"] for entry in document["results"]} == {
        result: one.lost for result, one in found.results.items()
    }
    assert [entry["line"] for entry in document["patterns"]] == [one.line for one in found.patterns or ()]
    assert "content" not in json.loads(few_posts.command("diff", before, after, "--json").stdout)
    lines = few_posts.command("diff", before, after, "--list", "lost", "--limit", "3").stdout.splitlines()
    assert [line.split("\t")[1] for line in lines[1:]] == [one.source_author for one in found.changes]
    shown = few_posts.command("diff", before, after).stdout
    assert "result\tgained\tlost\tchanged\tsame\n" in shown and "in the other task" in shown
    wrong = few_posts.command("diff", before, after, "--list", "new")
    assert wrong.returncode == 1 and "expected gained, lost, changed" in wrong.stderr


async def test_a_task_compares_with_the_pattern_files_as_they_are_over_a_sample(few_posts: TestDeployment) -> None:
    task = await run_in_process(few_posts, few_posts.request(**RANGE))
    same = await services.diff_now(few_posts, task.task_id)
    assert (same.everything, same.rows, same.patterns) == (True, task.length_receive_table, [])
    few_posts.write_patterns(CHANGED)
    rows = [post for post in odd_posts(2_000, seed=8) if START <= post.post_time <= END]
    expected: Counter[str] = Counter()
    made: Counter[Any] = Counter()
    for row in rows:
        if row.author is not None and row.s_id is not None:
            decided = decide(row.author, PATTERNS), decide(row.author, CHANGED)
            sides = [{one[0]: ""} if one else {} for one in decided]
            what = kind(*sides)
            if what != "same":
                expected[what] += 1
                made.update((name, one, what) for name, one in zip(("before", "after"), decided, strict=True) if one)
    found = await services.diff_now(few_posts, task.task_id, listed=["changed"], limit=3)
    one = found.difference
    assert Counter({"gained": one.gained, "lost": one.lost, "changed": one.changed}) == expected
    assert {name: share.value for name, share in found.shares.items()} == {
        name: expected[name] / found.rows for name in KINDS
    }
    assert {
        (one.side, (one.label, str(one.pattern)), what): count
        for one in found.patterns
        for what, count in (("gained", one.gained), ("lost", one.lost), ("changed", one.changed))
        if count
    } == made
    assert len(found.changes) == 3 and all(change.pattern_before and change.pattern_after for change in found.changes)
    document = json.loads(few_posts.command("diff", task.task_id, "--now", "--json").stdout)
    assert document["gained"]["share"] == expected["gained"] / found.rows
    assert "of the range" in few_posts.command("diff", task.task_id, "--now").stdout
    for arguments in ((task.task_id,), (task.task_id, task.task_id, "--now")):
        wrong = few_posts.command("diff", *arguments)
        assert wrong.returncode == 1 and "--now" in wrong.stderr
