"""Hostile text from the data is inert on every screen."""

import shutil

from textual.widgets import Input

from console.ui.preferences import write_preferences
from console.ui.screens.comparison import ComparisonScreen
from console.ui.screens.dialogs import Confirm
from console.ui.screens.label_matrix import LabelMatrixScreen
from console.ui.screens.sample_suggestions import SampleSuggestionsScreen
from console.ui.screens.samples import SamplesScreen
from console.ui.screens.suggestions import SuggestionsScreen
from console.ui.screens.tasks import TasksScreen
from console.ui.screens.workbench import WorkbenchScreen
from tests.helpers.assertions import assert_inert
from tests.helpers.deployment import TestDeployment
from tests.helpers.foreign import foreign_state_table
from tests.helpers.posts import post
from tests.helpers.running import run_in_process
from tests.helpers.screens import console, opened, said, shown, table, wait_until

NAMES = ["\x1b]0;owned\x07Ann", "Ann[/red]", "Ann[a-z]{3}", "\u202eAnn", "=Ann()", "\u200bAnn", "Ann\r\nx"]


async def test_hostile_names_labels_and_errors_are_inert_on_every_screen(ready: TestDeployment) -> None:
    ready.write_posts([post(number, name, "2020-06-01 00:00:00") for number, name in enumerate(NAMES)])
    shutil.rmtree(ready.settings.patterns_dir)
    ready.write_patterns({"[red]female": [("ann", "partially")], "male": [("[/b]", "partially")]})
    task = await run_in_process(ready, ready.request())
    ready.write_anything("UPDATE {output}.state SET error = %s", "\x1b[2Jerror [/red] \u202e")
    async with console(ready, (200, 50)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1 and "error [/red]" in shown(pilot))
        await pilot.press("s")
        await opened(pilot, SamplesScreen)
        await wait_until(pilot, lambda: "Samples of" in shown(pilot) and "sampling" not in shown(pilot))
        text = shown(pilot)
        assert "Ann[/red]" in text and "Ann[a-z]{3}" in text and "\\u202eAnn" in text and "[red]female" in text
        assert_inert(text)
        await pilot.press("escape")
        await opened(pilot, TasksScreen)
        await pilot.press("p")
        await opened(pilot, WorkbenchScreen)
        await wait_until(pilot, lambda: "[red]female" in shown(pilot))
        pilot.app.screen.query_one("#try", Input).value = NAMES[0]
        await wait_until(pilot, lambda: "/[red]female by ann partially" in shown(pilot))
        assert_inert(shown(pilot))
        await pilot.press("v", "h", "tab")
        await wait_until(pilot, lambda: "% labelled" in said(pilot) and "patterns decided" in said(pilot))
        await wait_until(pilot, lambda: "Escape stops it" not in said(pilot) and "posts, decides" in said(pilot))
        assert_inert(shown(pilot))
        shutil.rmtree(ready.settings.patterns_dir / "keyword_model/[red]female")
        await pilot.press("c")
        await opened(pilot, ComparisonScreen)
        await wait_until(pilot, lambda: "Ann[/red]  /[red]female → no label" in said(pilot))
        assert_inert(shown(pilot))
        await pilot.press("escape")
        await opened(pilot, WorkbenchScreen)
        ready.write_posts(post(number, f"{number}{NAMES[0]}[/red]", "2020-06-01 00:00:00") for number in range(60))
        await pilot.press("f")
        await opened(pilot, SampleSuggestionsScreen)
        await wait_until(pilot, lambda: "Ann[/red]" in said(pilot))
        assert_inert(shown(pilot))
    assert task.prod_stat == "finish"


async def test_hostile_patterns_gold_files_and_suggestions_are_inert_in_the_workbench(ready: TestDeployment) -> None:
    shutil.rmtree(ready.settings.patterns_dir)
    hostile = "[/red]\x1b]0;x\x07\u202e"
    label = "[bold]x"
    ready.write_patterns({label: [(hostile, "start"), (hostile + "more", "start"), ("[/b] ", "end")]})
    gold = ready.folder / "[red]gold.csv"
    rows = [f'"{hostile}{number}",other' for number in range(60)]
    rows += [f'"{hostile[::-1]}{number}[/red]",{label}' for number in range(60)]
    rows += [f"nobody {number}," for number in range(60)]
    gold.write_text("text,label\n" + "\n".join(rows), encoding="utf-8")
    write_preferences(gold_files={"author_name": str(gold)})
    async with console(ready, (120, 40)) as pilot:
        await pilot.press("p")
        await opened(pilot, WorkbenchScreen)
        await wait_until(pilot, lambda: table(pilot, "patterns").row_count == 3 and "..." not in shown(pilot))
        await pilot.press("l")
        await wait_until(pilot, lambda: "180 texts" in said(pilot))
        for _ in range(3):
            await pilot.press("n")
            await pilot.pause()
            assert_inert(shown(pilot))
        await pilot.press("home")
        await wait_until(pilot, lambda: "✗ [/red]\\x1b" in said(pilot))
        assert_inert(shown(pilot))
        await pilot.press("x")
        await opened(pilot, LabelMatrixScreen)
        assert "[bold]x" in shown(pilot)
        assert_inert(shown(pilot))
        await pilot.press("escape")
        await opened(pilot, WorkbenchScreen)
        await pilot.press("s")
        await opened(pilot, SuggestionsScreen)
        await wait_until(pilot, lambda: table(pilot, "suggestions").row_count > 0)
        assert_inert(shown(pilot))
        await pilot.press("a")
        await opened(pilot, Confirm)
        assert_inert(shown(pilot))


async def test_a_foreign_state_table_is_inert_on_the_screens(ready: TestDeployment) -> None:
    task = await run_in_process(ready, ready.request())
    with foreign_state_table(ready) as foreign:
        async with console(ready, (200, 50)) as pilot:
            await wait_until(pilot, lambda: table(pilot).row_count == 1 + len(foreign))
            await pilot.press("home")
            for _ in foreign:  # shows the detail of each task
                await pilot.press("down")
                await pilot.pause(0.1)
                assert_inert(shown(pilot))
            table(pilot).select_when_shown(task.task_id)
            await wait_until(pilot, lambda: table(pilot).cursor_key == task.task_id)
            await pilot.press("s")
            await opened(pilot, SamplesScreen)
            await wait_until(pilot, lambda: "Samples of" in shown(pilot) and "sampling" not in shown(pilot))
            await pilot.press("t")
            await wait_until(pilot, lambda: "forged" in shown(pilot))
            assert_inert(shown(pilot))
