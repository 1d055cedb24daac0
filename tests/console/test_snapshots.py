"""Snapshots of screens over fixed data. `pytest tests/console/test_snapshots.py --snapshot-update` updates them."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console.ui.app import AudienceApp
from console.ui.screens.base import ScreenContext
from console.ui.screens.workbench import WorkbenchScreen
from jobs.deployment import Deployment
from tests.helpers.fixed_app import FixedApp
from tests.helpers.pattern_files import write_pattern_file
from tests.helpers.screens import opened, said, shown, table, wait_until


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


def test_the_workbench_at_80x24_matches_its_snapshot(app: AudienceApp, snap_compare: Any, tmp_path: Path) -> None:
    write_pattern_file(tmp_path, "雅婷\tpartially\nann\tstart\nannie\tstart\n婷\tend\n")
    write_pattern_file(tmp_path, "志明\tpartially\ntan\tend\n", label="male")
    (tmp_path / "gold").mkdir()
    (tmp_path / "gold/author_name.csv").write_text("text,label\n林雅婷,female\nAnn Tan,male\n志明,male\n台北美食,\n")
    settings = app.context.deployment.settings.model_copy(update={"patterns_dir": tmp_path})
    app.context = ScreenContext(Deployment(settings))

    async def evaluate(pilot: Pilot[None]) -> None:
        await pilot.press("p")
        await opened(pilot, WorkbenchScreen)
        await wait_until(pilot, lambda: table(pilot, "patterns").row_count == 4 and "..." not in shown(pilot))
        await pilot.press("l")
        await wait_until(pilot, lambda: "labelled, precision" in said(pilot))
        await pilot.press("tab", "down")
        await wait_until(pilot, lambda: "Line 2" in shown(pilot))

    assert snap_compare(app, terminal_size=(80, 24), run_before=evaluate)
