"""Events: what has happened to a task, kept in MariaDB."""

from dataclasses import replace

import pytest

from jobs import services
from jobs.errors import DatabaseError
from jobs.model.event import EventKind
from jobs.model.task import Task
from jobs.storage import events, state
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from tests.helpers.deployment import TestDeployment
from tests.helpers.running import run_in_process, work_in_process

pytestmark = pytest.mark.timeout(60)


async def kinds(deployment: TestDeployment, task: Task) -> list[str]:
    return [event.kind for event in await services.task_events(deployment, task)]


async def test_what_happens_to_a_task_is_kept_in_order_with_who_did_it(one_post: TestDeployment) -> None:
    task_id = await services.create_task(one_post, one_post.request())
    await services.abort_task(one_post, task_id)
    await services.resume_task(one_post, task_id)
    await work_in_process(one_post, one_post.ref(task_id))
    found = await services.task_events(one_post, await services.check_status(one_post, task_id))
    assert [event.kind for event in found] == [
        *("created", "aborted", "resumed", "started", "labelled", "joined", "produced"),
    ]
    by_kind = {event.kind: event.words for event in found}
    assert "@" in by_kind["created"] and by_kind["created"] == by_kind["aborted"] == by_kind["resumed"]
    assert by_kind["started"] == f"worker {WorkerContext(one_post).name}"
    assert (by_kind["labelled"], by_kind["produced"]) == ("fbfans", "1 author")
    assert sorted(event.at for event in found) == [event.at for event in found]


async def test_a_failure_and_each_retry_before_it_are_kept_with_their_reasons(one_post: TestDeployment) -> None:
    task_id = await services.create_task(one_post, one_post.request())
    context = WorkerContext(one_post)
    lane = LabelLane(context, one_post.ref(task_id))
    lane.claimed, lane.number = "window 1", 1
    for _ in range(8):
        await lane._handle(DatabaseError("input server", 2013, "connection lost"))
    task = await services.check_status(one_post, task_id)
    found = await services.task_events(one_post, task)
    assert [event.kind for event in found] == ["created", *["retried"] * 7, "failed"]
    assert "attempt 1 of 8" in found[1].words and found[-1].words == task.error


async def test_events_are_bounded_and_the_end_of_a_task_has_room(one_post: TestDeployment) -> None:
    task_id = await services.create_task(one_post, one_post.request())
    ref = one_post.ref(task_id)
    async with one_post.output_session() as session:
        for _ in range(120):
            await events.record(session, ref, EventKind.RETRIED, "x" * 5_000)
    await services.abort_task(one_post, task_id)
    found = await services.task_events(one_post, await services.check_status(one_post, task_id))
    assert len(found) <= 102 and found[-1].kind == "aborted"
    assert max(len(event.words) for event in found) == 2_000


async def test_a_task_that_is_queued_again_says_so(one_post: TestDeployment) -> None:
    task_id = await services.create_task(one_post, one_post.request())
    task = await services.check_status(one_post, task_id)
    async with one_post.output_session() as session:
        assert not await state.requeue(session, task, 60), "it has a heartbeat"
        one_post.age_heartbeats()
        assert not await state.requeue(session, replace(task, generation=7), 60)
        assert await state.requeue(session, task, 60)
    assert await kinds(one_post, task) == ["created", "requeued"]


async def test_a_task_of_a_release_without_events_has_none_until_it_is_resumed(one_post: TestDeployment) -> None:
    task_id = await services.create_task(one_post, one_post.request())
    one_post.write_anything("DROP TABLE {output}.task_event")
    assert await kinds(one_post, await services.abort_task(one_post, task_id)) == []
    task = await services.resume_task(one_post, task_id)
    assert await kinds(one_post, task) == ["resumed"]
    await work_in_process(one_post, task.ref)
    assert (await services.check_status(one_post, task_id)).produced
    assert "produced" in await kinds(one_post, task)


async def test_status_shows_the_last_events(one_post: TestDeployment) -> None:
    task = await run_in_process(one_post, one_post.request())
    printed = one_post.command("status", task.task_id).stdout
    assert "produced 1 author" in printed and "labelled fbfans" in printed
    assert '"kind": "created"' in one_post.command("status", task.task_id, "--json").stdout
