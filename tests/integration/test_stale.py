"""Tasks whose patterns are not those of the files any more are marked where tasks are shown."""

import json

from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import PATTERNS, RANGE
from tests.helpers.running import run_in_process


async def test_list_and_status_mark_a_task_whose_pattern_files_have_changed(few_posts: TestDeployment) -> None:
    older = await run_in_process(few_posts, few_posts.request(**RANGE))
    assert stale(few_posts, older.task_id) == [False, False, False]
    assert "stale" not in few_posts.command("list").stdout + few_posts.command("status", older.task_id).stdout
    few_posts.write_patterns({**PATTERNS, "female": [("ann", "start")]})
    newer = await run_in_process(few_posts, few_posts.request(**RANGE))
    assert stale(few_posts, older.task_id) == [True, True, True]
    assert stale(few_posts, newer.task_id) == [False, False, False]
    header, *lines = (line.split("\t") for line in few_posts.command("list").stdout.splitlines())
    assert header[-1] == "patterns"
    assert {line[0]: line[-1] for line in lines} == {older.task_id: "stale", newer.task_id: ""}
    assert "stale: the pattern files have changed" in few_posts.command("status", older.task_id).stdout
    assert "stale" not in few_posts.command("status", newer.task_id).stdout
    few_posts.write_patterns(PATTERNS)
    assert stale(few_posts, older.task_id) == [False, False, False]


async def test_what_cannot_be_known_is_not_marked(few_posts: TestDeployment) -> None:
    task = await run_in_process(few_posts, few_posts.request(**RANGE))
    few_posts.write_patterns({"female": [("", "start")]})
    assert stale(few_posts, task.task_id) == [None, None, None]
    few_posts.write_patterns({"female": [("ann", "start")]})
    few_posts.write_anything("UPDATE {output}.state SET deployment = 'other'")
    assert stale(few_posts, task.task_id) == [None, None, None]


def stale(deployment: TestDeployment, task_id: str) -> list[object]:
    """Return what status says about a task, twice, and what list says."""
    status = json.loads(deployment.command("status", task_id, "--json").stdout)
    listed = json.loads(deployment.command("list", "--json").stdout)["content"]
    return [status["stale"], status["task"]["stale"], *(task["stale"] for task in listed if task["task_id"] == task_id)]
