"""Screens, dialogs, help, the command palette and the theme."""

import pytest
from textual.command import CommandPalette

from console.ui.screens.task_detail import TaskDetailScreen
from console.ui.screens.tasks import TasksScreen
from console.ui.screens.workers import WorkersScreen
from tests.helpers.deployment import TestDeployment
from tests.helpers.screens import console, create_tasks, opened, shown, table, wait_until


async def test_help_lists_the_bindings_and_the_palette_every_action(deployment: TestDeployment) -> None:
    async with console(deployment) as pilot:
        commands = {command.title for command in pilot.app.get_system_commands(pilot.app.screen)}
        assert {"New", "Filter", "Workers", "Patterns", "Theme"} <= commands
        assert not {"Up", "Down", "Page up", "Page down"} & commands
        await pilot.press("question_mark")
        await wait_until(pilot, lambda: "On the page Tasks" in shown(pilot))
        for words in ("New", "Abort", "Resume", "Filter", "Copy the id"):
            assert words in shown(pilot)


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
        notifications = pilot.app._notifications  # the screen of the test harness shows none
        await wait_until(pilot, lambda: any("theme not saved" in note.message for note in notifications))
        assert pilot.app.theme == "textual-light"
