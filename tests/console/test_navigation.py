"""Screens, dialogs, help, the command palette and the theme."""

import re
from dataclasses import replace

import pytest
from textual.command import CommandPalette

from console.ui.app import AudienceApp
from console.ui.screens.dialogs import Ask, Confirm
from console.ui.screens.messages import MessagesScreen
from console.ui.screens.new_task import NewTaskScreen
from console.ui.screens.presets import PresetDialog
from console.ui.screens.samples import SamplesScreen
from console.ui.screens.task_detail import TaskDetailScreen
from console.ui.screens.tasks import TasksScreen
from console.ui.screens.workbench import WorkbenchScreen
from console.ui.screens.workers import WorkersScreen
from jobs import services
from tests.helpers.deployment import TestDeployment
from tests.helpers.fixed_app import TASKS, FixedApp
from tests.helpers.running import run_in_process
from tests.helpers.screens import console, create_tasks, messages, opened, shown, table, wait_until


async def test_help_lists_the_bindings_and_the_palette_every_action(deployment: TestDeployment) -> None:
    async with console(deployment) as pilot:
        commands = {command.title for command in pilot.app.get_system_commands(pilot.app.screen)}
        assert {"New", "Filter", "Workers", "Patterns", "Theme"} <= commands
        assert not {"Up", "Down"} & commands
        assert not [title for title in commands if title.startswith(("Page ", "Scroll "))]
        await pilot.press("question_mark")
        await wait_until(pilot, lambda: "On the screen Tasks" in shown(pilot))
        for words in ("New", "Abort", "Resume", "Filter", "Copy the id"):
            assert words in shown(pilot)


async def test_help_says_what_the_signs_and_columns_of_a_screen_mean() -> None:
    app = FixedApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count > 0)
        await pilot.press("question_mark")
        await wait_until(pilot, lambda: "✗               failed: r resumes it" in shown(pilot))
        await pilot.press("escape", "p")
        await opened(pilot, WorkbenchScreen)
        await pilot.press("question_mark")
        await wait_until(pilot, lambda: "alone           hits that no other pattern matches" in shown(pilot))


async def test_80_columns_name_the_keys_that_a_task_needs_and_the_screens_that_are_opened_most() -> None:
    tasks = tuple(replace(task, start_time=task.create_time) for task in TASKS)  # so that they can be run again
    async with FixedApp(tasks).run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 5)
        keys = "n New  s Sample  e Rerun  x Export  / Filter  w Workers  p Patterns  ? Keys"
        await pilot.press("down", "down")
        await wait_until(pilot, lambda: keys in shown(pilot))
        await pilot.press("enter")
        await opened(pilot, TaskDetailScreen)
        await wait_until(pilot, lambda: "esc Back  " + keys.replace("/ Filter  ", "") in shown(pilot))


async def test_a_screen_that_is_open_is_not_offered() -> None:
    async with FixedApp().run_test(size=(120, 24)) as pilot:
        await wait_until(pilot, lambda: "w Workers" in shown(pilot))
        await pilot.press("w")
        await opened(pilot, WorkersScreen)
        await wait_until(pilot, lambda: "p Patterns" in shown(pilot) and "w Workers" not in shown(pilot))


async def test_the_palette_opens_screens(deployment: TestDeployment) -> None:
    async with console(deployment) as pilot:
        await pilot.press("ctrl+p")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
        await pilot.press(*"Workers")
        await wait_until(pilot, lambda: "key w" in shown(pilot))
        await pilot.press("enter", "enter")
        await opened(pilot, WorkersScreen)


async def test_repeated_keys_open_one_dialog_and_screens_do_not_pile_up(ready: TestDeployment) -> None:
    await create_tasks(ready, 1)
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        for _ in range(5):
            await pilot.press("w", "p", "f1")
        assert len(pilot.app.screen_stack) <= 5
        while not isinstance(pilot.app.screen, TasksScreen):
            await pilot.press("escape")
        await pilot.press("a", "a")
        await wait_until(pilot, lambda: pilot.app.screen.is_modal)
        await pilot.press("n")
        await opened(pilot, TasksScreen)
        await pilot.press("enter", "enter")
        await opened(pilot, TaskDetailScreen)
        await pilot.press("escape")
        await opened(pilot, TasksScreen)


async def test_a_theme_that_cannot_be_saved_is_used_all_the_same(
    deployment: TestDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/dev/null")
    async with console(deployment) as pilot:
        pilot.app.theme = "textual-light"
        await wait_until(pilot, lambda: any("theme not saved" in message for message in messages(pilot)))
        assert pilot.app.theme == "textual-light"


async def test_a_key_pressed_twice_opens_one_dialog_of_the_form(ready: TestDeployment) -> None:
    async with console(ready, (120, 40)) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        form = pilot.app.screen
        await pilot.press("ctrl+s", "ctrl+s")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press(*"mine", "enter")
        await wait_until(pilot, lambda: pilot.app.screen is form)
        await pilot.press("ctrl+o", "ctrl+o")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, PresetDialog))
        await pilot.press("escape")
        await wait_until(pilot, lambda: pilot.app.screen is form)


async def test_a_key_pressed_twice_opens_one_dialog_of_the_samples(ready: TestDeployment) -> None:
    await run_in_process(ready, ready.request())
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("s")
        await opened(pilot, SamplesScreen)
        samples = pilot.app.screen
        await wait_until(pilot, lambda: table(pilot, "rows").row_count == 2)
        await pilot.press("ctrl+s", "ctrl+s")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press("escape")
        await wait_until(pilot, lambda: pilot.app.screen is samples)
        assert not messages(pilot)


async def test_a_task_that_is_resumed_twice_shows_no_error_and_can_be_resumed_after_another_abort(
    ready: TestDeployment,
) -> None:
    (task_id,) = await create_tasks(ready, 1)
    async with console(ready) as pilot:
        for times in (1, 2):
            await services.abort_task(ready, task_id)
            await wait_until(pilot, lambda: pilot.app.screen.check_action("resume", ()))
            await pilot.press("r", "r", "r")
            await wait_until(pilot, lambda: pilot.app.screen.check_action("abort", ()))
            await pilot.pause()
            assert messages(pilot) == [f"task {task_id[:8]} resumed"] * times


async def test_a_resume_that_failed_can_be_tried_again(ready: TestDeployment) -> None:
    (task_id,) = await create_tasks(ready, 1)
    await services.abort_task(ready, task_id)
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: pilot.app.screen.check_action("resume", ()))
        ready.write_anything(
            "CREATE TRIGGER {output}.refused BEFORE UPDATE ON {output}.task_window FOR EACH ROW"
            " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not now'"
        )
        await pilot.press("r")
        await wait_until(pilot, lambda: messages(pilot))
        ready.write_anything("DROP TRIGGER {output}.refused")
        await pilot.press("r")
        await wait_until(pilot, lambda: messages(pilot)[-1] == f"task {task_id[:8]} resumed")


async def test_the_keys_of_a_screen_are_not_named_while_a_dialog_takes_them(ready: TestDeployment) -> None:
    await create_tasks(ready, 1)
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1 and "n New" in shown(pilot))
        await pilot.press("a")
        await opened(pilot, Confirm)
        await wait_until(pilot, lambda: "n New" not in shown(pilot) and "No (n)" in shown(pilot))
        await pilot.press("n")
        await wait_until(pilot, lambda: "n New" in shown(pilot))


async def test_ctrl_c_says_how_to_quit_without_markup(deployment: TestDeployment) -> None:
    async with console(deployment) as pilot:
        await pilot.press("ctrl+c")
        await wait_until(pilot, lambda: messages(pilot) == ["Press ctrl+q to quit the app"])


async def test_messages_are_kept_with_their_times_and_cover_no_row(ready: TestDeployment) -> None:
    await create_tasks(ready, 1)
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("y")
        await wait_until(pilot, lambda: "sent to the terminal's clipboard" in shown(pilot).splitlines()[-1])
        assert not pilot.app.screen.query("Toast")
        await pilot.press("s", "m")
        await opened(pilot, MessagesScreen)
        lines = [line for line in shown(pilot).splitlines() if re.search(r"\d\d:\d\d:\d\d [✓✗!] ", line)]
        assert len(lines) == 2
        assert "samples are drawn" in lines[0] and "clipboard" in lines[1], "the newest is first"
        assert " ! task" in lines[0] and " ✓ sent" in lines[1], "a key that does nothing is no success"


async def test_q_leaves_only_from_the_tasks_and_asks_if_something_else_ends_with_the_console(
    deployment: TestDeployment,
) -> None:
    app = AudienceApp(deployment, "The demo's servers end with it.")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, TasksScreen)
        await pilot.press("w")
        await opened(pilot, WorkersScreen)
        await pilot.press("q")
        await pilot.pause()
        assert isinstance(app.screen, WorkersScreen)
        await pilot.press("escape")
        await opened(pilot, TasksScreen)
        await pilot.press("q", "q")
        await wait_until(pilot, lambda: "The demo's servers end with it." in shown(pilot))
        await pilot.press("n")
        await opened(pilot, TasksScreen)
        await pilot.press("ctrl+q")
        await wait_until(pilot, lambda: app.screen.is_modal)
        await pilot.press("y")
        await wait_until(pilot, lambda: not app.is_running)


async def test_q_ends_a_console_that_nothing_depends_on(deployment: TestDeployment) -> None:
    app = AudienceApp(deployment)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, TasksScreen)
        await pilot.press("q")
        await wait_until(pilot, lambda: not app.is_running)


async def test_the_key_bar_names_no_key_that_a_text_field_would_take() -> None:
    async with FixedApp().run_test(size=(80, 24)) as pilot:
        await opened(pilot, TasksScreen)
        await pilot.press("slash")
        await wait_until(pilot, lambda: "Keep the filter" in shown(pilot).splitlines()[-1])
        keys = shown(pilot).splitlines()[-1]
        assert "Clear it" in keys and "f1 Keys" in keys
        assert "/ Filter" not in keys and "? Keys" not in keys and "New" not in keys
