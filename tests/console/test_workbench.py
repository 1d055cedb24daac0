"""The workbench: pattern files, their faults and warnings, and what a chosen pattern does."""

import pytest
from textual.pilot import Pilot

from console.ui.preferences import write_preferences
from console.ui.screens.dialogs import Confirm
from console.ui.screens.label_matrix import LabelMatrixScreen
from console.ui.screens.suggestions import SuggestionsScreen
from console.ui.screens.tasks import TasksScreen
from console.ui.screens.workbench import WorkbenchScreen
from jobs.deployment import Deployment
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import PATTERNS
from tests.helpers.screens import console, messages, opened, said, shown, table, wait_until

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
        also = "also /male by tan end, line 3: /female comes first"
        await wait_until(pilot, lambda: also in shown(pilot).replace("│\n│", ""))
        assert "/female by ann start" in shown(pilot)
        await pilot.press("escape", "escape")
        await wait_until(pilot, lambda: not isinstance(pilot.app.screen, WorkbenchScreen))


@pytest.mark.parametrize("size", SIZES)
async def test_escape_returns_to_the_files_then_leaves_and_the_workbench_is_as_it_was_when_it_is_opened_again(
    ready: TestDeployment, size: tuple[int, int]
) -> None:
    gold = ready.folder / "mine.csv"
    gold.write_text(GOLD, encoding="utf-8")
    write_preferences(gold_files={"author_name": str(gold)})
    async with console(ready, size) as pilot:
        await _open(pilot)
        await pilot.press("l")
        await wait_until(pilot, lambda: "gold  6 texts" in said(pilot))
        await pilot.press("enter", "P", "i")
        await wait_until(pilot, lambda: table(pilot, "patterns").cursor_key == "1")
        await pilot.press("escape")
        await wait_until(pilot, lambda: table(pilot, "files").has_focus)
        colours, order = _colours(pilot), table(pilot, "patterns").keys
        await pilot.press("escape")
        await opened(pilot, TasksScreen)
        pilot.app.theme = "audience-light"
        await pilot.press("p")
        await opened(pilot, WorkbenchScreen)
        await wait_until(pilot, lambda: not colours & _colours(pilot))
        assert "gold  6 texts" in said(pilot) and table(pilot, "patterns").keys == order != sorted(order)


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


async def test_a_folder_of_one_predict_type_stands_for_its_files_and_enter_goes_on_to_the_first(
    ready: TestDeployment,
) -> None:
    gold = ready.folder / "mine.csv"
    gold.write_text(GOLD, encoding="utf-8")
    write_preferences(gold_files={"author_name": str(gold)})
    ready.write_patterns({"female": [("雅婷", "partially")], "male": [("志明", "partially")], "團體": [("co", "end")]})
    async with console(ready) as pilot:
        await pilot.press("p")
        await opened(pilot, WorkbenchScreen)
        await wait_until(pilot, lambda: table(pilot, "patterns").row_count == 1 and "..." not in shown(pilot))
        await pilot.press("home", "l")  # the model
        await wait_until(pilot, lambda: "gold  6 texts" in said(pilot))
        await pilot.press("end", "up", "enter")  # the last label
        await wait_until(pilot, lambda: table(pilot, "files").cursor_key == "keyword_model/團體/author_name")
        await pilot.press("enter")
        await wait_until(pilot, lambda: table(pilot, "patterns").has_focus and "Line 1 ─ co end" in shown(pilot))
        ready.write_patterns({"female": [("雅婷", "partially")]}, predict_type="content")
        await pilot.press("escape", "home")
        await wait_until(pilot, lambda: table(pilot, "files").row_count == 8)
        await pilot.press("l")
        await wait_until(pilot, lambda: messages(pilot)[-1] == "choose a file")


GOLD = "text,label\n林雅婷,female\nAnnie,male\nann lee,female\nSun,male\nnobody,\n志明,female\n"


@pytest.mark.parametrize("size", SIZES)
async def test_an_evaluation_fills_the_columns_shows_the_wrong_texts_and_remembers_the_gold_file(
    ready: TestDeployment, size: tuple[int, int]
) -> None:
    gold = ready.folder / "mine.csv"
    gold.write_text(GOLD, encoding="utf-8")
    async with console(ready, size) as pilot:
        await _open(pilot)
        await pilot.press("u", "ctrl+u", *str(gold), "enter")
        await wait_until(pilot, lambda: "gold  6 texts" in said(pilot))
        await pilot.press("tab", "O")
        await wait_until(pilot, lambda: "by gold ↓" in shown(pilot) and table(pilot, "patterns").cursor_row == 0)
        await wait_until(pilot, lambda: "Line 2 ─ ann start" in shown(pilot))
        assert "right in 1 of 2 gold texts" in said(pilot)
        assert "✗ Annie  should get /male, line 3" in said(pilot)
        await pilot.press("x")
        await opened(pilot, LabelMatrixScreen)
        rows = {line.split()[1]: line.split()[2:] for line in shown(pilot).splitlines() if "/" in line[:5]}
        assert rows["/female"][:2] == ["2", "1"] and rows["/male"][:2] == ["1", "1"], shown(pilot)
    async with console(ready, size) as pilot:
        await _open(pilot)
        await pilot.press("l")
        await wait_until(pilot, lambda: "gold  6 texts" in said(pilot))


async def test_an_evaluation_says_when_the_files_have_changed_since(ready: TestDeployment) -> None:
    gold = ready.folder / "mine.csv"
    gold.write_text(GOLD, encoding="utf-8")
    async with console(ready, (120, 40)) as pilot:
        await _open(pilot)
        await pilot.press("u", "ctrl+u", *str(gold), "enter")
        await wait_until(pilot, lambda: "labelled, precision" in said(pilot))
        ready.write_patterns({"female": [("x", "start"), ("ann", "start")]}, predict_type="content")
        await wait_until(pilot, lambda: table(pilot, "files").row_count == 8)
        assert "changed since" not in said(pilot)
        ready.write_patterns({"female": [("雅婷", "partially"), ("annie", "start")]})
        await wait_until(pilot, lambda: "the files have changed since" in said(pilot))
        # Line 2 has another pattern now, so it has no figures.
        await pilot.press("tab", "down")
        await wait_until(pilot, lambda: "decides no text of mine.csv" in said(pilot))


@pytest.mark.parametrize("size", SIZES)
async def test_a_suggestion_is_shown_confirmed_added_and_evaluated(
    ready: TestDeployment, size: tuple[int, int]
) -> None:
    gold = ready.folder / "mine.csv"
    surnames = "陳林黃張李王吳劉蔡楊許鄭謝郭洪曾邱廖賴周徐蘇葉莊呂江何蕭羅高"
    texts = [f"{one}{other}淑芬,female" for one in surnames for other in surnames[:9]]
    texts += [f"{one}{other},male" for one in surnames for other in surnames[:9]]
    gold.write_text("text,label\n" + "\n".join(texts), encoding="utf-8")
    write_preferences(gold_files={"author_name": str(gold)})
    file = ready.settings.patterns_dir / "keyword_model/female/author_name.txt"
    before = file.read_text(encoding="utf-8").removesuffix("\n")
    file.write_text(before, encoding="utf-8")
    async with console(ready, size) as pilot:
        await _open(pilot)
        await pilot.press("l")
        await wait_until(pilot, lambda: "labelled, precision" in said(pilot))
        await pilot.press("s")
        await opened(pilot, SuggestionsScreen)
        await wait_until(pilot, lambda: "precision %" in shown(pilot) and "芬" in shown(pilot))
        assert table(pilot, "suggestions").has_focus
        await pilot.press("a")
        await opened(pilot, Confirm)
        assert "芬" in shown(pilot) and "keyword_model/female/author_name" in shown(pilot)
        await pilot.press("n")
        await opened(pilot, SuggestionsScreen)
        assert file.read_text(encoding="utf-8") == before
        await pilot.press("a")
        await opened(pilot, Confirm)
        await pilot.press("y")
        await opened(pilot, WorkbenchScreen)
        await wait_until(pilot, lambda: table(pilot, "patterns").cursor_key == str(len(PATTERNS["female"]) + 1))
        *lines, added = file.read_text(encoding="utf-8").splitlines()
        assert "\n".join(lines) == before and "芬" in added
        await wait_until(pilot, lambda: "precision 100.0% (" in said(pilot) and "changed since" not in said(pilot))


async def test_nothing_can_be_changed_in_a_read_only_console(ready: TestDeployment) -> None:
    async with console(Deployment(ready.settings, read_only=True), (120, 40)) as pilot:
        await _open(pilot)
        assert pilot.app.screen.check_action("edit", ()) is False
        assert "Edit" not in shown(pilot)


def _colours(pilot: Pilot[None]) -> set[object]:
    """Return the backgrounds of the rows of the files."""
    lines = [table(pilot, "files").render_line(y) for y in range(1, 4)]
    return {segment.style.bgcolor for line in lines for segment in line if segment.style}


async def _open(pilot: Pilot[None]) -> None:
    await pilot.press("p")
    await opened(pilot, WorkbenchScreen)
    await wait_until(pilot, lambda: table(pilot, "patterns").row_count == len(PATTERNS["female"]))
