"""The whole job on the screens, from an empty table to a saved sample."""

import csv
import json

from textual.widgets import Input

from console.ui.screens.new_task import NewTaskScreen
from console.ui.screens.samples import SamplesScreen
from console.ui.screens.tasks import TasksScreen
from tests.helpers.deployment import TestDeployment
from tests.helpers.running import finished
from tests.helpers.screens import console, messages, opened, shown, table, wait_until


async def test_an_operator_creates_a_task_samples_it_and_saves_the_sample(ready: TestDeployment) -> None:
    with ready.workers():
        async with console(ready) as pilot:
            await wait_until(pilot, lambda: "No tasks yet. Press n" in shown(pilot))
            await pilot.press("n")
            await opened(pilot, NewTaskScreen)
            # The form proposes the range of all rows and shows the plan before any key is pressed.
            await wait_until(pilot, lambda: "2020-06-01 00:00:00 to 2020-06-02 00:00:00" in shown(pilot))
            await pilot.press("ctrl+l")
            await opened(pilot, TasksScreen)
            await wait_until(pilot, lambda: "1 done" in shown(pilot), 30)
            task_id = table(pilot).cursor_key
            assert task_id is not None
            task = await finished(ready, task_id)
            assert (task.length_prod_table, task.result) == ("1,1", "Dcard,fbfans")
            await wait_until(pilot, lambda: f"task {task_id[:8]} done: 2 authors" in messages(pilot)[-1])
            await wait_until(pilot, lambda: pilot.app.screen.check_action("sample", ()))
            await pilot.press("s")
            await opened(pilot, SamplesScreen)
            await wait_until(pilot, lambda: "2 of 2 rows" in shown(pilot))
            assert "志明" in shown(pilot) and "Annie" in shown(pilot)
            await wait_until(pilot, lambda: "/female 50% (of all 50%)" in shown(pilot))
            for ending in ("csv", "jsonl"):
                await pilot.press("ctrl+s")
                await wait_until(pilot, lambda: bool(pilot.app.screen.query("#answer")))
                pilot.app.screen.query_one("#answer", Input).value = str(ready.folder / f"sample.{ending}")
                await pilot.press("enter")
                await wait_until(pilot, (ready.folder / f"sample.{ending}").exists)
    with (ready.folder / "sample.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["source_author"] for row in rows) == ["WH_F0045_Annie", "WH_F0116_志明"]
    lines = (ready.folder / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["task_id"] for line in lines} == {task_id}
