"""Several tasks at once."""

import asyncio

from jobs import services
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts
from tests.helpers.running import finished
from tests.helpers.v21 import OLD_TASK, leave_behind


async def test_tasks_that_run_side_by_side_do_not_mix(deployment: TestDeployment) -> None:
    posts = odd_posts(4_000, seed=5)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts)
    small = deployment.with_settings(window_rows=300)
    with deployment.workers(2):
        ids = await asyncio.gather(*(services.create_task(small, deployment.request(**RANGE)) for _ in range(5)))
        tasks = [await finished(deployment, task_id) for task_id in ids]
    expected = outcome(posts, PATTERNS, SOURCES, START, END)
    for task in tasks:
        assert task.length_prod_table == expected.length_prod_table
        assert task.rate_of_label == expected.rate_of_label
    assert all(len(rows) == 5 * len(expected.production[name]) for name, rows in deployment.production().items())


async def test_eighty_tasks_at_once_finish_on_few_connections(deployment: TestDeployment) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(2_000, seed=8))
    ids = [await services.create_task(deployment, deployment.request(**RANGE)) for _ in range(80)]
    most = 0
    with deployment.workers():
        while deployment.count("prod_stat = 'finish'") < 80:
            user = deployment.settings.output_user
            connections = deployment.rows("SELECT 1 FROM information_schema.processlist WHERE user = %s", user)
            most = max(most, len(connections))
            assert deployment.count("stat = 'FAILURE'") == 0
            await asyncio.sleep(0.1)
    assert most <= 18
    assert {(await services.check_status(deployment, task_id)).generation for task_id in ids} == {1}


async def test_first_tasks_created_at_once_migrate_the_tables_once(deployment: TestDeployment) -> None:
    leave_behind(deployment, (OLD_TASK, "2021-11-09 11:09:43"))
    await asyncio.gather(*(services.create_task(deployment, deployment.request()) for _ in range(8)))
    assert len(deployment.rows("SELECT 1 FROM {output}.state")) == 9
