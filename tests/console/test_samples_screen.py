"""The samples screen."""

from console.ui.screens.samples import SamplesScreen
from tests.helpers.deployment import TestDeployment
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
        await wait_until(pilot, lambda: "1 shown of 2 sampled" in shown(pilot))
        await pilot.press("r")
        await wait_until(pilot, lambda: "1 shown of 2 sampled" in shown(pilot))
        ready.write_anything("DROP TABLE {output}.wh_panel_mapping_fbfans")
        await pilot.press("r")
        await wait_until(pilot, lambda: table(pilot, "rows").row_count == 0)
    assert task.result == "Dcard,fbfans"
