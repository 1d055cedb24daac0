"""The schedules screen and its form, driven by keys."""

from textual.widgets import Input

from console.ui.screens.dialogs import Confirm
from console.ui.screens.schedule_form import ScheduleFormScreen
from console.ui.screens.schedules import SchedulesScreen
from console.ui.screens.task_detail import TaskDetailScreen
from console.ui.screens.tasks import TasksScreen
from jobs import services
from jobs.deployment import Deployment
from tests.faults.proxy import proxy
from tests.helpers.deployment import TestDeployment
from tests.helpers.schedules import add_schedule, look_once, make_due
from tests.helpers.screens import console, messages, opened, said, shown, table, wait_until


async def test_a_schedule_is_added_with_its_next_times_shown_as_one_types(ready: TestDeployment) -> None:
    async with console(ready) as pilot:
        await pilot.press("c")
        await opened(pilot, SchedulesScreen)
        await wait_until(pilot, lambda: "No schedules yet" in shown(pilot))
        await pilot.press("n")
        await opened(pilot, ScheduleFormScreen)
        form = pilot.app.screen
        await pilot.press(*"nightly")
        assert "The next five times show here" in said(pilot)
        form.query_one("#cron", Input).value = "15 3 * *"
        await wait_until(pilot, lambda: "expected five fields" in said(pilot))
        form.query_one("#cron", Input).value = "15 3 * * *"
        form.query_one("#timezone", Input).value = "Asia/Taipei"
        await wait_until(pilot, lambda: said(pilot).count("03:15 +08") == 5)
        assert "\neach labels the whole day before" in said(pilot)
        form.query_one("#timezone", Input).value = "Mars/Olympus"
        await wait_until(pilot, lambda: "expected the name of a time zone" in said(pilot))
        await pilot.press("ctrl+s")
        await wait_until(pilot, lambda: any("Time zone: expected" in message for message in messages(pilot)))
        assert await services.list_schedules(ready) == []
        form.query_one("#timezone", Input).value = "Asia/Taipei"
        await pilot.press("ctrl+s")
        await opened(pilot, SchedulesScreen)
        await wait_until(pilot, lambda: table(pilot, "schedules").keys == ["nightly"])
        assert "03:15 +08" in shown(pilot)
    (status,) = await services.list_schedules(ready)
    assert (status.schedule.cron, status.schedule.timezone) == ("15 3 * * *", "Asia/Taipei")


async def test_a_schedule_is_changed_in_the_form_but_not_renamed(ready: TestDeployment) -> None:
    await add_schedule(ready)
    async with console(ready, (120, 40)) as pilot:
        await pilot.press("c")
        await wait_until(pilot, lambda: table(pilot, "schedules").row_count == 1)
        await pilot.press("e")
        await opened(pilot, ScheduleFormScreen)
        form = pilot.app.screen
        assert form.query_one("#name").disabled and form.query_one("#output_schema").disabled
        form.query_one("#range", Input).value = "last-3-days"
        await pilot.press("ctrl+s")
        await opened(pilot, SchedulesScreen)
        await wait_until(pilot, lambda: "last-3-days" in said(pilot))
    assert (await services.find_schedule(ready, "nightly")).schedule.range == "last-3-days"


async def test_run_pause_and_remove_apply_to_the_schedule_under_the_cursor(ready: TestDeployment) -> None:
    for name in ("daily", "nightly"):
        await add_schedule(ready, name)
    async with console(ready) as pilot:
        await pilot.press("c")
        await wait_until(pilot, lambda: table(pilot, "schedules").keys == ["daily", "nightly"])
        await pilot.press("down", "r")
        await wait_until(pilot, lambda: "schedule nightly fired" in messages(pilot))
        await wait_until(pilot, lambda: table(pilot, "runs").row_count == 1 and "running" in shown(pilot))
        await pilot.press("z")
        await wait_until(pilot, lambda: "paused: it does not fire" in said(pilot))
        await pilot.press("z")
        await wait_until(pilot, lambda: "schedule nightly unpaused" in messages(pilot))
        await pilot.press("d")
        await opened(pilot, Confirm)
        await pilot.press("n", "d")
        await opened(pilot, Confirm)
        await pilot.press("y")
        await wait_until(pilot, lambda: table(pilot, "schedules").keys == ["daily"])
    assert [status.schedule.name for status in await services.list_schedules(ready)] == ["daily"]
    assert ready.count("schedule = 'nightly'") == 1


async def test_marked_schedules_are_paused_together(ready: TestDeployment) -> None:
    for name in ("a", "b", "c"):
        await add_schedule(ready, name)
    async with console(ready) as pilot:
        await pilot.press("c")
        await wait_until(pilot, lambda: table(pilot, "schedules").row_count == 3)
        await pilot.press("space", "space")
        await wait_until(pilot, lambda: "2 marked" in shown(pilot))
        await pilot.press("z")
        await wait_until(pilot, lambda: "2 schedules paused" in messages(pilot))
    assert [status.schedule.paused for status in await services.list_schedules(ready)] == [True, True, False]


async def test_runs_are_shown_as_a_strip_and_a_list_that_leads_to_their_tasks(ready: TestDeployment) -> None:
    await add_schedule(ready)
    for end in ("'FAILURE'", "'ABORTED'", "'SUCCESS', prod_stat = 'finish'"):
        make_due(ready)
        await look_once(ready)
        ready.write_anything(f"UPDATE {{output}}.state SET stat = {end} WHERE stat = 'PENDING'")
    ready.write_patterns({"female": [("x", "sometimes")]})
    make_due(ready)
    await look_once(ready)
    async with console(ready) as pilot:
        await pilot.press("c")
        await wait_until(pilot, lambda: table(pilot, "runs").row_count == 4)
        text = shown(pilot)
        assert "✗⊘✓!" in text and "not fired" in text
        assert "sometimes" in said(pilot)
        await pilot.press("tab", "down", "enter")
        await opened(pilot, TaskDetailScreen)


async def test_a_schedule_that_waits_or_is_late_says_so(ready: TestDeployment) -> None:
    await add_schedule(ready)
    make_due(ready, seconds=120)
    async with console(ready) as pilot:
        await pilot.press("c")
        await wait_until(pilot, lambda: "late 2m" in shown(pilot) and "no worker fires it" in said(pilot))
        await look_once(ready)
        make_due(ready)
        await look_once(ready)
        await wait_until(pilot, lambda: "waits: its last run is still going" in said(pilot))


async def test_a_read_only_console_shows_schedules_and_changes_none(ready: TestDeployment) -> None:
    await add_schedule(ready)
    async with console(Deployment(ready.settings, read_only=True)) as pilot:
        await pilot.press("c")
        await wait_until(pilot, lambda: table(pilot, "schedules").row_count == 1)
        await pilot.press("n", "e", "r", "z", "d")
        await wait_until(pilot, lambda: messages(pilot).count("this console is read-only") == 5)
        assert isinstance(pilot.app.screen, SchedulesScreen)
        await pilot.press("escape")
        await opened(pilot, TasksScreen)
    assert not (await services.find_schedule(ready, "nightly")).schedule.paused


async def test_schedules_are_shown_however_long_the_server_takes_to_answer(ready: TestDeployment) -> None:
    await add_schedule(ready)
    with proxy(ready.settings.output_port) as between:
        far_away = Deployment(ready.settings.model_copy(update={"output_port": between.port}))
        async with console(far_away) as pilot:
            between.delay(0.08)  # about a dozen times each way for a look at the schedules
            await pilot.press("c")
            await wait_until(pilot, lambda: table(pilot, "schedules").keys == ["nightly"])
