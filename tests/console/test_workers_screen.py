"""The workers screen."""

import re

import pytest

from console.ui.screens.workers import WorkersScreen, alerts_text
from jobs import services
from tests.helpers.deployment import TestDeployment
from tests.helpers.running import finished
from tests.helpers.screens import console, create_tasks, opened, said, shown, wait_until


async def test_workers_and_queues_are_shown_and_a_killed_worker_becomes_silent(ready: TestDeployment) -> None:
    await create_tasks(ready, 1)
    with ready.workers() as (worker,):
        async with console(ready) as pilot:
            await pilot.press("w")
            await opened(pilot, WorkersScreen)
            await wait_until(pilot, lambda: str(worker.pid) in shown(pilot) and "idle" in shown(pilot))
            assert "q0" in shown(pilot)
            await wait_until(pilot, lambda: "none are sent: NOTIFY_URL is not set" in said(pilot))
            task = await finished(ready, await services.create_task(ready, ready.request()))
            parts = (task.windows or 0) + (task.units or 0)
            row = rf"{worker.pid} +{ready.settings.queue} .* MB +{parts} "
            await wait_until(pilot, lambda: re.search(row, shown(pilot)))
            await pilot.resize_terminal(120, 40)
            await wait_until(pilot, lambda: "Pace ─ the last" in shown(pilot))
            await pilot.resize_terminal(40, 10)
            # There is room for one, which may be a killed worker of another test.
            await wait_until(pilot, lambda: re.search(r"\d+ +0 +(idle|silent)", shown(pilot)))
            await wait_until(pilot, lambda: "oldest waits" in shown(pilot) and "Pace" not in shown(pilot))
            await pilot.resize_terminal(80, 24)
            worker.kill()
            await wait_until(pilot, lambda: "silent" in shown(pilot), 20)


@pytest.mark.parametrize(
    ("receiver", "undelivered", "answer", "words"),
    [
        ("", 0, None, "none are sent: NOTIFY_URL is not set"),
        ("hooks:443", 0, None, "✓ all delivered to hooks:443"),
        ("hooks:443", 2, None, "! 2 not delivered, the oldest for 4m: not tried yet; try: audience notify --test"),
        ("hooks:443", 1, "it answered 404", "! 1 not delivered, the oldest for 4m: it answered 404; try"),
        ("", 3, "it answered 404", "! 3 not delivered, the oldest for 4m: set NOTIFY_URL, for the workers too"),
    ],
)
def test_the_workers_screen_says_whether_alerts_reach_their_receiver(
    receiver: str, undelivered: int, answer: str | None, words: str
) -> None:
    assert words in alerts_text(receiver, services.Notifications(undelivered, 240.0, answer)).plain
