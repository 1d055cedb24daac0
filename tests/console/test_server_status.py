"""The header: how each server answers."""

import asyncio
from pathlib import Path

from console.demo.servers import private_servers
from console.ui.app import AudienceApp
from console.ui.screens.new_task import NewTaskScreen
from console.ui.screens.tasks import TasksScreen
from console.ui.screens.workers import WorkersScreen
from console.ui.widgets.header import Header
from tests.helpers.deployment import TestDeployment
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
            await asyncio.to_thread(servers.start_mariadb)
            await asyncio.to_thread(servers.start_redis)
            await wait_until(pilot, lambda: says("3 servers"))


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
