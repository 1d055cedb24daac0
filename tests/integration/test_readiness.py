"""What would stop a task, or keep it waiting, is known before it is created."""

import asyncio

import pytest
from pydantic import SecretStr

from jobs.errors import OutputUnreachable
from jobs.services import create_task
from jobs.services.readiness import Concern, read_concerns
from tests.helpers.deployment import TestDeployment, plain
from tests.helpers.posts import PATTERNS, post


@pytest.fixture
def ready(deployment: TestDeployment) -> TestDeployment:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts([post(1, "Annie", "2020-06-01 00:00:00")])
    return deployment


async def concern(deployment: TestDeployment, parameter: str, **values: object) -> Concern | None:
    concerns = await read_concerns(deployment, deployment.request(**values))
    return next((concern for concern in concerns if concern.parameter == parameter), None)


async def test_an_output_schema_that_is_not_there_and_may_not_be_made_is_an_error(ready: TestDeployment) -> None:
    found = await concern(ready, "output_schema", output_schema="elsewhere")
    assert found is not None and found.verdict == "error"
    assert found.problem == "no schema elsewhere that this account may use or create"
    assert found.advice.startswith("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER ON `elsewhere`.*")
    with pytest.raises(OutputUnreachable):  # which is what create_task would have said
        await create_task(ready, ready.request(output_schema="elsewhere"))


async def test_an_output_schema_that_is_not_there_but_may_be_made_is_no_concern(ready: TestDeployment) -> None:
    assert not ready.output_exists()
    assert await concern(ready, "output_schema") is None
    await create_task(ready, ready.request())
    assert await concern(ready, "output_schema") is None


async def test_a_missing_privilege_is_named(ready: TestDeployment) -> None:
    schema = plain(ready.output_schema, grant=True)
    ready.write_anything(
        f"REVOKE INSERT ON {schema.replace('%', '%%')}.* FROM {ready.settings.output_user}@'127.0.0.1'"
    )
    ready.write_anything("CREATE DATABASE {output}")
    found = await concern(ready, "output_schema")
    assert found is not None and found.problem == f"no privilege to INSERT in {ready.output_schema}"


async def test_an_output_server_that_is_away_is_an_error_of_the_output_schema(ready: TestDeployment) -> None:
    away = ready.with_settings(output_port=1)
    (found,) = [found for found in await read_concerns(away, ready.request()) if found.parameter == "output_schema"]
    assert found.verdict == "error" and "output server" in found.problem


async def test_no_worker_and_a_queue_that_none_serves_are_warnings(ready: TestDeployment) -> None:
    # In a database of its own: in the shared one, a worker that another test has killed is not silent at once.
    url = SecretStr(ready.servers.redis_url.removesuffix("/0") + "/1")
    object.__setattr__(ready, "settings", ready.settings.model_copy(update={"redis_url": url}))
    found = await concern(ready, "queue")
    assert found is not None and (found.verdict, found.problem) == ("warning", "no worker is running")
    with ready.workers():
        await until_served(ready)
        found = await concern(ready, "queue", queue="nobody")
        assert found is not None and (found.verdict, found.problem) == ("warning", "no worker serves nobody")
        assert found.advice.startswith(f"workers serve {ready.settings.queue}; ")


async def until_served(deployment: TestDeployment) -> None:
    """Wait until the queue of the deployment has a worker."""
    async with asyncio.timeout(30):
        while await concern(deployment, "queue") is not None:
            await asyncio.sleep(0.1)


async def test_redis_away_is_an_error_of_the_queue(ready: TestDeployment) -> None:
    away = ready.with_settings(redis_url=SecretStr("redis://127.0.0.1:1/0"))
    (found,) = [found for found in await read_concerns(away, ready.request()) if found.parameter == "queue"]
    assert found.verdict == "error" and "Redis" in found.problem
