"""The log of a worker whose task loses its tables."""

import re

import pytest

from jobs import services
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import RANGE
from tests.helpers.running import until


@pytest.mark.parametrize("damage", ["DROP TABLE {output}.state", "DROP DATABASE {output}", "SET GLOBAL read_only = 1"])
async def test_a_task_that_cannot_even_fail_does_not_flood_the_log(many_posts: TestDeployment, damage: str) -> None:
    deployment = many_posts

    def transactions() -> int:
        return int(deployment.rows("SHOW GLOBAL STATUS LIKE 'Com_begin'")[0][1])

    await services.create_task(deployment.with_settings(window_rows=100), deployment.request(**RANGE))
    with deployment.workers():
        await until(lambda: deployment.windows_done() > 5)
        deployment.write_anything(damage)
        try:
            await until(lambda: "WARNING" in deployment.log())
            begun = transactions()
            await until(lambda: transactions() > begun + 3)  # attempts of the lane, each later than the last
        finally:
            deployment.write_anything("SET GLOBAL read_only = 0")
    warnings = [line.partition("WARNING ")[2] for line in deployment.log().splitlines() if "WARNING " in line]
    alike = [re.sub(r"\d+", "#", warning) for warning in warnings]
    assert len(set(alike)) == len(alike) > 0, alike
