"""The tasks screen: the table follows the servers, actions hit the right task."""

import asyncio

from console.ui.screens.tasks import TasksScreen
from jobs import services
from jobs.queue.client import open_redis
from jobs.queue.presence import presence_prefix
from tests.helpers.deployment import TestDeployment
from tests.helpers.fixed_app import FixedApp
from tests.helpers.running import run_in_process
from tests.helpers.screens import console, create_tasks, messages, opened, said, shown, table, wait_until


async def test_the_cursor_stays_on_its_task_through_refresh_sort_and_filter(ready: TestDeployment) -> None:
    ids = await create_tasks(ready, 5)
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
        await opened(pilot, TasksScreen)
        assert table(pilot).cursor_key == held
        await pilot.press("slash", *"q2")
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("enter")
        assert table(pilot).cursor_key == held and "Tasks 1 of 6" in shown(pilot)
        await pilot.press("escape")
        await wait_until(pilot, lambda: table(pilot).row_count == 6)
        assert table(pilot).cursor_key == held


async def test_an_action_hits_the_task_that_was_under_the_cursor_when_the_key_was_pressed(
    ready: TestDeployment,
) -> None:
    ids = await create_tasks(ready, 3)
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 3)
        await pilot.press("down", "a")
        await wait_until(pilot, lambda: pilot.app.screen.is_modal)
        assert ids[1][:8] in shown(pilot)
        await services.create_task(ready, ready.request())  # adds a row above while the dialog is open
        await asyncio.sleep(1.5)
        await pilot.press("y")
        await wait_until(pilot, lambda: ready.rows("SELECT 1 FROM {output}.state WHERE stat = 'ABORTED'"))
    stopped = ready.rows("SELECT task_id FROM {output}.state WHERE stat = 'ABORTED'")
    assert stopped == [(ids[1],)]


async def test_abort_asks_first_and_impossible_actions_are_not_offered(ready: TestDeployment) -> None:
    done = await run_in_process(ready, ready.request())
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        screen = pilot.app.screen
        assert [screen.check_action(name, ()) for name in ("sample", "abort", "resume")] == [True, False, False]
        (waiting,) = await create_tasks(ready, 1)
        await wait_until(pilot, lambda: table(pilot).row_count == 2)
        await pilot.press("up")
        await pilot.pause()
        assert table(pilot).cursor_key == waiting
        assert [screen.check_action(name, ()) for name in ("sample", "abort", "resume")] == [False, True, False]
        await pilot.press("a")
        await wait_until(pilot, lambda: pilot.app.screen.is_modal)
        await pilot.press("enter")  # No is the default
        await opened(pilot, TasksScreen)
        assert (await services.check_status(ready, waiting)).stat == "PENDING"
        await pilot.press("a")
        await wait_until(pilot, lambda: pilot.app.screen.is_modal)
        await pilot.press("y")
        await wait_until(pilot, lambda: screen.check_action("resume", ()))
        await pilot.press("r")
        await wait_until(pilot, lambda: screen.check_action("abort", ()))
        assert (await services.check_status(ready, waiting)).stat == "PENDING"
        assert (await services.check_status(ready, done.task_id)).prod_stat == "finish"


async def test_a_task_created_elsewhere_appears_within_two_seconds(ready: TestDeployment) -> None:
    await create_tasks(ready, 1)
    async with console(ready) as pilot, asyncio.timeout(10):
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await create_tasks(ready, 1)
        await wait_until(pilot, lambda: table(pilot).row_count == 2, 2)


async def test_a_thousand_tasks_are_all_shown_and_keys_still_work(ready: TestDeployment) -> None:
    await create_tasks(ready, 1)
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


async def test_two_consoles_at_once_show_what_the_other_does(ready: TestDeployment) -> None:
    (waiting,) = await create_tasks(ready, 1)
    async with console(ready) as one, console(ready) as other:
        await wait_until(other, lambda: "1 waiting" in shown(other))
        await services.abort_task(ready, waiting)
        await wait_until(one, lambda: "1 aborted" in shown(one))
        await wait_until(other, lambda: "1 aborted" in shown(other))


async def test_foreign_rows_and_presence_keys_do_not_stop_the_polling(ready: TestDeployment) -> None:
    await create_tasks(ready, 1)
    ready.write_anything("INSERT INTO {output}.state (task_id) VALUES ('of v2.1')")
    ready.write_anything("UPDATE {output}.state SET result = 'x', rate_of_label = '12.3%%' WHERE stat = 'PENDING'")
    prefix = presence_prefix(ready.settings.deployment)
    async with open_redis(ready.settings) as redis:
        await redis.set(f"{prefix}odd:1", "not JSON", ex=60)
        await redis.set(f"{prefix}odd:2", "{}", ex=60)
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 2)
        await pilot.press("down", "up", "o")
        await wait_until(pilot, lambda: pilot.app.screen.is_modal)
        await pilot.press("down", "enter")  # by stat, which one of them lacks
        await opened(pilot, TasksScreen)
        await create_tasks(ready, 1)
        await wait_until(pilot, lambda: table(pilot).row_count == 3)


async def test_marked_tasks_are_aborted_and_resumed_together_after_one_question(ready: TestDeployment) -> None:
    done = await run_in_process(ready, ready.request())
    ids = await create_tasks(ready, 4)
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 5)
        await pilot.press("space", "down", "space", "space", "space")  # all but the second, the finished one too
        await wait_until(pilot, lambda: "4 marked" in shown(pilot))
        assert table(pilot).marked == {ids[3], ids[1], ids[0], done.task_id}
        await pilot.press("a", "a")
        await wait_until(pilot, lambda: "Abort 3 tasks of the 4 that are marked?" in shown(pilot))
        await pilot.press("y")
        await opened(pilot, TasksScreen)
        await wait_until(pilot, lambda: "3 aborted" in shown(pilot) and messages(pilot) == ["3 tasks aborted"])
        assert (await services.check_status(ready, ids[2])).stat == "PENDING"
        await wait_until(pilot, lambda: pilot.app.screen.check_action("resume", ()))
        await pilot.press("r")
        await wait_until(pilot, lambda: "Resume 3 tasks of the 4 that are marked?" in shown(pilot))
        await pilot.press("y")
        await wait_until(pilot, lambda: "4 waiting" in shown(pilot))
        await pilot.press("escape")
        await pilot.pause()
        assert not table(pilot).marked and "marked" not in shown(pilot)


async def test_marks_stay_with_their_tasks_and_all_that_are_shown_can_be_marked(ready: TestDeployment) -> None:
    ids = await create_tasks(ready, 5)
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 5)
        await pilot.press("space", "i")
        assert table(pilot).marked == {ids[4]}
        await pilot.press("slash", *"!queue:q4", "enter", "asterisk")
        assert table(pilot).marked == set(ids)
        await pilot.press("asterisk", "escape")
        assert table(pilot).marked == {ids[4]} or not table(pilot).marked


async def test_a_key_that_can_do_nothing_says_why(ready: TestDeployment) -> None:
    await run_in_process(ready, ready.request())
    ready.write_anything("UPDATE {output}.state SET prod_stat = NULL, production_due = NOW() + INTERVAL 1 HOUR")
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: "produces in" in shown(pilot))
        await pilot.press("s")
        await wait_until(pilot, lambda: "it is producing; samples are drawn when its production has" in shown(pilot))
        await pilot.press("r")
        await wait_until(pilot, lambda: "only a failed or aborted task can be resumed" in messages(pilot)[-1])


async def test_shift_and_a_letter_sorts_by_its_column(ready: TestDeployment) -> None:
    ids = await create_tasks(ready, 3)
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 3)
        for keys, order in (("Q", ids), ("Q", ids[::-1]), ("A", ids[::-1]), ("I", sorted(ids))):
            await pilot.press(keys)
            await wait_until(pilot, lambda: list(table(pilot).keys) == order)  # noqa: B023
        assert "by id" in shown(pilot)


async def test_a_task_whose_pattern_files_have_changed_is_marked_stale_and_found_by_the_filter(
    ready: TestDeployment,
) -> None:
    await run_in_process(ready, ready.request())
    await create_tasks(ready, 1)
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 2 and "2 authors" in shown(pilot))
        assert "stale" not in shown(pilot)
        with (ready.settings.patterns_dir / "keyword_model/female/author_name.txt").open("a") as file:
            file.write("wendy\texactly\n")
        await wait_until(pilot, lambda: "2 authors  stale" in shown(pilot))
        await pilot.press("slash", *"done stale", "enter")
        await wait_until(pilot, lambda: table(pilot).row_count == 1 and "the pattern files have changed" in said(pilot))


async def test_a_tall_screen_shows_how_many_tasks_each_day_had(ready: TestDeployment) -> None:
    await create_tasks(ready, 3)
    ready.write_anything("UPDATE {output}.state SET create_time = NOW() - INTERVAL 5 DAY WHERE queue = 'q0'")
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: "2 today, at most 2" in shown(pilot))
        await pilot.resize_terminal(80, 24)
        await wait_until(pilot, lambda: "at most 2" not in shown(pilot))


async def test_an_empty_table_offers_neither_detail_nor_marks() -> None:
    app = FixedApp(())
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_until(pilot, lambda: "No tasks yet" in shown(pilot) and "Quit" in shown(pilot))
        assert "Detail" not in shown(pilot) and "Mark" not in shown(pilot)
