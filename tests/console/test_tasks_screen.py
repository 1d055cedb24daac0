"""The console's screens, driven by keys, against real servers."""

import asyncio
import csv
import json
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from console.demo.servers import private_servers
from console.ui.app import AudienceApp
from console.ui.screens.new_task import NewTaskPage
from console.ui.screens.patterns import PatternsPage
from console.ui.screens.samples import SamplesPage, formula_safe
from console.ui.screens.tasks import TaskPage, TasksPage
from console.ui.screens.workers import WorkersPage
from console.ui.widgets.header import Header
from console.ui.widgets.live_table import LiveTable
from jobs.deployment import Site
from jobs.errors import ReadOnly
from jobs.model.task import Task
from jobs.services import tasks as services
from tests.helpers.deployment import TestSite, finished, post, run_in_process
from tests.helpers.posts import PATTERNS

HOSTILE = ["\x1b]0;owned\x07Ann", "Ann[/red]", "Ann[a-z]{3}", "\u202eAnn", "=Ann()", "\u200bAnn", "Ann\r\nx"]


@pytest.fixture(autouse=True)
def preferences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Preferences of the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def ready(site: TestSite) -> TestSite:
    site.write_patterns(PATTERNS)
    posts = [post(number, "Annie", "2020-06-01 00:00:00") for number in range(5)]
    posts += [post(9, "志明", "2020-06-02 00:00:00", "WH_F0116"), post(10, "nobody", "2020-06-02 00:00:00")]
    site.write_posts(posts)
    return site


@asynccontextmanager
async def console(site: Site, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
    app = AudienceApp(site)
    async with app.run_test(size=size) as pilot:
        await wait_until(pilot, lambda: isinstance(app.screen, TasksPage) and app.snapshot.output.at is not None)
        yield pilot


async def wait_until(pilot: Pilot[None], condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, shown(pilot)
        await pilot.pause(0.02)


def table(pilot: Pilot[None], id: str = "tasks") -> LiveTable:
    return pilot.app.screen.query_one(f"#{id}", LiveTable)


def shown(pilot: Pilot[None]) -> str:
    """All text on the screen."""
    lines = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


async def chosen(pilot: Pilot[None], page: type[object]) -> None:
    await wait_until(pilot, lambda: isinstance(pilot.app.screen, page) and pilot.app.screen.is_mounted)
    await pilot.pause()


async def some_tasks(site: TestSite, count: int) -> list[str]:
    return [await services.create_task(site, site.request(queue=f"q{number}")) for number in range(count)]


async def test_the_whole_job_through_the_screens_from_an_empty_table_to_a_saved_sample(ready: TestSite) -> None:
    with ready.workers():
        async with console(ready) as pilot:
            await wait_until(pilot, lambda: "No tasks yet. Press n" in shown(pilot))
            await pilot.press("n")
            await chosen(pilot, NewTaskPage)
            # The range of all rows is proposed, and the plan shown, without a key pressed.
            await wait_until(pilot, lambda: "2020-06-01 00:00:00 to 2020-06-02 00:00:00" in shown(pilot))
            await pilot.press("ctrl+l")
            await chosen(pilot, TasksPage)
            await wait_until(pilot, lambda: "finish" in shown(pilot) or "SUCCESS" in shown(pilot), 30)
            task_id = table(pilot).cursor_key
            assert task_id is not None
            task = await finished(ready, task_id)
            assert (task.length_prod_table, task.result) == ("1,1", "Dcard,fbfans")
            await wait_until(pilot, lambda: pilot.app.screen.check_action("sample", ()))
            await pilot.press("s")
            await chosen(pilot, SamplesPage)
            await wait_until(pilot, lambda: "2 sampled of 2 rows produced" in shown(pilot))
            assert "WH_F0116_志明" in shown(pilot) and "50.0%" in shown(pilot)
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


async def test_the_cursor_stays_on_its_task_through_refresh_sort_and_filter(ready: TestSite) -> None:
    ids = await some_tasks(ready, 5)
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 5)
        await pilot.press("down", "down")
        held = table(pilot).cursor_key
        assert held == ids[2]
        await services.create_task(ready, ready.request())
        await wait_until(pilot, lambda: table(pilot).row_count == 6)
        assert (table(pilot).cursor_key, table(pilot).cursor_row) == (held, 3)
        await pilot.press("i")
        await pilot.pause()
        assert (table(pilot).cursor_key, table(pilot).cursor_row) == (held, 2)
        await pilot.press("o")
        await wait_until(pilot, lambda: pilot.app.screen.is_modal)
        await pilot.press("enter")  # by id
        await chosen(pilot, TasksPage)
        assert table(pilot).cursor_key == held
        await pilot.press("slash", *"q2")
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("enter")
        assert table(pilot).cursor_key == held and "1 of 6 tasks match" in shown(pilot)
        await pilot.press("escape")
        await wait_until(pilot, lambda: table(pilot).row_count == 6)
        assert table(pilot).cursor_key == held


async def test_an_action_hits_the_task_that_was_under_the_cursor_when_the_key_was_pressed(ready: TestSite) -> None:
    ids = await some_tasks(ready, 3)
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 3)
        await pilot.press("down", "a")
        await wait_until(pilot, lambda: pilot.app.screen.is_modal)
        assert ids[1][:8] in shown(pilot)
        await services.create_task(ready, ready.request())  # a row comes in above while the dialog is open
        await asyncio.sleep(1.5)
        await pilot.press("y")
        await wait_until(pilot, lambda: ready.rows("SELECT 1 FROM {output}.state WHERE stat = 'ABORTED'"))
    stopped = ready.rows("SELECT task_id FROM {output}.state WHERE stat = 'ABORTED'")
    assert stopped == [(ids[1],)]


async def test_aborting_asks_first_and_what_is_not_possible_is_not_offered(ready: TestSite) -> None:
    done = await run_in_process(ready, ready.request())
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        page = pilot.app.screen
        assert [page.check_action(name, ()) for name in ("sample", "abort", "resume")] == [True, False, False]
        (waiting,) = await some_tasks(ready, 1)
        await wait_until(pilot, lambda: table(pilot).row_count == 2)
        await pilot.press("up")
        await pilot.pause()
        assert table(pilot).cursor_key == waiting
        assert [page.check_action(name, ()) for name in ("sample", "abort", "resume")] == [False, True, False]
        await pilot.press("a")
        await wait_until(pilot, lambda: pilot.app.screen.is_modal)
        await pilot.press("enter")  # No is what Enter does
        await chosen(pilot, TasksPage)
        assert (await services.check_status(ready, waiting)).stat == "PENDING"
        await pilot.press("a")
        await wait_until(pilot, lambda: pilot.app.screen.is_modal)
        await pilot.press("y")
        await wait_until(pilot, lambda: page.check_action("resume", ()))
        await pilot.press("r")
        await wait_until(pilot, lambda: page.check_action("abort", ()))
        assert (await services.check_status(ready, waiting)).stat == "PENDING"
        assert (await services.check_status(ready, done.task_id)).prod_stat == "finish"


async def test_a_task_that_was_created_elsewhere_is_on_screen_within_two_seconds(ready: TestSite) -> None:
    await some_tasks(ready, 1)
    async with console(ready) as pilot, asyncio.timeout(10):
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await some_tasks(ready, 1)
        await wait_until(pilot, lambda: table(pilot).row_count == 2, 2)


async def test_a_thousand_tasks_are_all_there_and_the_keys_are_answered(ready: TestSite) -> None:
    await some_tasks(ready, 1)
    columns = (
        "stat, model_type, predict_type, date_range, target_table, result, queue, windows, windows_done, generation"
    )
    ready.write_anything(
        f"INSERT INTO {{output}}.state (task_id, create_time, length_receive_table, {columns})"
        f" SELECT MD5(seq), NOW() - INTERVAL seq MINUTE, seq, {columns} FROM {{output}}.seq_1_to_999, {{output}}.state"
    )
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1_000)
        ready.write_anything("UPDATE {output}.state SET stat = 'STARTED', length_receive_table = 12345")
        await wait_until(pilot, lambda: "12,345" in shown(pilot))
        await pilot.press(*["down"] * 5, "end")
        await pilot.pause()
        assert table(pilot).cursor_row == 999
        held = table(pilot).cursor_key
        await pilot.press("i")
        await pilot.pause()
        assert (table(pilot).cursor_key, table(pilot).cursor_row) == (held, 0)


async def test_servers_that_go_away_are_marked_and_come_back_by_themselves(tmp_path: Path) -> None:
    with private_servers(tmp_path / "servers") as servers:
        site = TestSite(servers, tmp_path, number=1)
        site.write_patterns(PATTERNS)
        site.write_posts([post(1, "Annie", "2020-06-01 00:00:00")])
        await some_tasks(site, 1)
        async with console(site, (120, 40)) as pilot:
            header = pilot.app.screen.query_one(Header)

            def says(words: str) -> bool:
                # The header has the addresses too, between a server's name and its state.
                return re.search(words.replace(" ", " .*?", 1), str(header.render())) is not None

            await wait_until(pilot, lambda: says("redis ok") and table(pilot).row_count == 1)
            await asyncio.to_thread(servers.stop_redis)
            await wait_until(pilot, lambda: says("redis AWAY") and says("output ok"))
            await asyncio.to_thread(servers.stop_mariadb)
            await wait_until(pilot, lambda: says("output AWAY") and says("input AWAY"))
            await wait_until(pilot, lambda: says("s old"))
            assert table(pilot).row_count == 1, "what was known stays"
            await pilot.press("w")
            await chosen(pilot, WorkersPage)
            await pilot.press("escape")
            await asyncio.to_thread(servers.start_mariadb)
            await asyncio.to_thread(servers.start_redis)
            await wait_until(pilot, lambda: says("input ok") and says("output ok") and says("redis ok"))


async def test_a_site_without_a_state_table_or_servers_opens_all_the_same(site: TestSite) -> None:
    async with console(site) as pilot:
        await wait_until(pilot, lambda: "No tasks yet" in shown(pilot))
    away = site.with_settings(input_port=1, output_port=1)
    app = AudienceApp(away)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(
            pilot, lambda: "output AWAY" in shown(pilot) and "cannot connect to state table" in shown(pilot)
        )
        await pilot.press("n")
        await chosen(pilot, NewTaskPage)
        await pilot.press("escape")
        await chosen(pilot, TasksPage)


async def test_hostile_text_comes_out_inert_on_every_screen_and_in_files(ready: TestSite) -> None:
    ready.write_posts([post(number, name, "2020-06-01 00:00:00") for number, name in enumerate(HOSTILE)])
    shutil.rmtree(ready.settings.patterns_dir)
    ready.write_patterns({"[red]female": [("ann", "partially")], "male": [("[/b]", "partially")]})
    task = await run_in_process(ready, ready.request())
    ready.write_anything("UPDATE {output}.state SET error = %s", "\x1b[2Jerror [/red] \u202e")
    async with console(ready, (200, 50)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1 and "error [/red]" in shown(pilot))
        await pilot.press("s")
        await chosen(pilot, SamplesPage)
        await wait_until(pilot, lambda: "sampled of" in shown(pilot))
        text = shown(pilot)
        assert "Ann[/red]" in text and "Ann[a-z]{3}" in text and "\\u202eAnn" in text and "[red]female" in text
        assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(text)
        await pilot.press("escape")
        await chosen(pilot, TasksPage)
        await pilot.press("p")
        await chosen(pilot, PatternsPage)
        await wait_until(pilot, lambda: "[red]female" in shown(pilot))
        pilot.app.screen.query_one("#try", Input).value = HOSTILE[0]
        await wait_until(pilot, lambda: "/[red]female by ann partially" in shown(pilot))
        assert not {"\x1b", "\x07"} & set(shown(pilot))
    assert task.prod_stat == "finish"


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_spreadsheet_takes_a_saved_cell_for_a_formula(value: str) -> None:
    assert formula_safe(value) == f"'{value}"
    assert formula_safe(f"x{value}") == f"x{value}"


async def test_read_only_refuses_in_the_services_and_offers_nothing_that_writes(ready: TestSite) -> None:
    (waiting,) = await some_tasks(ready, 1)
    site = Site(ready.settings, read_only=True)
    with pytest.raises(ReadOnly) as caught:
        await services.create_task(site, ready.request())
    assert caught.value.code == 403
    for service in (services.abort, services.resume):
        with pytest.raises(ReadOnly):
            await service(site, waiting)
    async with console(site) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1 and "read-only" in shown(pilot))
        page = pilot.app.screen
        assert not any(page.check_action(name, ()) for name in ("new", "rerun", "abort", "resume"))
        await pilot.press("n", "a", "r", "e")
        await pilot.pause()
        assert pilot.app.screen is page
    assert (await services.check_status(ready, waiting)).stat == "PENDING"


async def test_two_consoles_at_once_see_what_the_other_does(ready: TestSite) -> None:
    (waiting,) = await some_tasks(ready, 1)
    async with console(ready) as one, console(ready) as other:
        await wait_until(other, lambda: "PENDING" in shown(other))
        await services.abort(ready, waiting)
        await wait_until(one, lambda: "ABORTED" in shown(one))
        await wait_until(other, lambda: "ABORTED" in shown(other))


async def test_what_is_wrong_is_said_at_its_field_as_it_is_typed(ready: TestSite) -> None:
    async with console(ready, (120, 40)) as pilot:
        await pilot.press("n")
        await chosen(pilot, NewTaskPage)
        page = pilot.app.screen
        await wait_until(pilot, lambda: page.query_one("#start_time", Input).value)

        def fault(name: str) -> str:
            found = page.query_one(f"#fault-{name}", Static)
            return str(found.render()) if found.display else ""

        page.query_one("#start_time", Input).value = "yesterday"
        await wait_until(pilot, lambda: "expected a time such as" in fault("start_time"))
        page.query_one("#start_time", Input).value = "2030-01-01 00:00:00"
        await wait_until(pilot, lambda: "must be earlier" in fault("end_time") and not fault("start_time"))
        await pilot.press("ctrl+l")
        await wait_until(pilot, lambda: page.query_one("#end_time").has_focus)
        assert pilot.app.screen is page
        page.query_one("#start_time", Input).value = "2020-01-01 00:00:00"
        page.query_one("#countdown", Input).value = "soon"
        await wait_until(pilot, lambda: "integer" in fault("countdown"))
    assert ready.rows("SELECT 1 FROM information_schema.schemata WHERE schema_name = %s", ready.output_schema) == []


async def test_presets_are_saved_and_loaded_and_an_earlier_task_is_run_again(ready: TestSite) -> None:
    await run_in_process(ready, ready.request(start_time="2020-05-05 05:05:05", countdown=7, queue="late"))
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("e")
        await chosen(pilot, NewTaskPage)
        assert pilot.app.screen.query_one("#start_time", Input).value == "2020-05-05 05:05:05"
        assert pilot.app.screen.query_one("#queue", Input).value == "late"
        await pilot.press("ctrl+s")
        await wait_until(pilot, lambda: bool(pilot.app.screen.query("#answer")))
        await pilot.press(*"mine", "enter")
        await chosen(pilot, NewTaskPage)
        await pilot.press("escape")
        await chosen(pilot, TasksPage)
        await pilot.press("n")
        await chosen(pilot, NewTaskPage)
        page = pilot.app.screen
        assert page.query_one("#queue", Input).value == ready.settings.queue
        await pilot.press("ctrl+o")
        await wait_until(pilot, lambda: pilot.app.screen.is_modal)
        await pilot.press("enter")
        await wait_until(pilot, lambda: page.query_one("#queue", Input).value == "late")
        assert page.query_one("#countdown", Input).value == "7"
        page.query_one("#launch", Button).press()
        await chosen(pilot, TasksPage)
        await wait_until(pilot, lambda: table(pilot).row_count == 2)


async def test_patterns_show_their_counts_their_faults_by_line_and_why_a_text_gets_its_label(ready: TestSite) -> None:
    async with console(ready, (120, 40)) as pilot:
        await pilot.press("p")
        await chosen(pilot, PatternsPage)
        await wait_until(pilot, lambda: table(pilot, "files").row_count == 3)
        await pilot.press("t", *"ann tan")
        await wait_until(pilot, lambda: "/female by ann start" in shown(pilot))
        assert "/male match too, but come later" in shown(pilot)
        ready.write_patterns({"female": [("x", "start"), ("y", "begin")]})
        await pilot.press("escape", "r")
        await wait_until(pilot, lambda: "1 faults" in shown(pilot) and "unknown match type 'begin'" in shown(pilot))


async def test_workers_and_queues_are_shown_and_a_killed_worker_looks_stale(ready: TestSite) -> None:
    await some_tasks(ready, 1)
    with ready.workers() as (worker,):
        async with console(ready) as pilot:
            await pilot.press("w")
            await chosen(pilot, WorkersPage)
            await wait_until(pilot, lambda: str(worker.pid) in shown(pilot) and "idle" in shown(pilot))
            assert "q0" in shown(pilot)
            worker.kill()
            await wait_until(pilot, lambda: "stale" in shown(pilot), 20)


async def test_help_is_made_from_the_bindings_and_the_palette_has_every_action(ready: TestSite) -> None:
    async with console(ready) as pilot:
        commands = {command.title for command in pilot.app.get_system_commands(pilot.app.screen)}
        assert {"New", "Filter", "Workers", "Patterns", "Theme"} <= commands
        await pilot.press("question_mark")
        await wait_until(pilot, lambda: "On the page Tasks" in shown(pilot))
        for words in ("New", "Abort", "Resume", "Filter", "Copy the id"):
            assert words in shown(pilot)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_the_task_in_full_is_beside_the_table_or_on_a_page_of_its_own(
    ready: TestSite, size: tuple[int, int]
) -> None:
    task: Task = await run_in_process(ready, ready.request())
    async with console(ready, size) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("enter")
        if size[0] < 110:
            await chosen(pilot, TaskPage)
        await wait_until(pilot, lambda: task.task_id in shown(pilot) and "production finished" in shown(pilot))
        width = max(len(line) for line in shown(pilot).splitlines())
        assert width <= size[0]
