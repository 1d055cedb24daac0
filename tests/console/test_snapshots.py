"""Snapshots of screens over fixed data. `pytest tests/console/test_snapshots.py --snapshot-update` updates them."""

from typing import Any

import pytest
from textual.pilot import Pilot

from console.ui.app import AudienceApp
from tests.helpers.fixed_app import FixedApp


@pytest.fixture
def app() -> AudienceApp:
    return FixedApp()


def test_the_tasks_screen_at_80x24_matches_its_snapshot(app: AudienceApp, snap_compare: Any) -> None:
    assert snap_compare(app, terminal_size=(80, 24))


def test_the_help_screen_at_80x24_matches_its_snapshot(app: AudienceApp, snap_compare: Any) -> None:
    async def open_help(pilot: Pilot[None]) -> None:
        await pilot.press("question_mark")
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=open_help)


def test_the_workers_screen_at_80x24_matches_its_snapshot(app: AudienceApp, snap_compare: Any) -> None:
    async def open_workers(pilot: Pilot[None]) -> None:
        await pilot.press("w")
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=open_workers)
