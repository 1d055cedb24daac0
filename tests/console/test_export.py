"""The dialog that exports a task."""

import gzip

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.ui.screens.export import ExportDialog
from console.ui.screens.tasks import TasksScreen
from console.ui.widgets.choice import Choice
from jobs import services
from tests.helpers.deployment import TestDeployment
from tests.helpers.running import run_in_process
from tests.helpers.screens import console, messages, opened, said, shown, table, wait_until


@pytest.fixture
async def task_id(ready: TestDeployment, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(ready.folder)
    return (await run_in_process(ready, ready.request())).task_id


async def open_dialog(pilot: Pilot[None]) -> Input:
    """Open the dialog, and return the field of the name."""
    await wait_until(pilot, lambda: table(pilot).row_count >= 1)
    await pilot.press("x", "x")  # the second one is typed into the name
    await opened(pilot, ExportDialog)
    file = pilot.app.screen.query_one("#file", Input)
    file.value = file.value.removesuffix("x")
    return file


@pytest.mark.parametrize("size", [(80, 24), (40, 10)])
async def test_a_task_is_exported_to_the_name_that_is_proposed(
    ready: TestDeployment, task_id: str, size: tuple[int, int]
) -> None:
    (ready.folder / f"export-{task_id[:8]}.csv").write_text("mine")
    async with console(ready, size) as pilot:
        file = await open_dialog(pilot)
        assert file.value == f"export-{task_id[:8]}-2.csv"
        await pilot.press("enter")
        await wait_until(pilot, lambda: "2 rows saved to " in said(pilot))
        path = ready.folder / f"export-{task_id[:8]}-2.csv"
        assert str(path) in said(pilot) and len(path.read_text().splitlines()) == 3
        await opened(pilot, TasksScreen)
        assert messages(pilot)[-1].startswith("2 rows saved to ")


async def test_the_name_follows_the_format_and_one_result_may_be_chosen(ready: TestDeployment, task_id: str) -> None:
    async with console(ready) as pilot:
        file = await open_dialog(pilot)
        for ending in ("parquet", "jsonl.gz"):
            pilot.app.screen.query_one("#format", Choice).value = ending
            await wait_until(pilot, lambda: file.value == f"export-{task_id[:8]}.{ending}")  # noqa: B023
        file.value = "sub/mine.jsonl.gz"
        pilot.app.screen.query_one("#format", Choice).value = "csv.gz"
        await wait_until(pilot, lambda: file.value == "sub/mine.csv.gz")
        file.value = ""
        pilot.app.screen.query_one("#format", Choice).value = "csv"
        await wait_until(pilot, lambda: file.value == f"export-{task_id[:8]}.csv")
        file.value = "mine.csv.gz"
        pilot.app.screen.query_one("#results", Choice).focus()
        await pilot.press("D", "enter", "enter")
        await wait_until(pilot, lambda: "1 row saved to " in said(pilot))
        assert gzip.decompress((ready.folder / "mine.csv.gz").read_bytes()).count(b"\n") == 2


async def test_what_cannot_be_saved_is_said_and_can_be_corrected(ready: TestDeployment, task_id: str) -> None:
    (ready.folder / "taken.csv").write_text("mine")
    async with console(ready) as pilot:
        file = await open_dialog(pilot)
        for name, words in (
            ("taken.csv", "taken.csv exists; choose another name"),
            ("no/where.csv", "No such file or directory"),
            ("~nobody-of-this-name/a.csv", "home directory"),
            ("a.parquet.gz", "compressed already"),
        ):
            file.value = name
            await pilot.press("enter")
            await wait_until(pilot, lambda: words in " ".join(said(pilot).split()))  # noqa: B023
        file.value = "free.csv"
        await pilot.press("enter")
        await wait_until(pilot, lambda: "2 rows saved to " in said(pilot))
    assert (ready.folder / "taken.csv").read_text() == "mine"


async def test_escape_stops_an_export_and_no_file_is_left(ready: TestDeployment, task_id: str) -> None:
    with ready.servers.connect() as connection, connection.cursor() as cursor:
        cursor.execute(ready.named("LOCK TABLES {output}.wh_panel_mapping_fbfans WRITE"))
        async with console(ready) as pilot:
            file = await open_dialog(pilot)
            await pilot.press("enter")
            await wait_until(pilot, lambda: "50%  1 row," in said(pilot))
            assert len(list(ready.folder.glob(f".{file.value}.*.part"))) == 1
            await pilot.press("escape")
            await wait_until(pilot, lambda: "stopped; no file was saved" in said(pilot))
            assert list(ready.folder.glob("*export*")) == list(ready.folder.glob(".*.part")) == []
            await pilot.press("escape")
            await opened(pilot, TasksScreen)


async def test_leaving_the_console_during_an_export_leaves_no_file(ready: TestDeployment, task_id: str) -> None:
    with ready.servers.connect() as connection, connection.cursor() as cursor:
        cursor.execute(ready.named("LOCK TABLES {output}.wh_panel_mapping_fbfans WRITE"))
        async with console(ready) as pilot:
            await open_dialog(pilot)
            await pilot.press("enter")
            await wait_until(pilot, lambda: "50%  1 row," in said(pilot))
            pilot.app.exit()
        assert list(ready.folder.glob("*export*")) == list(ready.folder.glob(".*.part")) == []


async def test_an_unfinished_task_says_why_it_is_not_exported(ready: TestDeployment) -> None:
    await services.create_task(ready, ready.request())
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("x")
        await wait_until(pilot, lambda: "it is waiting; rows are exported when its production has" in shown(pilot))


async def test_marked_tasks_are_exported_to_a_folder_each_to_a_file(ready: TestDeployment, task_id: str) -> None:
    await run_in_process(ready, ready.request())
    await services.create_task(ready, ready.request())
    (ready.folder / "out").mkdir()
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 3)
        await pilot.press("space", "space", "space", "x")
        await opened(pilot, ExportDialog)
        assert "Export 2 tasks, a file each: 4 rows" in shown(pilot)
        pilot.app.screen.query_one("#format", Choice).value = "jsonl"
        pilot.app.screen.query_one("#file", Input).value = "out"
        await pilot.press("enter")
        await wait_until(pilot, lambda: "4 rows saved to 2 files in " in said(pilot))
        assert {path.suffix for path in (ready.folder / "out").iterdir()} == {".jsonl"}
        await pilot.press("x")
        await opened(pilot, ExportDialog)
        pilot.app.screen.query_one("#file", Input).value = "nowhere"
        await pilot.press("enter")
        await wait_until(pilot, lambda: "No such file or directory" in " ".join(said(pilot).split()))
    assert len(list((ready.folder / "out").iterdir())) == 2
