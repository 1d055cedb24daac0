"""The header: how each server answers."""

import asyncio
import re
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from console.demo.servers import private_servers
from console.ui.app import AudienceApp
from console.ui.screens.base import ScreenContext
from console.ui.screens.new_task import NewTaskScreen
from console.ui.screens.tasks import TasksScreen
from console.ui.screens.workers import WorkersScreen
from console.ui.snapshot import ServerStatus
from console.ui.widgets.header import Header
from jobs.deployment import Deployment
from tests.helpers.deployment import TestDeployment
from tests.helpers.fixed_app import FixedApp
from tests.helpers.posts import PATTERNS, post
from tests.helpers.screens import console, create_tasks, opened, shown, table, wait_until


async def test_servers_that_go_away_are_marked_and_recover_by_themselves(tmp_path: Path) -> None:
    with private_servers(tmp_path / "servers") as servers:
        deployment = TestDeployment(servers, tmp_path, number=1)
        deployment.write_patterns(PATTERNS)
        deployment.write_posts([post(1, "Annie", "2020-06-01 00:00:00")])
        await create_tasks(deployment, 1)
        async with console(deployment, (120, 40)) as pilot:

            def says(words: str) -> bool:
                return words in pilot.app.screen.query_one(Header).text

            await wait_until(pilot, lambda: says("3 servers") and table(pilot).row_count == 1)
            await asyncio.to_thread(servers.stop_redis)
            await wait_until(pilot, lambda: says("✗ redis away"))
            await asyncio.to_thread(servers.stop_mariadb)
            await wait_until(pilot, lambda: says("✗ input, output, redis away"))
            assert table(pilot).row_count == 1, "what was read before stays"
            await pilot.press("w")
            await opened(pilot, WorkersScreen)
            await pilot.press("escape")
            await pilot.press("n")
            await opened(pilot, NewTaskScreen)
            await wait_until(pilot, lambda: "not ready" in shown(pilot))
            await asyncio.to_thread(servers.start_mariadb)
            await wait_until(pilot, lambda: says("✗ redis away") and "not ready: queue" in shown(pilot))
            assert not re.search(r";\s*│$", shown(pilot), re.MULTILINE), "there is no advice to follow it"
            await asyncio.to_thread(servers.start_redis)
            await wait_until(pilot, lambda: says("3 servers") and "not ready" not in shown(pilot))


async def test_the_console_opens_without_a_state_table_and_without_servers(deployment: TestDeployment) -> None:
    async with console(deployment) as pilot:
        await wait_until(pilot, lambda: "No tasks yet" in shown(pilot))
    away = deployment.with_settings(input_port=1, output_port=1)
    app = AudienceApp(away)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(
            pilot, lambda: "✗ input, output away" in shown(pilot) and "cannot connect to state table" in shown(pilot)
        )
        await pilot.press("n")
        await opened(pilot, NewTaskScreen)
        await pilot.press("escape")
        await opened(pilot, TasksScreen)


@pytest.mark.parametrize("width", [40, 80, 120])
async def test_servers_that_are_away_are_all_named_at_every_width(width: int) -> None:
    away = ServerStatus(at=time.monotonic() - 30, error="away")
    async with FixedApp().run_test(size=(width, 24)) as pilot:
        await opened(pilot, TasksScreen)
        app = pilot.app
        assert isinstance(app, FixedApp)
        app.snapshot = replace(app.snapshot, input=away, output=away, redis=away)
        await wait_until(pilot, lambda: re.search(r"✗ input, output, redis away 3\ds", shown(pilot).splitlines()[0]))


async def test_a_server_that_hangs_is_named(deployment: TestDeployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.ui.snapshot._ANSWER_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts connections, and never says a word
        port = silent.getsockname()[1]
        hanging = deployment.with_settings(
            input_port=port, output_port=port, redis_url=SecretStr(f"redis://127.0.0.1:{port}/0")
        )
        async with AudienceApp(hanging).run_test(size=(120, 40)) as pilot:
            says = [f"{name}: no answer within 1 s" for name in ("input server", "output server", "Redis")]
            await wait_until(pilot, lambda: all(words in shown(pilot) for words in says))


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("read_only", [False, True])
async def test_the_header_counts_the_tasks_whatever_else_it_has_room_for(width: int, read_only: bool) -> None:
    app = FixedApp()
    app.context = ScreenContext(Deployment(app.context.deployment.settings, read_only=read_only))
    async with app.run_test(size=(width, 24)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 5)
        header = app.screen.query_one(Header).text
        assert ("✗1" in header.replace(" ", "") or "1 failed" in header) and header.rstrip()[-1] in "1e"
        assert ("read-only" in header) is read_only
        assert "worker" in header or width == 60
