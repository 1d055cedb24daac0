"""Previews in the workbench: what patterns would do to a random sample of the range."""

import pytest
from textual.pilot import Pilot

from console.ui.preferences import write_preferences
from console.ui.screens.dialogs import Choose, Confirm
from console.ui.screens.label_matrix import LabelMatrixScreen
from console.ui.screens.sample_suggestions import SampleSuggestionsScreen
from console.ui.screens.suggestions import SuggestionsScreen
from console.ui.screens.workbench import WorkbenchScreen
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import PATTERNS, post
from tests.helpers.screens import console, messages, opened, said, shown, table, wait_until
from tests.helpers.screens import create_tasks as create

SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.mark.parametrize("size", SIZES)
async def test_a_preview_fills_the_columns_and_shows_examples_and_conflicts(
    ready: TestDeployment, size: tuple[int, int]
) -> None:
    posts = [post(number, "Annie", "2020-06-01 00:00:00") for number in range(5)]
    ready.write_posts([*posts, post(9, "Ann Tan", "2020-06-02 00:00:00"), post(10, "nobody", "2020-06-02 00:00:00")])
    async with console(ready, size) as pilot:
        await _preview(pilot)
        assert (
            "sample  all 7 posts, 85.7% labelled, /female 85.7%, /male 0.0%, /團體 0.0%; 66.7% of the authors"
            in said(pilot)
        )
        await pilot.press("tab", "H")
        await wait_until(pilot, lambda: "by hits ↓" in shown(pilot))
        await pilot.press("home")
        await wait_until(pilot, lambda: "Line 2 ─ ann start" in shown(pilot))
        assert "hits 6 of all 7 posts, decides 6, alone 5, 1 with another label" in said(pilot)
        assert "  Annie" in said(pilot) and "  Ann Tan" in said(pilot)
        await pilot.press("x")
        await opened(pilot, LabelMatrixScreen)
        rows = [line.strip("│ ").split() for line in shown(pilot).splitlines() if line.startswith("│ /female")]
        assert rows == [["/female", "-", "1", "0"]]


async def test_a_preview_is_of_the_range_of_the_newest_task(ready: TestDeployment) -> None:
    ready.write_posts([post(1, "Annie", "2020-06-01 00:00:00"), post(2, "Annie", "2022-06-01 00:00:00")])
    async with console(ready, (120, 40)) as pilot:
        await _preview(pilot)
        assert "all 2 posts" in said(pilot)
    await create(ready, 1)  # of the year 2020
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await _preview(pilot)
        assert "all 1 post," in said(pilot)


async def test_without_a_range_a_preview_says_what_to_do(ready: TestDeployment) -> None:
    ready.write_posts([])
    async with console(ready, (120, 40)) as pilot:
        await _open(pilot)
        await pilot.press("v")
        await wait_until(pilot, lambda: any("create a task first" in message for message in messages(pilot)))


async def test_escape_stops_a_preview_before_it_leaves_the_screen(ready: TestDeployment) -> None:
    ready.write_posts(post(number, f"Ann {number}", "2020-06-01 00:00:00") for number in range(2_000))
    running = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = %s AND command = 'Query'"
    async with console(ready, (120, 40)) as pilot:
        await _open(pilot)
        screen = pilot.app.screen
        with ready.servers.connect() as connection, connection.cursor() as cursor:
            cursor.execute(ready.named("LOCK TABLES {input}.{table} WRITE"), ())
            await pilot.press("v")
            await wait_until(pilot, lambda: "Escape stops it" in said(pilot))
            await wait_until(pilot, lambda: ready.rows(running, ready.settings.input_user) == [(1,)])
            await pilot.press("escape")
            await wait_until(pilot, lambda: "Escape stops it" not in said(pilot))
            assert pilot.app.screen is screen
            await wait_until(pilot, lambda: ready.rows(running, ready.settings.input_user) == [(0,)])


async def test_a_suggestion_that_was_added_is_previewed(ready: TestDeployment) -> None:
    surnames = "陳林黃張李王吳劉蔡楊許鄭謝郭洪曾邱廖賴周徐蘇葉莊呂江何蕭羅高"
    names = [f"{one}{other}淑芬" for one in surnames for other in surnames[:9]]
    others = [f"{one}{other}" for one in surnames for other in surnames[:9]]
    gold = ready.folder / "gold.csv"
    lines = [f"{name},female" for name in names] + [f"{name},male" for name in others]
    gold.write_text("text,label\n" + "\n".join(lines), encoding="utf-8")
    write_preferences(gold_files={"author_name": str(gold)})
    ready.write_posts(post(number, name, "2020-06-01 00:00:00") for number, name in enumerate(names))
    async with console(ready, (120, 40)) as pilot:
        await _open(pilot)
        await pilot.press("s")
        await opened(pilot, SuggestionsScreen)
        await wait_until(pilot, lambda: table(pilot, "suggestions").row_count > 0)
        await pilot.press("a")
        await opened(pilot, Confirm)
        await pilot.press("y")
        await opened(pilot, WorkbenchScreen)
        await wait_until(pilot, lambda: "hits 270 of all 270 posts" in said(pilot))
        assert table(pilot, "patterns").cursor_key == str(len(PATTERNS["female"]) + 1)


@pytest.mark.parametrize("size", SIZES)
async def test_what_a_sample_leaves_without_a_label_suggests_lines_for_a_chosen_label(
    ready: TestDeployment, size: tuple[int, int]
) -> None:
    surnames = "陳林黃張李王吳劉蔡楊許鄭謝郭洪曾邱廖賴周徐蘇葉莊呂江何蕭羅高"
    ready.write_posts(post(number, f"{one}淑芬", "2020-06-01 00:00:00") for number, one in enumerate(surnames))
    async with console(ready, size) as pilot:
        await _open(pilot)
        await pilot.press("f")
        await opened(pilot, SampleSuggestionsScreen)
        await wait_until(pilot, lambda: "in 30 texts, such as" in said(pilot) and "examples" in shown(pilot))
        assert table(pilot, "suggestions").has_focus and "淑芬       " in shown(pilot)
        await pilot.press("a")
        await opened(pilot, Choose)
        assert "淑芬 end" in shown(pilot) and "/male" in shown(pilot)
        await pilot.press("escape")
        await opened(pilot, SampleSuggestionsScreen)
        await pilot.press("a")
        await opened(pilot, Choose)
        await pilot.press("down", "enter")
        await opened(pilot, WorkbenchScreen)
        await wait_until(pilot, lambda: "/male 100.0" in said(pilot) and "Line 6 ─ 淑芬 end" in shown(pilot))
    file = ready.settings.patterns_dir / "keyword_model/male/author_name.txt"
    assert file.read_text(encoding="utf-8").splitlines()[-1] == "淑芬\tend"


async def _open(pilot: Pilot[None]) -> None:
    await pilot.press("p")
    await opened(pilot, WorkbenchScreen)
    await wait_until(pilot, lambda: table(pilot, "patterns").row_count == len(PATTERNS["female"]))


async def _preview(pilot: Pilot[None]) -> None:
    await _open(pilot)
    await pilot.press("v")
    await wait_until(pilot, lambda: "% labelled" in said(pilot) and "Escape stops it" not in said(pilot))
