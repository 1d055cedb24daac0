"""The detail of a task: beside the table, or on a screen of its own where there is no room."""

import re
from datetime import datetime, timedelta

import pytest

from console.ui.screens.new_task import NewTaskScreen
from console.ui.screens.task_detail import TaskDetailScreen
from console.ui.screens.tasks import TasksScreen
from jobs import services
from tests.helpers.deployment import TestDeployment
from tests.helpers.fixed_app import TASKS, FixedApp, task
from tests.helpers.running import run_in_process
from tests.helpers.screens import console, create_tasks, opened, said, shown, table, wait_until


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_the_detail_is_beside_the_table_if_there_is_room_and_always_on_a_page_of_its_own(
    ready: TestDeployment, size: tuple[int, int]
) -> None:
    done = await run_in_process(ready, ready.request())
    async with console(ready, size) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        if size[0] >= 110:
            await wait_until(pilot, lambda: done.task_id in shown(pilot))
        await pilot.press("enter")
        await opened(pilot, TaskDetailScreen)
        await wait_until(pilot, lambda: "authors in" in shown(pilot) and "together" in shown(pilot))
        await pilot.press("5")
        await wait_until(pilot, lambda: done.task_id in shown(pilot))
        width = max(len(line) for line in shown(pilot).splitlines())
        assert width <= size[0]


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (200, 50)])
async def test_the_tabs_of_a_task_show_its_panels_windows_pace_patterns_facts_and_events(
    ready: TestDeployment, size: tuple[int, int]
) -> None:
    done = await run_in_process(ready, ready.request())
    async with console(ready, size) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("enter")
        await opened(pilot, TaskDetailScreen)
        for key, words in enumerate(("/female", "1 done", "on average", "ann start", "ts page-content", "produced"), 1):
            await pilot.press(str(key))
            await wait_until(pilot, lambda: words in said(pilot))  # noqa: B023
        assert re.search(r"created +by \w+@", said(pilot))
        await pilot.press("right")
        await wait_until(pilot, lambda: "/female" in said(pilot))
        await pilot.press("left")
        await wait_until(pilot, lambda: "created" in said(pilot))
        assert f"Task {done.task_id[:8]}" in shown(pilot) or size[1] < 18


async def test_the_page_of_a_running_task_shows_which_windows_are_being_worked_on(ready: TestDeployment) -> None:
    task_id = await services.create_task(ready, ready.request())
    ready.write_anything(
        "INSERT INTO {output}.task_window (task_id, number, start_time, end_time)"
        " SELECT task_id, seq, start_time, end_time FROM {output}.task_window, {output}.seq_2_to_9"
    )
    ready.write_anything("UPDATE {output}.state SET stat = 'STARTED', windows_done = 1, started_at = UTC_TIMESTAMP(6)")
    ready.write_anything("UPDATE {output}.task_window SET done = number = 1, attempts = 3 * (number = 2)")
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("enter")
        await opened(pilot, TaskDetailScreen)
        await wait_until(pilot, lambda: "✗ 1 failed, to be tried again" in said(pilot))
        assert "window 2" in said(pilot) and "failed 3 times" in said(pilot)
        await pilot.press("6")
        await wait_until(pilot, lambda: "created" in said(pilot))
        await services.abort_task(ready, task_id)
        await wait_until(pilot, lambda: "aborted" in said(pilot) and re.search(r"aborted +by \w+@", said(pilot)))


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
        await pilot.press("slash", *"q1", "enter", "tab")
        await wait_until(pilot, lambda: pilot.app.screen.query_one("#view").has_focus)
        await pilot.press("escape")
        await pilot.pause()
        assert table(pilot).row_count == 1 and table(pilot).has_focus


async def test_the_page_of_a_task_aborts_resumes_and_runs_it_again(ready: TestDeployment) -> None:
    (task_id,) = await create_tasks(ready, 1)
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("enter")
        await opened(pilot, TaskDetailScreen)
        await wait_until(pilot, lambda: "a Abort" in shown(pilot) and "e Rerun" in shown(pilot))
        await pilot.press("a")
        await wait_until(pilot, lambda: f"Abort task {task_id[:8]}?" in shown(pilot))
        await pilot.press("y")
        await wait_until(pilot, lambda: "⊘ aborted" in shown(pilot) and "r Resume" in shown(pilot))
        await pilot.press("r")
        await wait_until(pilot, lambda: "◌ waiting" in shown(pilot))
        await pilot.press("e")
        await opened(pilot, NewTaskScreen)
        await pilot.press("escape")
        await opened(pilot, TaskDetailScreen)


async def test_the_focus_is_kept_when_the_terminal_shrinks_below_the_pane_it_is_in(ready: TestDeployment) -> None:
    await create_tasks(ready, 2)
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 2)
        await pilot.press("tab")
        await wait_until(pilot, lambda: pilot.app.screen.query_one("#view").has_focus)
        await pilot.resize_terminal(80, 24)
        await wait_until(pilot, lambda: table(pilot).has_focus)
        await pilot.press("down")
        assert table(pilot).cursor_row == 1


async def test_all_times_of_a_task_are_by_one_clock(ready: TestDeployment) -> None:
    await run_in_process(ready, ready.request())
    ready.write_anything("UPDATE {output}.state SET prod_stat = NULL, production_due = '2030-01-01 12:00:00'")
    (offset,) = ready.rows("SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW())")[0]
    async with console(ready, (120, 40)) as pilot:
        due = datetime(2030, 1, 1, 12) + timedelta(seconds=offset)
        await wait_until(pilot, lambda: re.search(rf"due +{due}", shown(pilot)))
        assert "UTC" not in shown(pilot)


async def test_results_are_shown_with_their_panels_and_without_empty_figures_before_production(
    ready: TestDeployment,
) -> None:
    await run_in_process(ready, ready.request())
    async with console(ready, (200, 50)) as pilot:
        await wait_until(pilot, lambda: "/female 100%" in shown(pilot) and "1 of 2" in shown(pilot))
        ready.write_anything(
            "UPDATE {output}.state SET prod_stat = NULL, length_prod_table = NULL, rate_of_label = NULL,"
            " production_due = UTC_TIMESTAMP() + INTERVAL 1 HOUR"
        )
        await wait_until(pilot, lambda: "not yet produced" in shown(pilot))
        assert "-%" not in shown(pilot) and "- of" not in shown(pilot)


async def test_a_cleaned_task_says_that_it_cannot_be_resumed_and_why() -> None:
    cleaned = task(1, "FAILURE", error="the table is gone", windows_done=2, cleaned_at=datetime(2026, 1, 9, 3, 4, 5))
    async with FixedApp((cleaned, *TASKS[1:]), 2).run_test(size=(120, 40)) as pilot:
        await opened(pilot, TasksScreen)
        await wait_until(pilot, lambda: "it cannot be resumed: what it needs" in shown(pilot), 3)
        assert "r resumes it" not in shown(pilot) and "cleaned" in shown(pilot)
        await pilot.press("r")
        await wait_until(pilot, lambda: "it has failed; what it needs was deleted" in shown(pilot), 3)


async def test_a_wide_page_shows_the_facts_once_beside_the_tabs_or_in_theirs() -> None:
    async with FixedApp().run_test(size=(200, 50)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 5)
        await pilot.press("enter")
        await opened(pilot, TaskDetailScreen)
        for key in ("5", "6", "5"):
            await pilot.press(key)
            await wait_until(pilot, lambda: "deployment" in shown(pilot))
            await pilot.pause()
            assert shown(pilot).count("deployment") == 1
