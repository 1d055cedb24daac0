"""Explaining a text by the patterns that a task froze."""

import json

import pytest

from jobs import services
from jobs.errors import StateUnreadable
from jobs.storage.compressed import deflate
from tests.helpers.deployment import TestDeployment
from tests.helpers.running import run_in_process, work_in_process


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


async def test_a_task_explains_although_its_input_table_is_stored_as_an_earlier_release_did(
    one_post: TestDeployment,
) -> None:
    task_id = await services.create_task(one_post, one_post.request())
    one_post.write_anything("UPDATE {output}.task_definition SET input = %s", deflate(b'{"schema": "posts"}'))
    explainer = await services.load_task_explainer(one_post, task_id)
    assert explainer.explain("Annie").hits[0].label == "female"
    with pytest.raises(ValueError, match=r"of another release: \w+: Field required$"):
        await work_in_process(one_post, one_post.ref(task_id))


@pytest.mark.parametrize("damage", [b"x", deflate(b"["), deflate(b"[]")])
async def test_what_is_kept_of_a_task_but_damaged_is_an_error_with_a_code(
    one_post: TestDeployment, damage: bytes
) -> None:
    task = await run_in_process(one_post, one_post.request())
    one_post.write_anything("UPDATE {output}.task_hit SET hits = %s", damage)
    with pytest.raises(StateUnreadable, match="cannot read the hits"):
        await services.task_hits(one_post, task.task_id)
    one_post.write_anything("UPDATE {output}.task_patterns SET patterns = %s", damage)
    for call in (services.load_task_explainer, services.diff_now):
        with pytest.raises(StateUnreadable, match="cannot read the patterns"):
            await call(one_post, task.task_id)
