"""Alerts: stored with what they are about, in one transaction."""

import json
from typing import Any

from pydantic import SecretStr

from jobs import services
from jobs.errors import DatabaseError
from jobs.storage import alerts, state
from tests.helpers.deployment import TestDeployment
from tests.helpers.running import run_in_process
from tests.helpers.triggers import refuse_rows

SECRET = "hook-9f3a7c"
URL = {"notify_url": SecretStr(f"http://127.0.0.1:9/{SECRET}")}


def stored(deployment: TestDeployment) -> list[dict[str, Any]]:
    """Return the documents of the alerts that wait."""
    return [json.loads(text) for (text,) in deployment.rows("SELECT document FROM {output}.alert ORDER BY created")]


async def test_a_failed_task_leaves_an_alert_that_says_what_failed(one_post: TestDeployment) -> None:
    first = await run_in_process(one_post.with_settings(**URL), one_post.request())
    assert first.produced and stored(one_post) == []
    one_post.write_anything(refuse_rows("task_result"))
    task = await run_in_process(one_post.with_settings(**URL), one_post.request())
    (document,) = stored(one_post)
    assert (document["event"], document["deployment"]) == ("task_failed", "default")
    assert document["error"] == task.error and "no more rows" in (task.error or "")
    assert document["task"]["task_id"] == task.task_id and document["task"]["stat"] == "FAILURE"
    assert task.task_id in document["text"]


async def test_a_finished_task_leaves_an_alert_only_by_choice(one_post: TestDeployment) -> None:
    await run_in_process(one_post.with_settings(**URL), one_post.request())
    assert stored(one_post) == []
    task = await run_in_process(one_post.with_settings(**URL, notify_on="all"), one_post.request())
    (document,) = stored(one_post)
    assert (document["event"], document["task"]["task_id"]) == ("task_finished", task.task_id)
    assert document["task"]["results"] == [{"result": "fbfans", "rows": 1, "authors": 1, "rate": 100.0}]


async def test_without_a_receiver_no_alert_is_stored(one_post: TestDeployment) -> None:
    await run_in_process(one_post, one_post.request())
    one_post.write_anything(refuse_rows("task_result"))
    assert (await run_in_process(one_post, one_post.request())).stat == "FAILURE"
    assert stored(one_post) == []


async def test_a_task_fails_with_its_alert_or_not_at_all(one_post: TestDeployment) -> None:
    ref = one_post.ref(await services.create_task(one_post, one_post.request()))
    one_post.write_anything(refuse_rows("alert"))
    async with one_post.output_session() as session:
        try:
            await state.fail(session, ref, "a reason", alert=True)
        except DatabaseError as error:
            assert "no more rows" in str(error)
    assert (await services.check_status(one_post, ref.task_id)).stat == "PENDING"


async def test_a_task_in_a_schema_of_an_earlier_release_fails_without_an_alert(one_post: TestDeployment) -> None:
    ref = one_post.ref(await services.create_task(one_post, one_post.request()))
    one_post.write_anything("DROP TABLE {output}.alert")
    async with one_post.output_session() as session:
        assert await state.fail(session, ref, "a reason", alert=True)
        assert one_post.output_schema not in await alerts.schemas(session)
    assert (await services.check_status(one_post, ref.task_id)).stat == "FAILURE"
