"""Keys that arrive in one burst, as over SSH, act one after the other."""

import asyncio
import os

import pytest
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import Input

from console.ui.screens.new_task import NewTaskScreen
from console.ui.screens.tasks import TasksScreen
from console.ui.screens.workbench import WorkbenchScreen
from tests.helpers.deployment import TestDeployment
from tests.helpers.screens import console, create_tasks, opened, table, wait_until
from tests.helpers.terminal import in_a_pty, read_until


def burst(pilot: Pilot[None], *keys: str) -> None:
    """Send keys without waiting for what they do. A text of several letters that is no key's name is a key a letter."""
    for key in keys:
        name = _character_to_key(key) if len(key) == 1 else key
        pilot.app.post_message(events.Key(name, key if len(key) == 1 else None))


def value(pilot: Pilot[None], id: str) -> str:
    return pilot.app.screen.query_one(f"#{id}", Input).value


async def test_text_after_a_tab_goes_to_the_next_field(ready: TestDeployment) -> None:
    async with console(ready, (120, 40)) as pilot:
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        await wait_until(pilot, lambda: value(pilot, "end_time"))
        before = value(pilot, "start_time")
        pilot.app.screen.query_one("#end_time", Input).value = ""
        burst(pilot, "tab", *"2020-03-01", "shift+tab", "end", *"X")
        await wait_until(
            pilot, lambda: value(pilot, "end_time") == "2020-03-01" and value(pilot, "start_time") != before
        )
        assert value(pilot, "start_time") == before + "X"


async def test_text_after_the_key_that_opens_a_field_goes_into_it(ready: TestDeployment) -> None:
    await create_tasks(ready, 3)
    async with console(ready) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 3)
        burst(pilot, *"/q2", "enter", "p", "t", *"quiet man")
        await opened(pilot, WorkbenchScreen)
        await wait_until(pilot, lambda: value(pilot, "try") == "quiet man")
        burst(pilot, "escape", "escape")
        await opened(pilot, TasksScreen)
        assert value(pilot, "filter") == "q2" and table(pilot).row_count == 1


async def test_text_after_the_key_that_opens_a_screen_goes_into_its_field(ready: TestDeployment) -> None:
    async with console(ready) as pilot:
        burst(pilot, *"nqq")
        await opened(pilot, NewTaskScreen)
        await wait_until(pilot, lambda: value(pilot, "start_time") == "qq")


async def test_a_thousand_letters_as_single_keys_are_typed_in_order(ready: TestDeployment) -> None:
    text = "".join(chr(97 + number % 26) for number in range(1_000))
    async with console(ready) as pilot:
        burst(pilot, "/", *text)
        await wait_until(pilot, lambda: value(pilot, "filter") == text, 30)


@pytest.mark.parametrize("keys", [b"/q2\r", b"\x1b[B\x1b[B/q2\r"])
def test_a_burst_in_a_terminal_filters(ready: TestDeployment, keys: bytes) -> None:
    asyncio.run(create_tasks(ready, 3))
    with in_a_pty(ready, size=(120, 40)) as (process, main):
        read_until(main, b"no worker on")
        os.write(main, keys)
        read_until(main, b"Tasks 1 of 3")
        assert process.poll() is None
