"""What once went wrong on the screens: each case stays mended."""

from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.widgets import Input, Select

from console.ui.app import AudienceApp
from console.ui.preferences import preferences_path, read_preferences, write_preferences
from console.ui.screens.new_task import NewTaskPage
from console.ui.screens.samples import SamplesPage
from console.ui.screens.tasks import TaskPage, TasksPage
from console.ui.screens.workers import WorkersPage
from jobs.queue.client import open_redis
from jobs.services import tasks as services
from jobs.worker.main import PRESENCE_PREFIX
from tests.console.test_tasks_screen import chosen, console, preferences, ready, shown, some_tasks, table, wait_until
from tests.helpers.deployment import TestSite, plain, run_in_process

__all__ = ["preferences", "ready"]


async def test_rows_and_keys_that_no_release_of_ours_wrote_do_not_stop_the_polling(ready: TestSite) -> None:
    await some_tasks(ready, 1)
    ready.write_anything("INSERT INTO {output}.state (task_id) VALUES ('of v2.1')")
    ready.write_anything("UPDATE {output}.state SET result = 'x', rate_of_label = '12.3%%' WHERE stat = 'PENDING'")
    async with open_redis(ready.settings) as redis:
        await redis.set(f"{PRESENCE_PREFIX}odd:1", "not JSON", ex=60)
        await redis.set(f"{PRESENCE_PREFIX}odd:2", "{}", ex=60)
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 2)
        await pilot.press("down", "up", "o")
        await wait_until(pilot, lambda: pilot.app.screen.is_modal)
        await pilot.press("down", "enter")  # by stat, which one of them has not
        await chosen(pilot, TasksPage)
        await some_tasks(ready, 1)
        await wait_until(pilot, lambda: table(pilot).row_count == 3)


async def test_names_with_brackets_can_be_chosen(ready: TestSite) -> None:
    schema = "x[/b]y"
    ready.write_anything(f"CREATE OR REPLACE DATABASE {plain(schema)}")
    ready.write_anything(f"CREATE TABLE {plain(schema)}.t (id INT, s_id INT, author INT, post_time DATETIME)")
    ready.write_anything(f"GRANT SELECT ON {plain(schema)}.* TO {ready.settings.input_user}@'127.0.0.1'")
    async with console(ready, (120, 40)) as pilot:
        await pilot.press("n")
        await chosen(pilot, NewTaskPage)
        choice = pilot.app.screen.query_one("#target_schema", Select)
        await wait_until(pilot, lambda: schema in [value for _, value in choice._options])
        choice.focus()
        await pilot.press("enter")
        await wait_until(pilot, lambda: schema in shown(pilot))


async def test_a_theme_that_cannot_be_kept_is_taken_all_the_same(
    ready: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/dev/null")
    async with console(ready) as pilot:
        pilot.app.theme = "textual-light"
        told = pilot.app._notifications  # the pilot's screen shows no toasts
        await wait_until(pilot, lambda: any("theme not kept" in note.message for note in told))
        assert pilot.app.theme == "textual-light"


def test_preferences_that_cannot_be_read_are_not_thrown_away(tmp_path: Path) -> None:
    write_preferences(presets={"mine": {"queue": "q"}})
    assert read_preferences().presets == {"mine": {"queue": "q"}}
    preferences_path().write_text("{half a file")
    write_preferences(theme="nord")
    assert preferences_path().with_suffix(".bak").read_text() == "{half a file"
    assert read_preferences().theme == "nord"


async def test_no_rows_of_another_task_are_shown_where_sampling_fails(ready: TestSite) -> None:
    task = await run_in_process(ready, ready.request())
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("s")
        await chosen(pilot, SamplesPage)
        await wait_until(pilot, lambda: table(pilot, "rows").row_count == 2)
        await pilot.press("f")
        await wait_until(pilot, lambda: "1 shown of 2 sampled" in shown(pilot))
        await pilot.press("r")
        await wait_until(pilot, lambda: "1 shown of 2 sampled" in shown(pilot))
        ready.write_anything("DROP TABLE {output}.wh_panel_mapping_fbfans")
        await pilot.press("r")
        await wait_until(pilot, lambda: table(pilot, "rows").row_count == 0)
    assert task.result == "Dcard,fbfans"


async def test_a_rerun_keeps_the_input_table_that_is_gone_and_says_so(ready: TestSite) -> None:
    await run_in_process(ready, ready.request())
    ready.write_anything("UPDATE {output}.state SET source_table = 'gone_table'")
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("e")
        await chosen(pilot, NewTaskPage)
        await wait_until(pilot, lambda: "unknown input table" in shown(pilot))
        assert pilot.app.screen.query_one("#target_table", Select).value == "gone_table"


async def test_the_palette_opens_the_pages(ready: TestSite) -> None:
    async with console(ready) as pilot:
        await pilot.press("ctrl+p")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
        await pilot.press(*"Workers")
        await wait_until(pilot, lambda: "key w" in shown(pilot))
        await pilot.press("enter", "enter")
        await chosen(pilot, WorkersPage)


async def test_keys_pressed_twice_open_one_dialog_and_pages_do_not_pile_up(ready: TestSite) -> None:
    await some_tasks(ready, 1)
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        for _ in range(5):
            await pilot.press("w", "p", "f1")
        assert len(pilot.app.screen_stack) <= 5
        while not isinstance(pilot.app.screen, TasksPage):
            await pilot.press("escape")
        await pilot.press("a", "a")
        await wait_until(pilot, lambda: pilot.app.screen.is_modal)
        await pilot.press("n")
        await chosen(pilot, TasksPage)
        await pilot.press("enter", "enter")
        await chosen(pilot, TaskPage)
        await pilot.press("escape")
        await chosen(pilot, TasksPage)


async def test_escape_from_the_detail_keeps_the_filter(ready: TestSite) -> None:
    await some_tasks(ready, 3)
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 3)
        await pilot.press("slash", *"q1", "enter", "enter")
        await wait_until(pilot, lambda: pilot.app.screen.query_one("#view").has_focus)
        await pilot.press("escape")
        await pilot.pause()
        assert table(pilot).row_count == 1 and table(pilot).has_focus


async def test_a_launch_goes_on_when_its_form_is_left_and_q_does_not_leave_a_form(ready: TestSite) -> None:
    app = AudienceApp(ready)
    async with app.run_test(size=(120, 40)) as pilot:
        await chosen(pilot, TasksPage)
        await pilot.press("n")
        await chosen(pilot, NewTaskPage)
        await wait_until(pilot, lambda: app.screen.query_one("#start_time", Input).value)
        app.screen.query_one("#launch").focus()
        await pilot.press("q")
        assert isinstance(app.screen, NewTaskPage)
        await pilot.press("ctrl+l", "escape")
        await wait_until(pilot, lambda: isinstance(app.screen, TasksPage) and table(pilot).row_count == 1)
    assert len(await services.task_list(ready)) == 1


async def test_a_form_that_was_filled_in_is_not_left_without_a_question(ready: TestSite) -> None:
    async with console(ready) as pilot:
        await pilot.press("n")
        await chosen(pilot, NewTaskPage)
        page = pilot.app.screen
        await wait_until(pilot, lambda: page.query_one("#start_time", Input).value)
        page.query_one("#queue", Input).value = "other"
        await pilot.pause()
        await pilot.press("escape")
        await wait_until(pilot, lambda: "Leave this form?" in shown(pilot))
        await pilot.press("n")
        await wait_until(pilot, lambda: pilot.app.screen is page)
        await pilot.press("escape")
        await wait_until(pilot, lambda: pilot.app.screen.is_modal)
        await pilot.press("y")
        await chosen(pilot, TasksPage)
