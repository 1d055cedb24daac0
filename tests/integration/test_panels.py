"""The panels of a task's production are counted in its tables."""

import pytest

from jobs import services
from jobs.errors import ResultUnreadable
from jobs.services.panels import panel_counts
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import PATTERNS, post
from tests.helpers.running import run_in_process
from tests.helpers.screens import create_tasks


@pytest.fixture
def ready(deployment: TestDeployment) -> TestDeployment:
    deployment.write_patterns(PATTERNS)
    posts = [post(number, f"Ann{number}", "2020-06-01 00:00:00") for number in range(3)]
    posts += [post(10 + number, f"志明{number}", "2020-06-01 00:00:00") for number in range(5)]
    deployment.write_posts([*posts, post(20, "志明", "2020-06-02 00:00:00", "WH_F0116")])
    return deployment


async def test_panels_are_counted_by_result_the_largest_first(ready: TestDeployment) -> None:
    await run_in_process(ready, ready.request())  # rows of another task do not count
    task = await run_in_process(ready, ready.request())
    counts = await panel_counts(ready, task)
    assert counts == {"Dcard": {"/male": 1}, "fbfans": {"/male": 5, "/female": 3}}
    assert list(counts["fbfans"]) == ["/male", "/female"]


async def test_a_task_without_production_has_no_panels(ready: TestDeployment) -> None:
    (task_id,) = await create_tasks(ready, 1)
    assert await panel_counts(ready, await services.check_status(ready, task_id)) == {}


async def test_tables_that_are_gone_are_an_error(ready: TestDeployment) -> None:
    task = await run_in_process(ready, ready.request())
    ready.write_anything("DROP TABLE {output}.wh_panel_mapping_fbfans")
    with pytest.raises(ResultUnreadable, match="cannot read the result tables"):
        await panel_counts(ready, task)
