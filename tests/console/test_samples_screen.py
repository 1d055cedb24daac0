"""The samples screen."""

import os
from pathlib import Path

import pytest
from textual.widgets import Input

from console.ui.screens.dialogs import Ask
from console.ui.screens.samples import SamplesScreen
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import post
from tests.helpers.running import run_in_process
from tests.helpers.screens import console, opened, shown, table, wait_until


async def test_a_failed_sample_shows_no_rows_of_an_earlier_one(ready: TestDeployment) -> None:
    task = await run_in_process(ready, ready.request())
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("s")
        await opened(pilot, SamplesScreen)
        await wait_until(pilot, lambda: table(pilot, "rows").row_count == 2)
        await pilot.press("f")
        await wait_until(pilot, lambda: "1 of 2 of 2 rows" in shown(pilot))
        await pilot.press("r")
        await wait_until(pilot, lambda: "1 of 2 of 2 rows" in shown(pilot))
        ready.write_anything("DROP TABLE {output}.wh_panel_mapping_fbfans")
        await pilot.press("r")
        await wait_until(pilot, lambda: table(pilot, "rows").row_count == 0)
        await wait_until(pilot, lambda: "cannot read the result tables" in shown(pilot))
    assert task.result == "Dcard,fbfans"


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_authors_stand_beside_their_texts_with_the_pattern_that_decided(
    ready: TestDeployment, size: tuple[int, int]
) -> None:
    ready.write_patterns({"male": ["my (wife|girlfriend)"]}, "content")
    text = "很長的一段話" * 8 + "then my wife said"
    ready.write_posts([post(1, "王大明", "2020-06-01 00:00:00", content=text)])
    await run_in_process(ready, ready.request(model_type="rule_model", predict_type="content"))
    async with console(ready, size) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("s")
        await opened(pilot, SamplesScreen)
        await wait_until(pilot, lambda: "my (wife" in _row(pilot_text := shown(pilot)) and pilot_text)
        row = _row(shown(pilot))
        assert "王大明" in row and "my wife" in row and "/male" in row
        lit = [
            segment.text
            for strip in pilot.app.screen._compositor.render_strips()
            for segment in strip
            if segment.style is not None and segment.style.reverse and "wife" in segment.text
        ]
        assert lit == ["my wife", "my wife"], "in the table and in full below it"
        assert "my (wife|girlfriend), line 1 of /male, decides" in shown(pilot)


def _row(screen: str) -> str:
    """Return the first row of the table: it is under the line of labels."""
    lines = screen.splitlines()
    return next((lines[place + 1] for place, line in enumerate(lines) if "matched text" in line), "")


async def test_shares_of_the_sample_stand_beside_those_of_all_rows(ready: TestDeployment) -> None:
    ready.write_posts(
        [post(number, f"Ann{number}", "2020-06-01 00:00:00") for number in range(90)]
        + [post(100 + number, f"志明{number}", "2020-06-01 00:00:00") for number in range(10)]
    )
    await run_in_process(ready, ready.request())
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("s")
        await opened(pilot, SamplesScreen)
        await wait_until(pilot, lambda: "50 of 100 rows" in shown(pilot) and "90.0%" in shown(pilot))
        assert "10.0%" in shown(pilot)
        await pilot.press("l")
        await wait_until(pilot, lambda: "100 of 100 rows" in shown(pilot))
        assert shown(pilot).count("90.0%") == 2, "the sample is all rows now"


async def test_find_shows_the_rows_with_a_text_until_escape(ready: TestDeployment) -> None:
    await run_in_process(ready, ready.request())
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("s")
        await opened(pilot, SamplesScreen)
        await wait_until(pilot, lambda: table(pilot, "rows").row_count == 2)
        await pilot.press("slash", *"anni", "enter")
        await wait_until(pilot, lambda: "1 of 2 of 2 rows" in shown(pilot))
        assert table(pilot, "rows").has_focus
        await pilot.press("escape")
        await wait_until(pilot, lambda: "─ 2 of 2 rows" in shown(pilot))
        assert isinstance(pilot.app.screen, SamplesScreen)


async def test_one_result_can_be_sampled(ready: TestDeployment) -> None:
    await run_in_process(ready, ready.request())
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("s")
        await opened(pilot, SamplesScreen)
        await wait_until(pilot, lambda: table(pilot, "rows").row_count == 2)
        await pilot.press("b")
        await wait_until(pilot, lambda: "1 of 1 row ─ Dcard" in shown(pilot) and "志明" in shown(pilot))
        await pilot.press("b")
        await wait_until(pilot, lambda: "1 of 1 row ─ fbfans" in shown(pilot) and "Annie" in shown(pilot))
        await pilot.press("b")
        await wait_until(pilot, lambda: "─ 2 of 2 rows" in shown(pilot))


async def test_save_proposes_a_name_that_is_free(
    ready: TestDeployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await run_in_process(ready, ready.request())
    monkeypatch.chdir(tmp_path)
    name = f"sample-{task.task_id[:8]}"
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("s")
        await opened(pilot, SamplesScreen)
        await wait_until(pilot, lambda: table(pilot, "rows").row_count == 2)
        for proposed in (f"{name}.csv", f"{name}-2.csv", f"{name}-3.csv"):
            await pilot.press("ctrl+s")
            await wait_until(pilot, lambda: isinstance(pilot.app.screen, Ask))
            assert pilot.app.screen.query_one("#answer", Input).value == proposed
            await pilot.press("enter")
            await wait_until(pilot, (tmp_path / proposed).exists)
            await opened(pilot, SamplesScreen)
    assert len(os.listdir(tmp_path)) >= 3
