"""A read-only console."""

import pytest

from jobs import services
from jobs.deployment import Deployment
from jobs.errors import ReadOnly
from tests.helpers.deployment import TestDeployment
from tests.helpers.screens import console, create_tasks, shown, table, wait_until


async def test_read_only_is_enforced_by_the_services_and_offers_nothing_that_writes(ready: TestDeployment) -> None:
    (waiting,) = await create_tasks(ready, 1)
    deployment = Deployment(ready.settings, read_only=True)
    with pytest.raises(ReadOnly) as caught:
        await services.create_task(deployment, ready.request())
    assert caught.value.code == 403
    for service in (services.abort_task, services.resume_task):
        with pytest.raises(ReadOnly):
            await service(deployment, waiting)
    async with console(deployment) as pilot:
        await wait_until(pilot, lambda: table(pilot).row_count == 1 and "read-only" in shown(pilot))
        screen = pilot.app.screen
        assert not any(screen.check_action(name, ()) for name in ("new", "rerun", "abort", "resume"))
        await pilot.press("n", "a", "r", "e")
        await pilot.pause()
        assert pilot.app.screen is screen
    assert (await services.check_status(ready, waiting)).stat == "PENDING"
