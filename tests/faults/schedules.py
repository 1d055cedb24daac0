"""Faults of schedules: workers killed while firing, several at one due time, none for a night, wrong clocks."""

import asyncio
import dataclasses
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import datetime, timedelta

from redis import Redis

from jobs import services
from jobs.model.cron import coming_times, local_time
from jobs.model.schedules import Firing, Outcome
from jobs.model.windows import TICK
from jobs.services import ScheduleStatus
from tests.faults.deployment import WINDOW_ROWS, Fault, FaultDeployment, Trial, other_time
from tests.helpers.commands import Process
from tests.helpers.oracle import Post
from tests.helpers.posts import END, START, post
from tests.helpers.running import until, work_in_process
from tests.helpers.schedules import add_schedule, look_once, make_due, set_schedule
from tests.helpers.triggers import refuse_rows

_NAME = "fault"
_TOGETHER = 20
_PLACES = ("before-firing", "in-firing", "after-firing")


@asynccontextmanager
async def _scheduled(deployment: FaultDeployment, count: int = 1, **values: object) -> AsyncIterator[list[str]]:
    """Add schedules for the length of the block, and yield their names. They are due when a trial says so."""
    names = [f"{_NAME}-{number}" for number in range(count)]
    for name in names:
        await add_schedule(deployment, name, range="since-last", **values)
    try:
        yield names
    finally:
        for name in names:
            await services.remove_schedule(deployment, name)


def _worker(deployment: FaultDeployment, *plan: str, **changes: str) -> AbstractContextManager[Process]:
    """Run a worker with shortened limits, that cuts windows as the undisturbed task has them."""
    return deployment.worker_with("limits", *plan, WINDOW_ROWS=str(WINDOW_ROWS), **changes)


async def _status(deployment: FaultDeployment) -> ScheduleStatus:
    return await services.find_schedule(deployment, f"{_NAME}-0")


async def _fired(deployment: FaultDeployment, count: int = 1, seconds: float = 60) -> list[Firing]:
    """Wait until the schedule has fired this often, and return its firings, oldest first."""
    deadline = time.monotonic() + seconds
    while len(found := [firing for firing in (await _status(deployment)).firings if firing.task_id]) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"fired {len(found)} times within {seconds:.0f} s")
        await asyncio.sleep(0.02)
    return found[::-1]


async def _as_undisturbed(deployment: FaultDeployment, since: float) -> Trial:
    """Wait for the run of the range of the undisturbed task, and compare. It must be the only one."""
    (firing,) = await _fired(deployment)
    task = await deployment.ended(str(firing.task_id))
    trial = deployment.compared(dataclasses.replace(task, schedule=None), time.monotonic() - since)
    tasks = deployment.count(f"schedule = '{_NAME}-0' AND create_time >= '{task.create_time}'")
    firings = len((await _status(deployment)).firings)
    if (tasks, firings) != (1, 1):
        return Trial(False, trial.seconds, f"{tasks} tasks, {firings} firings")
    return trial


def _due_for_the_whole_range(deployment: FaultDeployment) -> None:
    """Make the schedule due with the range of the undisturbed task."""
    set_schedule(deployment, covered_until=START, next_due=END + TICK)


async def killed_while_firing(deployment: FaultDeployment, rng: random.Random, trial: int) -> Trial:
    """A worker dies before, in or after firing; another one is started, or was there all the time."""
    async with _scheduled(deployment):
        with deployment.worker_with(f"kill:{_PLACES[trial % 3]}:1", WINDOW_ROWS=str(WINDOW_ROWS)) as worker:
            _due_for_the_whole_range(deployment)
            await asyncio.to_thread(worker.wait, 60)
            killed = time.monotonic()
            if worker.returncode != -signal.SIGKILL:
                return Trial(False, 0, f"the worker was not killed: {worker.returncode}")
        with _worker(deployment), _worker(deployment):
            return await _as_undisturbed(deployment, killed)


async def killed_at_any_moment(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
    """One of two workers dies within the second and a half around a due time."""
    async with _scheduled(deployment):
        with _worker(deployment) as victim, _worker(deployment):
            ready = [f"worker {victim.pid} on queue", ": ready"]
            await until(lambda: all(words in deployment.log() for words in ready))
            _due_for_the_whole_range(deployment)
            await asyncio.sleep(rng.random() * 1.5)
            victim.kill()
            return await _as_undisturbed(deployment, time.monotonic())


async def at_one_due_time(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
    """Twenty schedules are due at one moment, for which two workers wait."""

    def tasks() -> set[tuple[str, str]]:
        found = deployment.rows("SELECT schedule, task_id FROM {output}.state WHERE schedule IS NOT NULL")
        return {(name, task_id) for name, task_id in found}

    before = tasks()
    async with _scheduled(deployment, _TOGETHER) as names:
        set_schedule(deployment, covered_until=END)
        with _worker(deployment), _worker(deployment):
            # Both have looked by then, and sleep until it is due.
            make_due(deployment, f"{_NAME}-%", seconds=-5)
            ((due,),) = set(deployment.rows("SELECT next_due FROM {output}.task_schedule"))
            await until(lambda: deployment.count("TRUE", "task_firing") >= _TOGETHER, 60)
            fired = [firing for name in names for firing in (await services.find_schedule(deployment, name)).firings]
            for firing in fired:
                await deployment.ended(str(firing.task_id))
        seconds = max((firing.fired_at - due).total_seconds() for firing in fired)
        found = {(firing.schedule, firing.task_id) for firing in fired if firing.due == due}
        exact = found == tasks() - before and sorted(name for name, _ in found) == sorted(names)
        return Trial(exact, seconds, "" if exact else f"{len(fired)} firings, {len(tasks() - before)} tasks")


def after_a_night(catch_up: str, runs: int) -> Fault:
    async def disturb(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
        """An hourly schedule has been due nine times without a worker; then there are two."""
        ((now,),) = deployment.rows("SELECT UTC_TIMESTAMP()")
        last = now.replace(second=0) - timedelta(minutes=30)
        async with _scheduled(deployment, cron=f"{last.minute} * * * *", catch_up=catch_up):
            set_schedule(deployment, covered_until=START, next_due=last - timedelta(hours=8))
            started = time.monotonic()
            with _worker(deployment), _worker(deployment):
                while (await _status(deployment)).schedule.next_due < now:
                    await asyncio.sleep(0.05)
                fired = await _fired(deployment, runs)
                tasks = [await deployment.ended(str(firing.task_id)) for firing in fired]
            seconds = time.monotonic() - started
            begins = [firing.start_time for firing in fired]
            ends = [firing.end_time for firing in fired]
            rows = sum(task.length_receive_table or 0 for task in tasks)
            expected = _rows_from(deployment, START) if runs else 0
            missed = [firing for firing in (await _status(deployment)).firings if firing.outcome is Outcome.SKIPPED]
            exact = (
                len(fired) == runs
                and rows == expected
                and begins[1:] == [end + TICK for end in ends[:-1] if end]
                and len(missed) == (catch_up == "none")
            )
            return Trial(exact, seconds, "" if exact else f"{len(fired)} runs, {rows} of {expected} rows, {missed}")

    return Fault(f"a night without workers, catch-up {catch_up}", disturb, trials=3, short=int(catch_up == "latest"))


def _rows_from(deployment: FaultDeployment, start: datetime) -> int:
    """Return how many posts a task reads that begins at a time and does not end."""
    columns = " AND ".join(f"{name} IS NOT NULL" for name in ("id", "s_id", "author"))
    sql = f"SELECT COUNT(*) FROM {{input}}.{{table}} WHERE post_time >= %s AND {columns}"
    return int(deployment.rows(sql, start)[0][0])


async def with_wrong_clocks(deployment: FaultDeployment, _: random.Random, __: int) -> Trial:
    """The clock of one worker is an hour ahead, that of the other an hour behind: it fires on time, and once."""
    async with _scheduled(deployment):
        set_schedule(deployment, covered_until=END)
        with _worker(deployment, **other_time("+1h")), _worker(deployment, **other_time("-1h")):
            make_due(deployment, f"{_NAME}-0", seconds=-5)
            due = (await _status(deployment)).schedule.next_due
            (firing,) = await _fired(deployment)
            await deployment.ended(str(firing.task_id))
            seconds = (firing.fired_at - due).total_seconds()
            count = len((await _status(deployment)).firings)
            exact = firing.due == due and 0 <= seconds < 10 and count == 1
            return Trial(exact, seconds, "" if exact else f"{count} firings, {seconds:.1f} s after {due}")


async def a_failing_run_between_two_good_ones(deployment: FaultDeployment, rng: random.Random, __: int) -> Trial:
    """Three runs of since-last, of which the second fails: what the others label is every row, once."""
    middle = [START + timedelta(days=rng.randrange(10, 40), seconds=rng.randrange(86_400)) for _ in range(2)]
    middle[1] += timedelta(days=45)
    async with _scheduled(deployment):
        set_schedule(deployment, covered_until=START)
        tasks = []
        started = time.monotonic()
        with _worker(deployment):
            for number, due in enumerate([*middle, END + TICK], start=1):
                if number == 2:
                    deployment.write_anything(refuse_rows("fbfans"))
                set_schedule(deployment, next_due=due)
                task_id = (await _fired(deployment, number))[-1].task_id
                tasks.append(await deployment.ended(str(task_id)))
                if number == 2:
                    deployment.write_anything("DROP TRIGGER {output}.refuse")
        good = [task for task in tasks if task.produced]
        stats = [task.stat for task in tasks]
        both = "task_id IN (%s, %s)"
        ids = [task.task_id for task in good]
        received = sum(task.length_receive_table or 0 for task in good)
        labelled = sum(task.length_output_table or 0 for task in good)
        whole = deployment.undisturbed
        same = stats == ["SUCCESS", "FAILURE", "SUCCESS"] and (received, labelled) == (
            whole["state.length_receive_table"],
            whole["state.length_output_table"],
        )
        for result in whole["state.result"].split(","):
            sql = f"SELECT SUM(votes) FROM {{output}}.`{result}` WHERE {both}"
            same = same and deployment.rows(sql, *ids)[0][0] == sum(row[6] for row in whole[result])
        note = "" if same else f"{stats}, {received} received, {labelled} labelled"
        return Trial(same, time.monotonic() - started, note)


async def redis_emptied_while_firing(deployment: FaultDeployment, rng: random.Random, __: int) -> Trial:
    """Redis loses everything at the moment of firing, several times."""
    async with _scheduled(deployment):
        with _worker(deployment), _worker(deployment), Redis.from_url(deployment.servers.redis_url) as redis:
            _due_for_the_whole_range(deployment)
            while not (await _status(deployment)).firings:
                redis.flushall()
            for _ in range(5):
                redis.flushall()
                await asyncio.sleep(rng.random() * 0.05)
            return await _as_undisturbed(deployment, time.monotonic())


def clocks_change(zone: str, night: str, cron: str) -> Fault:
    async def disturb(deployment: FaultDeployment, rng: random.Random, _: int) -> Trial:
        """The database's clock goes through a night in which the zone's clocks change; posts arrive all the time."""
        here = deployment.beside(8)
        start = datetime.fromisoformat(night)
        moments = [start + timedelta(minutes=10 * number) for number in range(60)]
        arrivals: list[tuple[datetime, Post]] = []
        for number in range(600):
            arrived = start + timedelta(seconds=rng.randrange(10 * 60 * 60))
            shown = local_time(zone, arrived).replace(tzinfo=None)
            arrivals.append((arrived, post(number, f"Annie {number}", str(shown))))
        expected_due = [due for due in coming_times(cron, zone, start - TICK, 200) if due <= moments[-1]]
        started = time.monotonic()
        try:
            here.write_posts([])
            _set_clock(here, start)
            await add_schedule(here, f"{_NAME}-0", cron=cron, timezone=zone, range="since-last")
            set_schedule(here, next_due=expected_due[0], covered_until=datetime(2020, 1, 1))
            for moment in moments:
                _set_clock(here, moment)
                here.write_posts([one for arrived, one in arrivals if arrived < moment])
                await look_once(here)
                for (task_id,) in here.rows("SELECT task_id FROM {output}.state WHERE stat = 'PENDING'"):
                    await work_in_process(here, here.ref(task_id))
            status = await services.find_schedule(here, f"{_NAME}-0")
        finally:
            here.write_anything("SET GLOBAL init_connect = ''")
        due = sorted(firing.due for firing in status.firings)
        # Each author has one post, and is labelled once, by the run in whose range it is.
        last = max(firing.end_time for firing in status.firings if firing.end_time is not None)
        counts = dict(here.rows("SELECT source_author, SUM(votes) FROM {output}.fbfans GROUP BY source_author"))
        wanted = {f"WH_F0045_{one.author}": 1 for _, one in arrivals if one.post_time <= last}
        exact = due == expected_due and counts == wanted
        note = "" if exact else f"{len(due)} of {len(expected_due)} firings, {len(counts)} of {len(wanted)} authors"
        return Trial(exact, time.monotonic() - started, note)

    kind = "hourly" if cron.startswith("30 *") else "nightly"
    return Fault(f"clocks change in {zone}, {night[:10]}, {kind}", disturb, trials=1, short=0)


def _set_clock(deployment: FaultDeployment, moment: datetime) -> None:
    """Set the clock of the output server, as new connections see it."""
    seconds = (moment - datetime(1970, 1, 1)).total_seconds()
    deployment.write_anything(f"SET GLOBAL init_connect = 'SET SESSION timestamp = {seconds:.0f}'")


_NIGHTS = (
    ("America/New_York", "2026-03-08T02:00", "30 2 * * *"),
    ("America/New_York", "2026-11-01T02:00", "30 1 * * *"),
    ("Europe/Berlin", "2026-03-28T20:00", "30 2 * * *"),
    ("Europe/Berlin", "2026-10-24T20:00", "30 2 * * *"),
)

FAULTS = [
    Fault("SIGKILL of a worker before, in and after firing a schedule", killed_while_firing, trials=51, short=3),
    Fault("SIGKILL of one of two workers around a due time", killed_at_any_moment, trials=20, short=0),
    Fault("two workers at one due time of twenty schedules", at_one_due_time, trials=10, short=0),
    after_a_night("latest", 1),
    after_a_night("all", 9),
    after_a_night("none", 0),
    Fault("clocks of workers an hour ahead and behind a due time", with_wrong_clocks, trials=4, short=0),
    Fault("a failing run between two good ones", a_failing_run_between_two_good_ones, trials=5, short=1),
    Fault("Redis: FLUSHALL at the moment of firing", redis_emptied_while_firing, trials=5, short=0),
    *(clocks_change(zone, night, cron) for zone, night, cron in _NIGHTS),
    *(clocks_change(zone, night, "30 * * * *") for zone, night, _ in _NIGHTS),
]
