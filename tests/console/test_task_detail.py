"""The detail of a task: beside the table, or on a screen of its own where there is no room."""

import pytest

from console.ui.screens.task_detail import TaskDetailScreen
from console.ui.screens.tasks import TasksScreen
from tests.helpers.deployment import TestDeployment
from tests.helpers.fixed_app import TASKS, FixedApp, task
from tests.helpers.running import run_in_process
from tests.helpers.screens import console, create_tasks, opened, shown, table, wait_until


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_the_detail_is_beside_the_table_or_on_a_screen_of_its_own(
    ready: TestDeployment, size: tuple[int, int]
) -> None:
    done = await run_in_process(ready, ready.request())
    async with console(ready, size) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("enter")
        if size[0] < 110:
            await opened(pilot, TaskDetailScreen)
        await wait_until(pilot, lambda: done.task_id in shown(pilot) and "production finished" in shown(pilot))
        width = max(len(line) for line in shown(pilot).splitlines())
        assert width <= size[0]


@pytest.mark.parametrize("turns", range(0, 32, 2))
async def test_the_error_of_a_task_on_top_is_there_at_once_however_soon_the_servers_answer(turns: int) -> None:
    failed = task(1, "FAILURE", error="the table is gone; " * 9 + "restore it, then resume the task", windows_done=2)
    async with FixedApp((failed, *TASKS[1:]), turns).run_test(size=(120, 40)) as pilot:
        await opened(pilot, TasksScreen)
        await wait_until(pilot, lambda: "resume the task" in " ".join(shown(pilot).split()), 3)


async def test_escape_from_the_detail_keeps_the_filter(ready: TestDeployment) -> None:
    await create_tasks(ready, 3)
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 3)
        await pilot.press("slash", *"q1", "enter", "enter")
        await wait_until(pilot, lambda: pilot.app.screen.query_one("#view").has_focus)
        await pilot.press("escape")
        await pilot.pause()
        assert table(pilot).row_count == 1 and table(pilot).has_focus
