"""Explaining a text by the patterns that a task froze."""

import json

from jobs import services
from tests.helpers.deployment import TestDeployment


async def test_a_task_explains_by_the_patterns_that_it_froze(one_post: TestDeployment) -> None:
    task_id = await services.create_task(one_post, one_post.request())
    one_post.write_patterns({"female": [("nothing", "exactly")]})
    done = one_post.command("explain", "Annie", "--task", task_id, "--json")
    (text,) = json.loads(done.stdout)["content"]
    hit = text["hits"][0]
    assert (text["label"], hit["pattern"], hit["file"], hit["line"]) == ("female", "ann", None, 2)
    assert json.loads(one_post.command("explain", "Annie", "--json").stdout)["content"][0]["label"] is None


async def test_tasks_whose_patterns_are_not_kept_and_unknown_ones_are_refused(one_post: TestDeployment) -> None:
    task_id = await services.create_task(one_post, one_post.request())
    one_post.write_anything("DELETE FROM {output}.task_definition")
    for value, code in ((task_id, 409), ("0" * 32, 400), ("x", 400)):
        done = one_post.command("explain", "Annie", "--task", value, "--json")
        assert (done.returncode, json.loads(done.stdout)["error_code"]) == (1, code)
