"""The workbench: pattern files, their faults and warnings, and what a chosen pattern does."""

import pytest

from console.ui.screens.workbench import WorkbenchScreen
from tests.helpers.deployment import TestDeployment
from tests.helpers.screens import console, messages, opened, shown, table, wait_until

SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.mark.parametrize("size", SIZES)
async def test_a_text_that_is_tried_shows_which_pattern_decides_and_why_the_others_do_not(
    ready: TestDeployment, size: tuple[int, int]
) -> None:
    async with console(ready, size) as pilot:
        await pilot.press("p")
        await opened(pilot, WorkbenchScreen)
        await wait_until(pilot, lambda: table(pilot, "files").row_count == 7)
        await pilot.press("t", *"ann tan")
        await wait_until(pilot, lambda: "/female by ann start" in shown(pilot))
        assert "also /male by tan end, line 3: /female comes first" in shown(pilot).replace("│\n│", "")
        await pilot.press("escape", "escape")
        await wait_until(pilot, lambda: not isinstance(pilot.app.screen, WorkbenchScreen))


@pytest.mark.parametrize("size", SIZES)
async def test_a_warning_is_counted_in_the_tree_and_shown_in_full_at_its_line(
    ready: TestDeployment, size: tuple[int, int]
) -> None:
    ready.write_patterns({"female": [("雅婷", "partially"), ("ann", "start"), ("annie", "start")]})
    async with console(ready, size) as pilot:
        await pilot.press("p")
        await opened(pilot, WorkbenchScreen)
        await wait_until(pilot, lambda: table(pilot, "patterns").row_count == 3 and "..." not in shown(pilot))
        await pilot.press("n")
        await wait_until(pilot, lambda: table(pilot, "patterns").cursor_key == "3")
        await wait_until(pilot, lambda: "Line 3 ─ annie start" in shown(pilot) and "line 2" in shown(pilot))


async def test_a_file_with_faults_lists_them_and_enter_on_a_warning_of_a_label_goes_to_its_line(
    ready: TestDeployment,
) -> None:
    async with console(ready, (120, 40)) as pilot:
        await pilot.press("p")
        await opened(pilot, WorkbenchScreen)
        await wait_until(pilot, lambda: table(pilot, "patterns").row_count == 5)
        ready.write_patterns({"female": [("x", "start"), ("y", "begin")]})
        await wait_until(pilot, lambda: "unknown match type 'begin'" in shown(pilot), seconds=2.5)
        assert "no task can be created with this file" in shown(pilot)
        assert any("have changed" in message for message in messages(pilot))
        ready.write_patterns({"female": [("x", "start"), ("xy", "start")]})
        await wait_until(pilot, lambda: table(pilot, "patterns").display and "..." not in shown(pilot))
        await pilot.press("up")  # from the file to its label
        await wait_until(pilot, lambda: table(pilot, "found").display and table(pilot, "found").row_count > 0)
        await pilot.press("enter", "enter")
        await wait_until(pilot, lambda: table(pilot, "patterns").display)
        await wait_until(pilot, lambda: table(pilot, "patterns").cursor_key == "2")
