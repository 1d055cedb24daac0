"""The workbench and tasks: what their patterns decided, and what the files would change."""

import pytest
from textual.pilot import Pilot

from console.ui.screens.comparison import ComparisonScreen
from console.ui.screens.workbench import WorkbenchScreen
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import PATTERNS, RANGE, post
from tests.helpers.running import run_in_process
from tests.helpers.screens import console, create_tasks, messages, opened, said, shown, table, wait_until

SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.mark.parametrize("size", SIZES)
async def test_the_files_compare_with_a_task_and_show_which_pattern_changed_what(
    ready: TestDeployment, size: tuple[int, int]
) -> None:
    await _labelled(ready)
    ready.write_patterns({**PATTERNS, "female": [("雅婷", "partially"), ("nobody", "start")]})
    async with console(ready, size) as pilot:
        await _open(pilot, lines=2)
        await pilot.press("c")
        await opened(pilot, ComparisonScreen)
        await wait_until(pilot, lambda: "all 6 posts: 16.7% gain a label, 83.3% lose theirs, 0.0%" in said(pilot))
        rows = [
            line.split()
            for line in shown(pilot).splitlines()
            if "/female" in line and ("ann " in line or "nobody" in line)
        ]
        assert [("ann" in row, "nobody" in row) for row in rows[:2]] == [(True, False), (False, True)]
        assert "Annie  /female → no label  was ann start" in said(pilot)
        await pilot.press("down")
        await wait_until(pilot, lambda: "nobody  no label → /female  by nobody start" in said(pilot))
        await pilot.press("escape")
        await opened(pilot, WorkbenchScreen)


async def test_two_tasks_compare_author_by_author(ready: TestDeployment) -> None:
    await _labelled(ready)
    ready.write_patterns({**PATTERNS, "female": [("雅婷", "partially"), ("nobody", "start")]})
    await run_in_process(ready, ready.request(**RANGE))
    async with console(ready, (80, 24)) as pilot:
        await _open(pilot, lines=2)
        await pilot.press("c")
        await wait_until(pilot, lambda: "Compare the files with" in shown(pilot))
        await pilot.press("down", "enter")  # the older one
        await opened(pilot, ComparisonScreen)
        await wait_until(pilot, lambda: "% gain a label" in said(pilot))
        await pilot.press("c")
        await wait_until(pilot, lambda: "the pattern files now" in shown(pilot))
        await pilot.press("down", "enter")
        await wait_until(pilot, lambda: "fbfans: 1 author gained, 1 lost, 0 changed, 0 the same" in said(pilot))


async def test_marked_tasks_are_compared_with_each_other_and_one_task_with_the_files(ready: TestDeployment) -> None:
    await _labelled(ready)
    ready.write_patterns({**PATTERNS, "female": [("nobody", "start")]})
    await run_in_process(ready, ready.request(**RANGE))
    await create_tasks(ready, 1)
    async with console(ready, (120, 40)) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 3)
        await pilot.press("asterisk", "d")
        await wait_until(pilot, lambda: "two that are done, on one predict type" in "".join(messages(pilot)[-1:]))
        await pilot.press("escape", "down", "space", "space", "d")
        await opened(pilot, ComparisonScreen)
        await wait_until(pilot, lambda: "fbfans: 1 author gained, 1 lost, 0 changed, 0 the same" in said(pilot))
        await pilot.press("escape", "escape", "end", "d")
        await opened(pilot, ComparisonScreen)
        await wait_until(pilot, lambda: "% gain a label" in said(pilot) and "the pattern files now" in shown(pilot))


@pytest.mark.parametrize("size", SIZES)
async def test_the_hits_of_a_task_fill_columns_by_label_and_pattern_wherever_the_line_is_now(
    ready: TestDeployment, size: tuple[int, int]
) -> None:
    await run_in_process(ready, ready.request(**RANGE))
    ready.write_patterns({**PATTERNS, "female": [("new", "start"), *PATTERNS["female"]]})
    async with console(ready, size) as pilot:
        await _open(pilot, lines=len(PATTERNS["female"]) + 1)
        await pilot.press("h")
        await wait_until(pilot, lambda: "1 of 12 patterns decided 5 posts" in said(pilot))
        await pilot.press("tab", "T", "home")
        await wait_until(pilot, lambda: "Line 3 ─ ann start" in shown(pilot) and "by task ↓" in shown(pilot))
        assert "decided 5 posts of 1 author in task" in said(pilot)
        await pilot.press("L", "home")
        await wait_until(pilot, lambda: "not among the patterns of task" in said(pilot))


async def test_without_a_task_it_says_what_to_do(ready: TestDeployment) -> None:
    async with console(ready, (80, 24)) as pilot:
        await _open(pilot, lines=len(PATTERNS["female"]))
        await pilot.press("c")
        await wait_until(
            pilot, lambda: any("no task of keyword_model author_name yet" in one for one in messages(pilot))
        )


async def test_escape_stops_a_comparison_and_leaves_no_query_running(ready: TestDeployment) -> None:
    await run_in_process(ready, ready.request(**RANGE))
    ready.write_posts(post(number, f"Ann {number}", "2020-06-01 00:00:00") for number in range(2_000))
    running = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = %s AND command = 'Query'"
    async with console(ready, (120, 40)) as pilot:
        await _open(pilot, lines=len(PATTERNS["female"]))
        with ready.servers.connect() as connection, connection.cursor() as cursor:
            cursor.execute(ready.named("LOCK TABLES {input}.{table} WRITE"), ())
            await pilot.press("c")
            await opened(pilot, ComparisonScreen)
            await wait_until(pilot, lambda: ready.rows(running, ready.settings.input_user) == [(1,)])
            assert "Escape stops it" in said(pilot)
            await pilot.press("escape")
            await opened(pilot, WorkbenchScreen)
            await wait_until(pilot, lambda: ready.rows(running, ready.settings.input_user) == [(0,)])


async def _labelled(ready: TestDeployment) -> None:
    """Run a task over five posts of Annie and one of nobody."""
    posts = [post(number, "Annie", "2020-06-01 00:00:00") for number in range(5)]
    ready.write_posts([*posts, post(9, "nobody", "2020-06-01 00:00:00")])
    await run_in_process(ready, ready.request(**RANGE))


async def _open(pilot: Pilot[None], *, lines: int) -> None:
    await wait_until(pilot, lambda: pilot.app.screen.snapshot.board is not None)  # type: ignore[attr-defined]
    await pilot.press("p")
    await opened(pilot, WorkbenchScreen)
    await wait_until(pilot, lambda: table(pilot, "patterns").row_count == lines)
