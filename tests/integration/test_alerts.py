"""Alerts: stored in the transaction that they are about, and delivered at last whatever the receiver does."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

import jobs.notify
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import DatabaseError
from jobs.model.alert import Alert, AlertEvent
from jobs.storage import alerts, state
from jobs.storage.task_tables import ensure_task_tables
from jobs.worker.alerts import send_alerts
from jobs.worker.housekeeping import sweep
from tests.helpers.deployment import TestDeployment
from tests.helpers.receiver import Receiver, receiver
from tests.helpers.running import run_in_process, until
from tests.helpers.triggers import refuse_rows

URL = {"notify_url": SecretStr("http://127.0.0.1:9/hook")}


@pytest.fixture
def hook() -> Iterator[Receiver]:
    """A receiver that accepts everything, until the test changes its mind."""
    with receiver() as running:
        yield running


async def store(deployment: TestDeployment, *texts: str, name: str = "default") -> None:
    """Store an alert with each of these texts."""
    async with deployment.output_session() as session:
        await ensure_task_tables(session, deployment.output_schema)
        for text in texts:
            await alerts.add(session, deployment.output_schema, Alert(AlertEvent.SCHEDULE_FAILED, name, text))


def hurry(deployment: TestDeployment) -> None:
    """Make the next attempt at every alert due."""
    deployment.write_anything("UPDATE {output}.alert SET due_at = due_at - INTERVAL 1 DAY")


def to(hook: Receiver, deployment: TestDeployment) -> Deployment:
    """Return a deployment that sends its alerts to a receiver."""
    return deployment.with_settings(notify_url=hook.url)


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


async def test_an_accepted_alert_is_sent_once_with_its_id_and_time(deployment: TestDeployment, hook: Receiver) -> None:
    await store(deployment, "first", "second")
    for _ in range(2):
        await send_alerts(to(hook, deployment))
    assert [document["text"] for document in hook.documents] == ["first", "second"]
    ids = {document["id"] for document in hook.documents}
    assert len(ids) == 2 and all(len(alert_id) == 32 for alert_id in ids)
    assert {(document["version"], document["created"][-1]) for document in hook.documents} == {(1, "Z")}
    assert deployment.count("TRUE", "alert") == 0


@pytest.mark.parametrize(("status", "words"), [(500, "it answered 500 Internal Server Error"), (302, "not followed")])
async def test_an_alert_that_is_refused_waits_and_is_sent_again_with_the_same_id(
    deployment: TestDeployment, hook: Receiver, status: int, words: str
) -> None:
    await store(deployment, "first", "second")
    hook.status = status
    for _ in range(3):  # it is not due again at once, and the second one is tried in its turn
        await send_alerts(to(hook, deployment))
    assert [document["text"] for document in hook.documents] == ["first", "second"]
    assert words in deployment.rows("SELECT answer FROM {output}.alert ORDER BY created")[0][0]
    seconds = "TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), due_at)"
    assert deployment.count(f"attempts = 1 AND {seconds} BETWEEN 15 AND {alerts.RETRY_SECONDS}", "alert") == 2
    hook.status = 200
    hurry(deployment)
    await send_alerts(to(hook, deployment))
    assert {document["id"] for document in hook.accepted()} == {document["id"] for document in hook.documents}
    assert deployment.count("TRUE", "alert") == 0


async def test_attempts_follow_each_other_ever_more_slowly_up_to_a_quarter_of_an_hour(
    deployment: TestDeployment,
) -> None:
    await store(deployment, "first")
    waits = []
    async with deployment.output_session() as session:
        for _ in range(8):
            assert await alerts.claim(session, deployment.output_schema, "default")
            ((seconds,),) = deployment.rows("SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), due_at) FROM {output}.alert")
            waits.append(round(seconds / 10) * 10)
            hurry(deployment)
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert waits[0] > jobs.notify.POST_SECONDS


async def test_a_receiver_that_hangs_ends_the_attempt_and_holds_no_transaction(
    deployment: TestDeployment, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store(deployment, "first", "second")
    hook.hanging.set()
    monkeypatch.setattr(jobs.notify, "POST_SECONDS", 1.0)
    sending = asyncio.create_task(send_alerts(to(hook, deployment)))
    await until(lambda: hook.waiting)
    transactions = deployment.rows(
        "SELECT 1 FROM information_schema.innodb_trx JOIN information_schema.processlist ON id = trx_mysql_thread_id"
        " WHERE user = %s",
        deployment.settings.output_user,
    )
    assert transactions == []
    await sending
    assert deployment.count("answer LIKE 'no answer within%%'", "alert") == 1
    assert deployment.count("attempts = 0", "alert") == 1  # tried in the next pass
    hook.hanging.clear()
    hurry(deployment)
    await send_alerts(to(hook, deployment))
    assert deployment.count("TRUE", "alert") == 0


async def test_alerts_wait_for_a_receiver_that_is_away(deployment: TestDeployment, hook: Receiver) -> None:
    await store(deployment, "first")
    hook.leave()
    await send_alerts(to(hook, deployment))
    assert deployment.count("answer LIKE 'cannot connect%%'", "alert") == 1
    hurry(deployment)
    hook.repair()
    await send_alerts(to(hook, deployment))
    assert [document["text"] for document in hook.documents] == ["first"]


async def test_two_workers_do_not_send_the_same_alert(deployment: TestDeployment, hook: Receiver) -> None:
    await store(deployment, *map(str, range(40)))
    await asyncio.gather(*(send_alerts(to(hook, deployment)) for _ in range(3)))
    assert sorted(int(document["text"]) for document in hook.documents) == list(range(40))


async def test_an_alert_whose_worker_dies_while_it_sends_is_sent_again(
    deployment: TestDeployment, hook: Receiver
) -> None:
    await store(deployment, "first")
    hook.hanging.set()
    sending = asyncio.create_task(send_alerts(to(hook, deployment)))
    await until(lambda: hook.waiting)
    sending.cancel()
    await asyncio.wait([sending])
    hook.hanging.clear()
    await send_alerts(to(hook, deployment))
    assert deployment.count("attempts = 1", "alert") == 1  # not due yet
    hurry(deployment)
    await send_alerts(to(hook, deployment))
    await until(lambda: len(hook.accepted()) == 2)
    assert len({document["id"] for document in hook.accepted()}) == 1


async def test_alerts_of_another_deployment_are_left_to_its_workers(deployment: TestDeployment, hook: Receiver) -> None:
    await store(deployment, "theirs", name="other")
    await send_alerts(to(hook, deployment))
    assert hook.documents == []
    await send_alerts(deployment.with_settings(notify_url=hook.url, deployment="other"))
    assert [document["text"] for document in hook.documents] == ["theirs"]


async def test_an_alert_that_nobody_has_accepted_for_a_week_is_dropped_and_one_never_tried_is_not(
    deployment: TestDeployment, hook: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    await store(deployment, "tried", "untried")
    deployment.write_anything("UPDATE {output}.alert SET created = created - INTERVAL 8 DAY")
    deployment.write_anything("UPDATE {output}.alert SET attempts = 9 WHERE document LIKE '%%\"tried%%'")
    await send_alerts(to(hook, deployment))
    assert [document["text"] for document in hook.documents] == ["untried"]
    assert "1 alerts of more than 7 days ago are dropped: the receiver has not accepted them" in caplog.text


async def test_alerts_that_wait_when_the_receiver_is_taken_away_are_kept_for_a_week_and_then_dropped(
    deployment: TestDeployment, hook: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    await store(deployment, "old", "recent", "theirs")
    deployment.write_anything("UPDATE {output}.alert SET created = created - INTERVAL 8 DAY, due_at = created")
    deployment.write_anything("UPDATE {output}.alert SET created = UTC_TIMESTAMP(6) WHERE document LIKE '%%recent%%'")
    deployment.write_anything("UPDATE {output}.alert SET deployment = 'other' WHERE document LIKE '%%theirs%%'")
    await sweep(deployment)
    assert sorted(document["text"] for document in stored(deployment)) == ["recent", "theirs"]
    assert "1 alerts of more than 7 days ago are dropped: NOTIFY_URL is not set" in caplog.text
    await send_alerts(to(hook, deployment))
    assert [document["text"] for document in hook.accepted()] == ["recent"]


async def test_a_worker_sends_the_alert_of_a_task_that_fails(one_post: TestDeployment, hook: Receiver) -> None:
    await run_in_process(one_post, one_post.request())
    one_post.write_anything(refuse_rows("task_result"))
    task_id = await services.create_task(one_post, one_post.request())
    url = hook.url.get_secret_value()
    with one_post.workers(1, "--burst", NOTIFY_URL=url) as (worker,):
        assert await asyncio.to_thread(worker.wait, 60) == 0
    (document,) = hook.documents
    assert (document["event"], document["task"]["task_id"]) == ("task_failed", task_id)


def test_the_command_tries_the_receiver_and_shows_what_waits(one_post: TestDeployment, hook: Receiver) -> None:
    unset = one_post.command("notify", "--test")
    assert (unset.returncode, unset.stdout) == (1, "") and "422 NOTIFY_URL is not set" in unset.stderr
    url = {"NOTIFY_URL": hook.url.get_secret_value()}
    assert one_post.command("notify", "--test", **url).stdout == f"accepted by 127.0.0.1:{hook.port}\n"
    assert [document["event"] for document in hook.documents] == ["test"]
    hook.status = 404
    refused = one_post.command("notify", "--test", "--json", **url)
    assert (refused.returncode, json.loads(refused.stdout)["error_code"]) == (1, 502)
    assert "it answered 404 Not Found" in refused.stdout
    asyncio.run(store(one_post, "first"))
    asyncio.run(send_alerts(to(hook, one_post)))
    shown = one_post.command("notify", **url).stdout
    assert "1, the oldest for 0 minutes" in shown and "it answered 404" in shown
    document = json.loads(one_post.command("notify", "--json", **url).stdout)
    assert (document["undelivered"], document["receiver"]) == (1, f"127.0.0.1:{hook.port}")


def test_the_check_looks_at_the_receiver_and_at_what_waits(one_post: TestDeployment, hook: Receiver) -> None:
    url = {"NOTIFY_URL": hook.url.get_secret_value()}
    assert "NOTIFY_URL is not set" in one_post.command("check").stdout
    assert f"127.0.0.1:{hook.port} can be reached" in one_post.command("check", **url).stdout
    assert hook.documents == []
    asyncio.run(store(one_post, "first"))
    assert "1 wait for a receiver, but NOTIFY_URL is not set" in one_post.command("check").stdout
    hook.status = 503
    asyncio.run(send_alerts(to(hook, one_post)))
    assert "1 not delivered: it answered 503 Service Unavailable" in one_post.command("check", **url).stdout
    away = one_post.command("check", NOTIFY_URL="https://no-such-host.invalid/hook").stdout
    assert "no-such-host.invalid: cannot connect" in away
