"""Least privilege: the documented rights suffice, each is needed, and the check names one that is missing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from jobs import services
from jobs.deployment import Deployment
from jobs.errors import DatabaseError, OutputUnreachable
from jobs.model.finding import Finding
from jobs.queue.client import open_redis
from jobs.queue.permissions import RULES, missing_permissions
from jobs.services.check import check_deployment
from jobs.services.overview import read_fleet
from jobs.storage.grants import OUTPUT_PRIVILEGES
from jobs.worker.reconciler import reconcile
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment, plain
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts
from tests.helpers.rights import USER, document, documented_acl, set_rules, use_account
from tests.helpers.running import finished, run_in_process, until
from tests.helpers.v21 import leave_behind


@pytest.fixture
async def owner(deployment: TestDeployment) -> AsyncIterator[Any]:
    """Redis with all rights."""
    client = Redis.from_url(deployment.servers.redis_url)
    yield client
    await client.execute_command("ACL", "DELUSER", USER)
    await client.aclose()


@pytest.fixture
def limited(deployment: TestDeployment) -> TestDeployment:
    """A deployment whose Redis account has the rights that the test gives it."""
    use_account(deployment)
    return deployment


async def finding(deployment: Deployment, subject: str) -> Finding:
    """Return the check's only warning or error about a subject."""
    (found,) = [
        found async for found in check_deployment(deployment) if found.subject == subject and found.verdict != "ok"
    ]
    return found


def test_the_documented_rights_are_those_that_the_check_asks_for() -> None:
    assert documented_acl() == RULES
    assert f"GRANT {', '.join(OUTPUT_PRIVILEGES)} ON `audience\\_result`.*" in document()


async def test_workers_and_services_need_no_other_right_in_redis(limited: TestDeployment, owner: Any) -> None:
    await set_rules(owner, documented_acl())
    await owner.execute_command("ACL", "LOG", "RESET")
    posts = odd_posts(5_000, seed=12)
    limited.write_patterns(PATTERNS)
    limited.write_posts(posts)
    small = limited.with_settings(window_rows=200)
    task_id = await services.create_task(small, limited.request(**RANGE, countdown=1))
    with limited.workers(1, "--processes", "2"):
        await until(limited.windows_done)
        await services.abort_task(small, task_id)
        await services.resume_task(small, task_id)
        async with open_redis(limited.settings) as redis:
            await redis.delete(limited.queue.key("label"))
            while not limited.count("generation > 2 OR prod_stat = 'finish'"):
                limited.age_heartbeats()
                await reconcile(limited, redis)
        task = await finished(limited, task_id)
        assert (await read_fleet(limited)).serves(limited.settings.queue)
    with limited.workers(1, "--burst") as (worker,):
        assert worker.wait(60) == 0
    assert_outcome(limited, task, outcome(posts, PATTERNS, SOURCES, START, END))
    assert await services.sample_result(limited, task_id)
    assert limited.command("check").stdout.count("allows everything that is needed") == 1
    assert await owner.execute_command("ACL", "LOG") == []


async def test_check_names_each_missing_right_in_redis(limited: TestDeployment, owner: Any) -> None:
    for missing in documented_acl():
        await set_rules(owner, [rule for rule in documented_acl() if rule != missing])
        async with open_redis(limited.settings) as redis:
            assert await missing_permissions(redis) == [missing]
    await set_rules(owner, ["+@all", "~other:*"])
    found = (await finding(limited, "redis")).message
    assert "does not allow" in found and "~arq:*" in found and "~audience:*" in found
    await set_rules(owner, [])
    assert "+multi" in (await finding(limited, "redis")).message
    assert await owner.keys(f"*{limited.settings.queue}*") == []  # the check changes nothing


async def test_check_blames_a_limit_on_connections_not_the_address_or_the_password(deployment: TestDeployment) -> None:
    user = f"{deployment.settings.output_user}@'127.0.0.1'"
    deployment.servers.execute(f"ALTER USER {user} WITH MAX_USER_CONNECTIONS 1")
    async with deployment.output_session():
        found = await finding(deployment, "output")
    deployment.servers.execute(f"ALTER USER {user} WITH MAX_USER_CONNECTIONS 0")
    assert "max_user_connections" in found.message
    assert found.advice == "raise this limit of the account OUTPUT_USER"


async def test_check_says_that_redis_accepts_no_writes_and_what_to_do(deployment: TestDeployment, owner: Any) -> None:
    try:
        await owner.config_set("maxmemory", 1)
        found = await finding(deployment, "redis")
        assert "accepts no writes: command not allowed when used memory" in found.message
        assert found.advice == "raise Redis's maxmemory"
        await owner.config_set("maxmemory", 0)
        await owner.config_set("min-replicas-to-write", 1)
        assert "accepts no writes: NOREPLICAS" in (await finding(deployment, "redis")).message
    finally:
        await owner.config_set("maxmemory", 0)
        await owner.config_set("min-replicas-to-write", 0)


async def test_a_worker_without_a_right_in_redis_logs_it_and_waits_for_it(limited: TestDeployment, owner: Any) -> None:
    limited.write_patterns(PATTERNS)
    limited.write_posts(odd_posts(500, seed=13))
    await set_rules(owner, documented_acl())
    task_id = await services.create_task(limited, limited.request(**RANGE))
    await set_rules(owner, [rule for rule in documented_acl() if rule != "+zrangebyscore"])
    with limited.workers():
        async with asyncio.timeout(20):
            while "no permissions to run the 'zrangebyscore' command" not in limited.log():
                await asyncio.sleep(0.1)
        await set_rules(owner, documented_acl())
        assert (await finished(limited, task_id)).prod_stat == "finish"
    assert "Traceback" not in limited.log()


async def test_a_worker_that_may_not_hear_the_bell_finds_its_jobs_and_says_so_once(
    limited: TestDeployment, owner: Any
) -> None:
    limited.write_patterns(PATTERNS)
    limited.write_posts(odd_posts(500, seed=14))
    await set_rules(owner, [rule for rule in documented_acl() if rule != "&audience:*"])
    with limited.workers():
        for _ in range(2):
            assert (await finished(limited, await services.create_task(limited, limited.request(**RANGE)))).prod_stat
    assert limited.log().count("jobs start a little later; see audience check") == 1
    assert "Traceback" not in limited.log()


@pytest.mark.parametrize("privilege", OUTPUT_PRIVILEGES)
async def test_each_privilege_in_the_output_schema_is_needed_and_its_absence_reported(
    deployment: TestDeployment, privilege: str
) -> None:
    leave_behind(deployment)
    schema, user = plain(deployment.output_schema, grant=True), deployment.settings.output_user
    deployment.servers.execute(f"REVOKE {privilege} ON {schema}.* FROM {user}@'127.0.0.1'")
    reported = await finding(deployment, "grants")
    assert reported.message == f"no privilege to {privilege} in {deployment.output_schema}"
    assert f"GRANT {', '.join(OUTPUT_PRIVILEGES)} ON" in reported.advice
    words = f"{privilege} command denied"
    try:
        assert words in ((await run_in_process(deployment, deployment.request())).error or "")
    except DatabaseError as error:
        assert words in str(error)
    except OutputUnreachable as error:
        assert words in str(error) and str(error).endswith("; see audience check")
    deployment.servers.execute(f"GRANT {privilege} ON {schema}.* TO {user}@'127.0.0.1'")
    assert (await run_in_process(deployment, deployment.request())).prod_stat == "finish"


@pytest.mark.parametrize("instead", ["USAGE", "INSERT", "SELECT (id)"])
async def test_check_reports_a_missing_select_on_the_input_table(deployment: TestDeployment, instead: str) -> None:
    deployment.write_posts(odd_posts(10))
    schema, user = plain(deployment.input_schema, grant=True), deployment.settings.input_user
    table = plain(deployment.input_schema, deployment.table)
    deployment.servers.execute(
        f"REVOKE SELECT ON {schema}.* FROM {user}@'127.0.0.1'", f"GRANT {instead} ON {table} TO {user}@'127.0.0.1'"
    )
    reported = await finding(deployment, "input")
    assert reported.verdict == "error"
    assert f"GRANT SELECT ON {schema}.* TO '{user}'" in reported.advice
    assert "INPUT_PASSWORD" not in reported.advice
