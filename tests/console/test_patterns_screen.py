"""The patterns screen."""

from console.ui.screens.patterns import PatternsScreen
from tests.helpers.deployment import TestDeployment
from tests.helpers.screens import console, opened, shown, table, wait_until


async def test_patterns_show_their_counts_their_faults_and_why_a_text_gets_its_label(ready: TestDeployment) -> None:
    async with console(ready, (120, 40)) as pilot:
        await pilot.press("p")
        await opened(pilot, PatternsScreen)
        await wait_until(pilot, lambda: table(pilot, "files").row_count == 3)
        await pilot.press("t", *"ann tan")
        await wait_until(pilot, lambda: "/female by ann start" in shown(pilot))
        assert "also /male by tan end, line 3: /female comes first" in shown(pilot)
        ready.write_patterns({"female": [("x", "start"), ("y", "begin")]})
        await pilot.press("escape", "r")
        await wait_until(pilot, lambda: "1 faults" in shown(pilot) and "unknown match type 'begin'" in shown(pilot))
