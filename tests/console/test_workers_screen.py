"""The workers screen."""

import re

from console.ui.screens.workers import WorkersScreen
from jobs import services
from tests.helpers.deployment import TestDeployment
from tests.helpers.running import finished
from tests.helpers.screens import console, create_tasks, opened, shown, wait_until


async def test_workers_and_queues_are_shown_and_a_killed_worker_becomes_silent(ready: TestDeployment) -> None:
    await create_tasks(ready, 1)
    with ready.workers() as (worker,):
        async with console(ready) as pilot:
            await pilot.press("w")
            await opened(pilot, WorkersScreen)
            await wait_until(pilot, lambda: str(worker.pid) in shown(pilot) and "idle" in shown(pilot))
            assert "q0" in shown(pilot)
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
