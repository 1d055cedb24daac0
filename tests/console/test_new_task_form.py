"""The form of a new task."""

import re
import shutil

import pytest
from pydantic import BaseModel
from textual.widgets import Input, Select

from console.ui.app import AudienceApp
from console.ui.presets import list_presets, read_preset
from console.ui.screens.dialogs import Ask
from console.ui.screens.new_task import NewTaskScreen
from console.ui.screens.presets import PresetDialog
from console.ui.screens.tasks import TasksScreen
from console.ui.widgets.choice import Choice
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.task_form import TaskForm
from jobs import services
from jobs.model.schedule_request import ScheduleRequest
from jobs.model.task_request import TaskRequest
from tests.faults.proxy import proxy
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
        await wait_until(pilot, lambda: "expected a whole number" in fault("countdown"))
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
        await pilot.press("ctrl+l")
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
        app.screen.query_one("#model_type").focus()
        await pilot.press("tab", "q", "escape")
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


async def test_enter_and_the_arrows_move_between_the_fields(ready: TestDeployment) -> None:
    async with console(ready) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        form = pilot.app.screen
        await wait_until(pilot, lambda: form.query_one("#start_time").has_focus)
        for key, field in (("enter", "end_time"), ("down", "target_schema"), ("up", "end_time"), ("up", "start_time")):
            await pilot.press(key)
            assert form.query_one(f"#{field}").has_focus
        await pilot.press("up", "up", "up")
        assert form.query_one("#model_type").has_focus
        await pilot.press(*["down"] * 12)
        assert form.query_one("#countdown").has_focus


async def test_typing_in_a_list_finds_a_name_whether_it_is_open_or_not(ready: TestDeployment) -> None:
    ready.write_patterns({"female": [("x", "start")]}, "content")
    ready.write_patterns({"female": [("x", "start")]}, "title")
    async with console(ready) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        choice = pilot.app.screen.query_one("#predict_type", Choice)
        await wait_until(pilot, lambda: choice.names == ["author_name", "title", "content"])
        choice.focus()
        await pilot.press(*"con")
        await wait_until(pilot, lambda: choice.expanded)
        await pilot.press("enter")
        await wait_until(pilot, lambda: choice.text == "content" and choice.has_focus)
        await pilot.press("enter", *"tit", "enter")
        await wait_until(pilot, lambda: choice.text == "title")


async def test_only_predict_types_with_pattern_files_are_offered(ready: TestDeployment) -> None:
    ready.write_patterns({"male": ["my (wife|girlfriend)"]}, "content")  # of rule_model
    async with console(ready) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        form = pilot.app.screen
        model, predict = form.query_one("#model_type", Choice), form.query_one("#predict_type", Choice)
        await wait_until(pilot, lambda: predict.names == ["author_name"])
        model.focus()
        await pilot.press(*"rule", "enter")
        await wait_until(pilot, lambda: (predict.names, predict.text) == (["content"], "content"))


async def test_a_day_is_taken_for_a_time_and_what_it_stands_for_is_shown(ready: TestDeployment) -> None:
    async with console(ready) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        form = pilot.app.screen
        await wait_until(pilot, lambda: form.query_one("#start_time", Input).value)
        form.query_one("#start_time", Input).value = "2020-03-01"
        form.query_one("#end_time", Input).value = "2020-06-02"
        await wait_until(pilot, lambda: "= 2020-03-01 00:00:00" in shown(pilot))
        assert "= 2020-06-02 23:59:59" in shown(pilot)
        await pilot.press("ctrl+l")
        await opened(pilot, TasksScreen)
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
    assert ready.rows("SELECT date_range FROM {output}.state") == [("2020-03-01 00:00:00 - 2020-06-02 23:59:59",)]


async def test_a_rerun_says_of_which_task(ready: TestDeployment) -> None:
    task = await run_in_process(ready, ready.request())
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("e")
        await opened(pilot, NewTaskScreen)
        assert f"Rerun of {task.task_id[:8]}" in shown(pilot)


async def test_what_cannot_run_stands_at_its_field_and_in_the_plan_before_launch(ready: TestDeployment) -> None:
    async with console(ready, (120, 40)) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        form = pilot.app.screen

        def remark(name: str) -> str:
            return form.query_one(f"#fault-{name}", LiveText).text

        await wait_until(pilot, lambda: "ready, but it will wait for a worker" in shown(pilot))
        assert remark("queue") == "no worker is running"
        form.query_one("#output_schema", Input).value = "elsewhere"
        await wait_until(pilot, lambda: "✗ not ready: output schema" in shown(pilot))
        assert remark("output_schema") == "no schema elsewhere that this account may use or create"
        assert "GRANT SELECT, INSERT" in shown(pilot)
        with ready.workers():
            form.query_one("#queue", Input).value = "nobody"
            form.query_one("#output_schema", Input).value = ready.output_schema
            await wait_until(pilot, lambda: "1 worker" in shown(pilot))
            form.query_one("#queue", Input).value = "nobody_"
            await wait_until(pilot, lambda: remark("queue") == "no worker serves nobody_")
            form.query_one("#queue", Input).value = ready.settings.queue
            await wait_until(pilot, lambda: "✓ ready; ^l launches it" in shown(pilot))
            assert not remark("queue") and not remark("output_schema")


async def test_faults_of_pattern_files_and_of_the_input_stand_in_the_plan(ready: TestDeployment) -> None:
    ready.write_patterns({"female": [("x", "begin")]})
    async with console(ready) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        await wait_until(pilot, lambda: "not ready: patterns" in shown(pilot))
        # Lines are wrapped, and how depends on the length of the folder's name.
        assert "unknownmatchtype'begin'" in "".join(shown(pilot).split()).replace("│", "")


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_whether_a_task_is_ready_stands_right_below_the_fields(
    ready: TestDeployment, size: tuple[int, int]
) -> None:
    async with console(ready, size) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        await wait_until(pilot, lambda: "ready, but it will wait for a worker" in shown(pilot))
        lines = shown(pilot).splitlines()
        title = next(number for number, line in enumerate(lines) if "─ Plan ─" in line)
        assert "ready" in lines[title + 1]


async def test_a_range_is_chosen_from_a_list(ready: TestDeployment) -> None:
    async with console(ready) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        form = pilot.app.screen
        await wait_until(pilot, lambda: form.query_one("#end_time", Input).value == "2020-06-02 23:59:59")
        await pilot.press("ctrl+r", "ctrl+r")
        await wait_until(pilot, lambda: "the last month" in shown(pilot))
        await pilot.press("down", "down", "down", "enter")
        await wait_until(pilot, lambda: form.query_one("#end_time", Input).value == "2020-06-30 23:59:59")
        assert form.query_one("#start_time", Input).value == "2020-06-01 00:00:00"


async def test_a_preset_is_replaced_only_after_a_question_and_can_be_renamed_and_deleted(ready: TestDeployment) -> None:
    async with console(ready) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        form = pilot.app.screen

        async def save(queue: str, *answers: str) -> None:
            form.query_one("#queue", Input).value = queue
            await pilot.press("ctrl+s")
            await wait_until(pilot, lambda: isinstance(pilot.app.screen, Ask))
            await pilot.press(*"mine", "enter")
            if answers:
                await wait_until(pilot, lambda: "Replace the preset mine?" in shown(pilot))
                await pilot.press(*answers)
            await wait_until(pilot, lambda: pilot.app.screen is form)

        await save("first")
        await save("second", "n")
        await wait_until(pilot, lambda: read_preset("mine")["queue"] == "first")
        await save("second", "y")
        await wait_until(pilot, lambda: read_preset("mine")["queue"] == "second")
        await pilot.press("ctrl+o")
        await wait_until(pilot, lambda: re.search("Queue +second", shown(pilot)))  # the preview
        await pilot.press("r")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press("2", "enter")
        await wait_until(pilot, lambda: list_presets() == ["mine2"])
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, PresetDialog))
        await pilot.press("d")
        await wait_until(pilot, lambda: "Delete the preset mine2?" in shown(pilot))
        await pilot.press("y")
        await wait_until(pilot, lambda: not list_presets() and pilot.app.screen is form)


async def test_the_plan_warns_of_slow_rules(ready: TestDeployment) -> None:
    slow = "[a-q].{0,200}[b-r].{0,200}[c-s].{0,200}x"
    ready.write_patterns({"female": ["雅婷", slow]}, "content")
    async with console(ready, (120, 40)) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        form = pilot.app.screen
        model = form.query_one("#model_type", Choice)
        model.focus()
        await wait_until(pilot, lambda: model.has_focus_within or model.has_focus)
        await wait_until(pilot, lambda: form.query_one("#predict_type", Choice).names == ["author_name"])
        await pilot.press(*"rule", "enter")
        plan = form.query_one("#plan", LiveText)
        await wait_until(pilot, lambda: f"rule {slow} of label female is slow" in " ".join(plan.text.split()))


async def test_a_form_that_has_become_complete_is_not_called_incomplete_while_the_servers_answer(
    ready: TestDeployment,
) -> None:
    with proxy(ready.settings.input_port) as between:
        async with console(ready.with_settings(input_port=between.port), (120, 40)) as pilot:
            await pilot.press("n")
            await opened(pilot, NewTaskScreen)
            start = pilot.app.screen.query_one("#start_time", Input)
            await wait_until(pilot, lambda: "launches it" in shown(pilot))
            start.value = ""
            await wait_until(pilot, lambda: "not ready: start" in shown(pilot))
            between.swallow(True)
            start.value = "2020-01-01"
            await wait_until(pilot, lambda: "planning ..." in shown(pilot) and "not ready" not in shown(pilot))
            between.swallow(False)
            await wait_until(pilot, lambda: "launches it" in shown(pilot) and "planning" not in shown(pilot))


async def test_the_plan_follows_workers_that_come_and_go(ready: TestDeployment) -> None:
    async with console(ready) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        await wait_until(pilot, lambda: "ready, but it will wait for a worker" in shown(pilot))
        with ready.workers():
            await wait_until(pilot, lambda: "✓ ready; ^l launches it" in shown(pilot), 30)
        await wait_until(pilot, lambda: "ready, but it will wait for a worker" in shown(pilot), 30)


@pytest.mark.parametrize(
    ("keys", "request_type", "size"),
    [("n", TaskRequest, (80, 24)), ("cn", ScheduleRequest, (80, 24)), ("n", TaskRequest, (60, 20))],
)
async def test_a_line_says_what_the_field_with_the_focus_is_for(
    ready: TestDeployment, keys: str, request_type: type[BaseModel], size: tuple[int, int]
) -> None:
    async with console(ready, size) as pilot:
        await pilot.press(*keys)
        await wait_until(pilot, lambda: bool(pilot.app.screen.query(TaskForm)))
        form = pilot.app.screen.query_one(TaskForm)
        for name, field in request_type.model_fields.items():
            form.query_one(f"#{name}").focus()
            words = (field.description or "").partition("  [")[0].rstrip(".")
            await wait_until(pilot, lambda: words in form.query_one("#field-help", LiveText).text)  # noqa: B023
        assert "[default" not in shown(pilot)
