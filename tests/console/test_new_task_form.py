"""The form of a new task."""

import shutil

from textual.widgets import Button, Input, Select

from console.ui.app import AudienceApp
from console.ui.screens.new_task import NewTaskScreen
from console.ui.screens.tasks import TasksScreen
from console.ui.widgets.live_text import LiveText
from jobs import services
from tests.helpers.deployment import TestDeployment, plain
from tests.helpers.running import run_in_process
from tests.helpers.screens import console, messages, opened, shown, table, wait_until


async def test_a_fault_is_shown_at_its_field_while_typing(ready: TestDeployment) -> None:
    async with console(ready, (120, 40)) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        form = pilot.app.screen
        await wait_until(pilot, lambda: form.query_one("#start_time", Input).value)

        def fault(name: str) -> str:
            found = form.query_one(f"#fault-{name}", LiveText)
            return found.text if found.display else ""

        form.query_one("#start_time", Input).value = "yesterday"
        await wait_until(pilot, lambda: "expected a time such as" in fault("start_time"))
        form.query_one("#start_time", Input).value = "2030-01-01 00:00:00"
        await wait_until(pilot, lambda: "must be earlier" in fault("end_time") and not fault("start_time"))
        await pilot.press("ctrl+l")
        await wait_until(pilot, lambda: form.query_one("#end_time").has_focus)
        assert pilot.app.screen is form
        form.query_one("#start_time", Input).value = "2020-01-01 00:00:00"
        form.query_one("#countdown", Input).value = "soon"
        await wait_until(pilot, lambda: "integer" in fault("countdown"))
    assert not ready.output_exists()


async def test_presets_are_saved_and_loaded_and_an_earlier_task_is_run_again(ready: TestDeployment) -> None:
    await run_in_process(ready, ready.request(start_time="2020-05-05 05:05:05", countdown=7, queue="late"))
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("e")
        await opened(pilot, NewTaskScreen)
        assert pilot.app.screen.query_one("#start_time", Input).value == "2020-05-05 05:05:05"
        assert pilot.app.screen.query_one("#queue", Input).value == "late"
        await pilot.press("ctrl+s")
        await wait_until(pilot, lambda: bool(pilot.app.screen.query("#answer")))
        await pilot.press(*"mine", "enter")
        await opened(pilot, NewTaskScreen)
        await pilot.press("escape")
        await opened(pilot, TasksScreen)
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        form = pilot.app.screen
        assert form.query_one("#queue", Input).value == ready.settings.queue
        await pilot.press("ctrl+o")
        await wait_until(pilot, lambda: pilot.app.screen.is_modal)
        await pilot.press("enter")
        await wait_until(pilot, lambda: form.query_one("#queue", Input).value == "late")
        assert form.query_one("#countdown", Input).value == "7"
        form.query_one("#launch", Button).press()
        await opened(pilot, TasksScreen)
        await wait_until(pilot, lambda: table(pilot).row_count == 2)


async def test_names_with_brackets_can_be_chosen(ready: TestDeployment) -> None:
    schema = "x[/b]y"
    ready.write_anything(f"CREATE OR REPLACE DATABASE {plain(schema)}")
    ready.write_anything(f"CREATE TABLE {plain(schema)}.t (id INT, s_id INT, author INT, post_time DATETIME)")
    ready.write_anything(f"GRANT SELECT ON {plain(schema)}.* TO {ready.settings.input_user}@'127.0.0.1'")
    async with console(ready, (120, 40)) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        choice = pilot.app.screen.query_one("#target_schema", Select)
        await wait_until(pilot, lambda: schema in [value for _, value in choice._options])
        choice.focus()
        await pilot.press("enter")
        await wait_until(pilot, lambda: schema in shown(pilot))


async def test_a_rerun_keeps_an_input_table_that_no_longer_exists_and_reports_it(ready: TestDeployment) -> None:
    await run_in_process(ready, ready.request())
    ready.write_anything("UPDATE {output}.state SET source_table = 'gone_table'")
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("e")
        await opened(pilot, NewTaskScreen)
        await wait_until(pilot, lambda: "unknown input table" in shown(pilot))
        assert pilot.app.screen.query_one("#target_table", Select).value == "gone_table"


async def test_a_launch_continues_when_its_form_is_left_and_q_does_not_leave_a_form(ready: TestDeployment) -> None:
    app = AudienceApp(ready)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, TasksScreen)
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        await wait_until(pilot, lambda: app.screen.query_one("#start_time", Input).value)
        app.screen.query_one("#launch").focus()
        await pilot.press("q")
        assert isinstance(app.screen, NewTaskScreen)
        await pilot.press("ctrl+l", "escape")
        await wait_until(pilot, lambda: isinstance(app.screen, TasksScreen) and table(pilot).row_count == 1)
        await wait_until(pilot, lambda: [message.split()[-1] for message in messages(pilot)] == ["created"])
    assert len(await services.task_list(ready)) == 1


async def test_a_launch_that_fails_after_its_form_is_left_says_why(ready: TestDeployment) -> None:
    app = AudienceApp(ready)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, TasksScreen)
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        await wait_until(pilot, lambda: app.screen.query_one("#start_time", Input).value)
        shutil.rmtree(ready.settings.patterns_dir)
        await pilot.press("ctrl+l", "escape")
        await opened(pilot, TasksScreen)
        await wait_until(pilot, lambda: any("cannot read pattern file" in message for message in messages(pilot)))


async def test_a_launch_closes_no_other_form(ready: TestDeployment) -> None:
    app = AudienceApp(ready)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, TasksScreen)
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        await wait_until(pilot, lambda: app.screen.query_one("#start_time", Input).value)
        await pilot.press("ctrl+l", "escape", "n")
        await opened(pilot, NewTaskScreen)
        other = app.screen
        await wait_until(pilot, lambda: any("created" in message for message in messages(pilot)))
        await pilot.pause()
        assert app.screen is other


async def test_leaving_an_edited_form_asks_first(ready: TestDeployment) -> None:
    async with console(ready) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        form = pilot.app.screen
        await wait_until(pilot, lambda: form.query_one("#start_time", Input).value)
        form.query_one("#queue", Input).value = "other"
        await pilot.pause()
        await pilot.press("escape")
        await wait_until(pilot, lambda: "Leave this form?" in shown(pilot))
        await pilot.press("n")
        await wait_until(pilot, lambda: pilot.app.screen is form)
        await pilot.press("escape")
        await wait_until(pilot, lambda: pilot.app.screen.is_modal)
        await pilot.press("y")
        await opened(pilot, TasksScreen)


async def test_the_plan_warns_of_slow_rules(ready: TestDeployment) -> None:
    slow = "[a-q][^u-z]{40}[xyz]"
    ready.write_patterns({"female": ["雅婷", slow]}, "content")
    async with console(ready, (120, 40)) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        form = pilot.app.screen
        form.query_one("#predict_type", Select).value = "content"
        form.query_one("#model_type", Select).value = "rule_model"
        plan = form.query_one("#plan", LiveText)
        await wait_until(pilot, lambda: f"rule {slow} of label female is slow" in plan.text)
