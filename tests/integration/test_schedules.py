"""Schedules on real servers: fired once, with their tasks, whatever workers and hosts do."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from jobs import services
from jobs.deployment import Deployment
from jobs.errors import CannotStart, Conflict, InvalidValue, ReadOnly, UnknownSchedule
from jobs.model.schedules import Outcome
from jobs.queue.client import open_redis
from jobs.services import ScheduleStatus
from jobs.services.check import check_deployment
from jobs.worker.scheduler import LOOK_SECONDS, Scheduler
from tests.helpers.deployment import TestDeployment, plain
from tests.helpers.posts import PATTERNS
from tests.helpers.running import finished, work_in_process
from tests.helpers.schedules import add_schedule, look_once, make_due, schedule_request, set_schedule


@asynccontextmanager
async def scheduler(deployment: Deployment) -> AsyncIterator[Scheduler]:
    async with open_redis(deployment.settings) as redis:
        yield Scheduler(deployment, redis)


async def metric(deployment: Deployment, name: str) -> Mapping[tuple[str, ...], float]:
    metrics = (await services.read_metrics(deployment)).metrics
    return next(metric.values for metric in metrics if metric.name == name)


async def show(deployment: Deployment, name: str = "nightly") -> ScheduleStatus:
    return await services.find_schedule(deployment, name)


async def test_a_schedule_that_is_due_creates_its_task_which_names_it(one_post: TestDeployment) -> None:
    await add_schedule(one_post, timezone="Asia/Taipei", range="last-7-days", countdown=3)
    make_due(one_post)
    await look_once(one_post)
    status = await show(one_post)
    assert status.last is not None and status.last.task_id is not None
    task = await services.check_status(one_post, status.last.task_id)
    assert (task.schedule, task.countdown, task.stat) == ("nightly", 3, "PENDING")
    assert (task.start_time, task.end_time) == (status.last.start_time, status.last.end_time)
    assert task.end_time is not None and task.start_time is not None
    assert task.end_time - task.start_time == timedelta(days=7) - timedelta(microseconds=1)
    assert status.last.outcome is Outcome.RUNNING
    assert status.schedule.next_due > status.now


async def test_a_schedule_fires_once_for_a_due_time_however_many_workers_look(one_post: TestDeployment) -> None:
    await add_schedule(one_post)
    async with scheduler(one_post) as first, scheduler(one_post) as second, scheduler(one_post) as third:
        for number in range(1, 6):
            make_due(one_post)
            await asyncio.gather(first.look(), second.look(), third.look())
            # The run is over for the next round.
            one_post.write_anything("UPDATE {output}.state SET stat = 'ABORTED'")
            assert one_post.count("TRUE") == one_post.count("TRUE", "task_firing") == number


async def test_a_due_time_that_comes_again_because_the_clock_was_set_back_does_not_fire_again(
    one_post: TestDeployment,
) -> None:
    await add_schedule(one_post)
    make_due(one_post)
    due = (await show(one_post)).schedule.next_due
    await look_once(one_post)
    one_post.write_anything("UPDATE {output}.state SET stat = 'ABORTED'")
    set_schedule(one_post, next_due=due)
    await look_once(one_post)
    status = await show(one_post)
    assert len(status.firings) == one_post.count("TRUE") == 1 and status.schedule.next_due > status.now


async def test_workers_sleep_until_a_schedule_is_due_but_no_longer_than_a_look(one_post: TestDeployment) -> None:
    await add_schedule(one_post)
    assert await look_once(one_post) == LOOK_SECONDS
    make_due(one_post, seconds=-2)
    assert 0 < await look_once(one_post) <= 2
    assert one_post.count("TRUE", "task_firing") == 0


async def test_a_worker_runs_a_schedule_to_its_end_without_anyone(one_post: TestDeployment) -> None:
    await add_schedule(one_post, range="since-last")
    set_schedule(one_post, covered_until="2020-01-01")
    make_due(one_post)
    with one_post.workers(1):
        async with asyncio.timeout(60):
            while (status := await show(one_post)).last is None:
                await asyncio.sleep(0.05)
        assert status.last.task_id is not None
        task = await finished(one_post, status.last.task_id)
    assert (task.stat, task.prod_stat, task.length_receive_table) == ("SUCCESS", "finish", 1)
    last = (await show(one_post)).last
    assert last is not None and last.outcome is Outcome.SUCCESS
    fired = (await metric(one_post, "audience_schedule_last_success_timestamp_seconds"))["nightly",]
    assert fired == last.fired_at.replace(tzinfo=UTC).timestamp()


async def test_the_next_run_waits_for_one_that_is_still_going_and_the_list_says_so(one_post: TestDeployment) -> None:
    await add_schedule(one_post)
    make_due(one_post)
    await look_once(one_post)
    first = (await show(one_post)).last
    make_due(one_post)
    await look_once(one_post)
    waiting = await show(one_post)
    assert waiting.firings == (first,) and first is not None
    assert waiting.schedule.waiting_for == f"its last run is still going: task {first.task_id}"
    assert not waiting.late
    await services.abort_task(one_post, str(first.task_id))
    await look_once(one_post)
    after = await show(one_post)
    assert [firing.outcome for firing in after.firings] == [Outcome.RUNNING, Outcome.ABORTED]
    assert after.schedule.waiting_for is None


async def test_a_fault_in_a_pattern_file_fails_the_firing_visibly_and_the_next_one_tries_again(
    one_post: TestDeployment,
) -> None:
    await add_schedule(one_post)
    one_post.write_patterns({"female": [("雅婷", "sometimes")]})
    make_due(one_post)
    await look_once(one_post.with_settings(notify_url=SecretStr("http://127.0.0.1:9/hook")))
    (failed,) = (await show(one_post)).firings
    assert failed.outcome is Outcome.ERROR and failed.error is not None
    assert "sometimes" in failed.error and "the next one tries again" in failed.error
    ((alert,),) = one_post.rows("SELECT document FROM {output}.alert")
    assert json.loads(alert)["schedule"]["name"] == failed.schedule and json.loads(alert)["error"] == failed.error
    assert one_post.count("TRUE") == 0
    await look_once(one_post)
    assert len((await show(one_post)).firings) == 1
    one_post.write_patterns(PATTERNS)
    make_due(one_post)
    await look_once(one_post)
    assert [firing.outcome for firing in (await show(one_post)).firings] == [Outcome.RUNNING, Outcome.ERROR]


@pytest.mark.parametrize("missing", ["patterns", "sources"])
async def test_a_worker_without_pattern_or_source_files_leaves_the_schedule_to_others(
    one_post: TestDeployment, missing: str
) -> None:
    await add_schedule(one_post)
    make_due(one_post)
    elsewhere = one_post.folder / "nothing"
    change = {"patterns_dir": elsewhere} if missing == "patterns" else {"sources_file": elsewhere}
    await look_once(one_post.with_settings(**change))
    status = await show(one_post)
    assert status.firings == () and status.schedule.waiting_for is not None
    assert "a host with" in status.schedule.waiting_for and "nothing" in status.schedule.waiting_for
    await look_once(one_post)
    assert len((await show(one_post)).firings) == 1


async def test_a_worker_of_another_deployment_or_input_leaves_the_schedule_to_others(one_post: TestDeployment) -> None:
    await add_schedule(one_post)
    make_due(one_post)
    await look_once(one_post.with_settings(deployment="other"))
    set_schedule(one_post, input_server="gone:1", input_server_id="gone")
    await look_once(one_post)
    status = await show(one_post)
    assert status.firings == () and "that reads the input server gone:1" in str(status.schedule.waiting_for)


async def test_since_last_begins_where_the_last_success_ended(one_post: TestDeployment) -> None:
    await add_schedule(one_post, range="since-last")
    set_schedule(one_post, covered_until="2020-01-01")
    ranges = []
    for end in ("SUCCESS", "FAILURE", "SUCCESS"):
        make_due(one_post)
        await look_once(one_post)
        last = (await show(one_post)).last
        assert last is not None and last.start_time is not None and last.end_time is not None
        ranges.append((last.start_time, last.end_time))
        prod = "'finish'" if end == "SUCCESS" else "NULL"
        one_post.write_anything(
            f"UPDATE {{output}}.state SET stat = %s, prod_stat = {prod} WHERE task_id = %s", end, last.task_id
        )
    tick = timedelta(microseconds=1)
    assert ranges[1][0] == ranges[0][1] + tick
    assert ranges[2][0] == ranges[1][0] and ranges[2][1] > ranges[1][1]
    # That holds when the row of the last success is purged, once another run has begun after it.
    one_post.write_anything("DELETE FROM {output}.state")
    make_due(one_post)
    await look_once(one_post)
    last = (await show(one_post)).last
    assert last is not None and last.start_time == ranges[0][1] + tick
    assert [firing.outcome for firing in (await show(one_post)).firings[1:]] == [Outcome.PURGED] * 3


@pytest.mark.parametrize(("catch_up", "runs"), [("latest", 1), ("all", 3), ("none", 0)])
async def test_after_hours_without_workers_schedules_catch_up_as_they_say(
    one_post: TestDeployment, catch_up: str, runs: int
) -> None:
    ((now,),) = one_post.rows("SELECT UTC_TIMESTAMP()")
    last = now.replace(second=0) - timedelta(minutes=30)
    await add_schedule(one_post, cron=f"{last.minute} * * * *", catch_up=catch_up)
    set_schedule(one_post, next_due=last - timedelta(hours=2))
    for _ in range(4):
        await look_once(one_post)
        one_post.write_anything("UPDATE {output}.state SET stat = 'ABORTED'")
    status = await show(one_post)
    fired = [firing for firing in status.firings if firing.task_id]
    assert len(fired) == runs
    assert status.schedule.next_due > status.now
    if not fired:
        assert status.firings[0].outcome is Outcome.SKIPPED and "missed" in str(status.firings[0].note)


async def test_a_paused_schedule_does_not_fire_and_does_not_catch_up(one_post: TestDeployment) -> None:
    await add_schedule(one_post)
    assert (await services.pause_schedule(one_post, "nightly")).schedule.paused
    make_due(one_post)
    await look_once(one_post)
    status = await services.unpause_schedule(one_post, "nightly")
    assert not status.schedule.paused and status.firings == () and status.schedule.next_due > status.now


async def test_run_now_runs_a_paused_schedule_but_not_beside_a_run_that_is_going(one_post: TestDeployment) -> None:
    await add_schedule(one_post)
    due = (await services.pause_schedule(one_post, "nightly")).schedule.next_due
    task = await services.run_schedule_now(one_post, "nightly")
    status = await show(one_post)
    assert status.last is not None and (status.last.task_id, status.last.by_hand) == (task.task_id, True)
    assert status.schedule.next_due == due
    with pytest.raises(Conflict, match=f"is running: task {task.task_id}"):
        await services.run_schedule_now(one_post, "nightly")
    await work_in_process(one_post, task.ref)
    last = (await show(one_post)).last
    assert last is not None and last.outcome is Outcome.SUCCESS
    fired = (await metric(one_post, "audience_schedule_last_success_timestamp_seconds"))["nightly",]
    assert fired == last.fired_at.replace(tzinfo=UTC).timestamp()


async def test_run_now_brings_the_tables_of_an_earlier_release_up_to_date(one_post: TestDeployment) -> None:
    await add_schedule(one_post)
    one_post.write_anything("ALTER TABLE {output}.state DROP COLUMN waiting_for")
    task = await services.run_schedule_now(one_post, "nightly")
    await work_in_process(one_post, task.ref)
    assert (await services.check_status(one_post, task.task_id)).produced


async def test_a_schema_whose_tables_cannot_be_used_keeps_no_schedule_of_another_from_firing(
    one_post: TestDeployment,
) -> None:
    await add_schedule(one_post)
    make_due(one_post)
    name = plain("a broken one")  # it comes first
    one_post.write_anything(f"CREATE OR REPLACE DATABASE {name}")
    one_post.write_anything(f"GRANT ALL ON {name}.* TO {one_post.settings.output_user}@'127.0.0.1'")
    try:
        for table in ("state", "task_schedule"):
            one_post.write_anything(f"CREATE TABLE {name}.{table} LIKE {{output}}.{table}")
        one_post.write_anything(f"ALTER TABLE {name}.state ENGINE = Aria")
        await look_once(one_post)
    finally:
        one_post.write_anything(f"DROP DATABASE {name}")
    assert one_post.count("TRUE", "task_firing") == 1


async def test_run_now_says_what_this_host_lacks(one_post: TestDeployment) -> None:
    await add_schedule(one_post)
    shutil.rmtree(one_post.settings.patterns_dir)
    with pytest.raises(CannotStart, match="it needs a host with its pattern files"):
        await services.run_schedule_now(one_post, "nightly")
    assert one_post.count("TRUE", "task_firing") == 0


async def test_a_schedule_is_changed_and_removed_and_its_tasks_stay(one_post: TestDeployment) -> None:
    await add_schedule(one_post)
    task = await services.run_schedule_now(one_post, "nightly")
    changed = schedule_request(one_post, cron="30 4 * * 1", timezone="Europe/Berlin", range="since-last", lookback=2)
    status = await services.save_schedule(one_post, changed, replace=True)
    assert (status.schedule.cron, status.schedule.lookback, status.schedule.next_due.minute) == ("30 4 * * 1", 2, 30)
    assert len(status.firings) == 1
    await services.remove_schedule(one_post, "nightly")
    assert await services.list_schedules(one_post) == []
    assert one_post.count("TRUE", "task_firing") == 0
    assert (await services.check_status(one_post, task.task_id)).schedule == "nightly"


async def test_schedules_are_refused_with_a_reason(one_post: TestDeployment) -> None:
    await add_schedule(one_post)
    with pytest.raises(Conflict, match="there is a schedule named nightly"):
        await add_schedule(one_post)
    with pytest.raises(UnknownSchedule, match="unknown schedule 'daily'"):
        await services.save_schedule(one_post, schedule_request(one_post, "daily"), replace=True)
    with pytest.raises(UnknownSchedule):
        await services.pause_schedule(one_post, "daily")
    with pytest.raises(CannotStart):
        await add_schedule(one_post, "daily", target_table="missing")
    with pytest.raises(InvalidValue, match="timezone"):
        schedule_request(one_post, timezone="Mars/Olympus")
    reading = Deployment(one_post.settings, read_only=True)
    for call in (
        services.save_schedule(reading, schedule_request(one_post, "daily")),
        services.run_schedule_now(reading, "nightly"),
        services.pause_schedule(reading, "nightly"),
        services.unpause_schedule(reading, "nightly"),
        services.remove_schedule(reading, "nightly"),
    ):
        with pytest.raises(ReadOnly):
            await call


async def findings(deployment: Deployment) -> list[tuple[str, str]]:
    """Return what the check says of schedules."""
    return [
        (finding.verdict, finding.message)
        async for finding in check_deployment(deployment)
        if finding.subject == "schedules"
    ]


async def test_the_check_says_whether_a_worker_on_this_host_could_fire(one_post: TestDeployment) -> None:
    assert await findings(one_post) == []
    await add_schedule(one_post)
    ((verdict, message),) = await findings(one_post)
    assert verdict == "ok" and "could fire 1 of 1" in message and str(one_post.settings.patterns_dir) in message
    make_due(one_post, seconds=90)
    bare = one_post.with_settings(patterns_dir=one_post.folder / "nothing")
    (first, missing), (second, late) = await findings(bare)
    assert first == second == "warning"
    assert "nightly: cannot be fired here: it needs a host with its pattern files" in missing
    assert "nightly: late" in late


async def test_a_schedule_is_late_if_no_worker_fires_it(one_post: TestDeployment) -> None:
    await add_schedule(one_post)
    assert not (await show(one_post)).late
    assert await metric(one_post, "audience_schedules_late") == {(): 0}
    make_due(one_post, seconds=90)
    assert (await show(one_post)).late
    assert await metric(one_post, "audience_schedules_late") == {(): 1}
    assert await metric(one_post, "audience_schedule_last_success_timestamp_seconds") == {}


def test_the_commands_print_what_the_services_return(one_post: TestDeployment) -> None:
    def command(*arguments: str, code: int = 0) -> dict[str, Any]:
        done = one_post.command("schedule", *arguments, "--json")
        assert done.returncode == code, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    added = command("add", "nightly", "--cron", "15 3 * * *", "--timezone", "Asia/Taipei", "--range", "since-last")
    assert (added["error_code"], added["schedule"]["name"], added["schedule"]["range"]) == (
        200,
        "nightly",
        "since-last",
    )
    assert added["schedule"]["next_due_local"].endswith("03:15:00+08:00")
    assert command("add", "x", "--cron", "61 * * * *", code=1)["error_code"] == 422
    assert command("show", "missing", code=1)["error_code"] == 400
    ran = command("run", "nightly")["task"]
    assert ran["schedule"] == "nightly"
    assert command("run", "nightly", code=1)["error_code"] == 409
    (listed,) = command("list")["content"]
    assert listed["last"]["task_id"] == ran["task_id"] and listed["last"]["outcome"] == "running"
    created = one_post.command("list", "--schedule", "nightly", "--json")
    assert [task["task_id"] for task in json.loads(created.stdout)["content"]] == [ran["task_id"]]
    assert json.loads(one_post.command("list", "--schedule", "other", "--json").stdout)["content"] == []
    assert "by schedule nightly, fired by" in one_post.command("status", ran["task_id"]).stdout
    assert command("pause", "nightly")["schedule"]["paused"] is True
    assert command("unpause", "nightly")["schedule"]["paused"] is False
    text = one_post.command("schedule", "list").stdout
    assert "nightly" in text and "15 3 * * *" in text and "running" in text
    shown = one_post.command("schedule", "show", "nightly").stdout
    assert shown.count("03:15+08:00") == 5 and ran["task_id"] in shown
    assert command("remove", "nightly")["error_code"] == 200
    assert "no schedules yet" in one_post.command("schedule", "list").stdout


async def test_an_error_of_a_firing_holds_no_secret(one_post: TestDeployment) -> None:
    await add_schedule(one_post)
    make_due(one_post)
    one_post.write_anything("DROP TABLE {input}.{table}")
    await look_once(one_post)
    last = (await show(one_post)).last
    assert last is not None and last.outcome is Outcome.ERROR
    assert one_post.settings.output_password.get_secret_value() not in str(last.error)


async def test_a_firing_is_tried_again_while_the_input_server_is_away(one_post: TestDeployment) -> None:
    await add_schedule(one_post)
    make_due(one_post)
    away = one_post.with_settings(input_port=1)
    set_schedule(one_post, input_server=away.input.address)
    await look_once(away)
    status = await show(one_post)
    assert status.firings == () and str(status.schedule.waiting_for).startswith("trying again")
    one_post.write_anything("UPDATE {output}.task_schedule SET waiting_since = waiting_since - INTERVAL 11 MINUTE")
    await look_once(away)
    status = await show(one_post)
    assert [firing.outcome for firing in status.firings] == [Outcome.ERROR]
    assert status.schedule.waiting_for is None and status.schedule.next_due > status.now
