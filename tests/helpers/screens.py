"""The console in Textual's test harness: opening it, waiting for it, reading it."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from console.ui.app import AudienceApp
from console.ui.screens.tasks import TasksScreen
from console.ui.widgets.live_table import LiveTable
from console.ui.widgets.live_text import LiveText
from jobs import services
from jobs.deployment import Deployment
from tests.helpers.deployment import TestDeployment


@asynccontextmanager
async def console(deployment: Deployment, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
    """Open the console on its tasks, with the first answer of the output server."""
    app = AudienceApp(deployment)
    async with app.run_test(size=size) as pilot:
        await wait_until(pilot, lambda: isinstance(app.screen, TasksScreen) and app.snapshot.output.at is not None)
        yield pilot


async def wait_until(pilot: Pilot[None], condition: Callable[[], object], seconds: float = 15) -> None:
    """Wait for a condition; fail with the text on the screen."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, shown(pilot)
        await pilot.pause(0.02)


async def opened(pilot: Pilot[None], screen: type[object]) -> None:
    """Wait until a screen is open."""
    await wait_until(pilot, lambda: isinstance(pilot.app.screen, screen) and pilot.app.screen.is_mounted)
    await pilot.pause()


def table(pilot: Pilot[None], id: str = "tasks") -> LiveTable:
    """Return a table of the current screen."""
    return pilot.app.screen.query_one(f"#{id}", LiveTable)


def shown(pilot: Pilot[None]) -> str:
    """Return all text on the screen."""
    lines = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


def said(pilot: Pilot[None]) -> str:
    """Return the sentences on the screen, unwrapped."""
    return "\n".join(text.text for text in pilot.app.screen.query(LiveText))


def messages(pilot: Pilot[None]) -> list[str]:
    """Return everything the console has said, oldest first."""
    assert isinstance(pilot.app, AudienceApp)
    return [notice.text for notice in pilot.app.context.notices]


async def create_tasks(deployment: TestDeployment, count: int) -> list[str]:
    """Create tasks on the queues q0, q1, ...; return their ids, oldest first."""
    return [await services.create_task(deployment, deployment.request(queue=f"q{number}")) for number in range(count)]
