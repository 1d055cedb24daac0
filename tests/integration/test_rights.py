"""Least privilege: the rights that README gives are enough, all are needed, and the check names one that is missing."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote as percent_encoded

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from jobs.deployment import Site
from jobs.errors import DatabaseError, OutputUnreachable
from jobs.queue.client import open_redis, queue_key
from jobs.queue.permissions import RULES, missing_rights
from jobs.services import tasks as services
from jobs.services.check import OUTPUT_GRANTS, Finding, check
from jobs.services.overview import look_at_workers
from tests.helpers.deployment import PASSWORD, TestSite, finished, plain, run_in_process, until
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, SOURCES, START, odd_posts
from tests.integration.test_end_to_end import RANGE, assert_equals
from tests.integration.test_state_table import leave_behind

README = (Path(__file__).parents[2] / "README.md").read_text()
USER = "audience"


def acl_of_readme() -> list[str]:
    """The rules of README's ACL line, without the password."""
    (line,) = re.findall(r"^ACL SETUSER audience reset on >PASSWORD (.*)$", README, re.MULTILINE)
    return str(line).split()


async def set_account(owner: Any, rules: list[str]) -> None:
    await owner.execute_command("ACL", "SETUSER", USER, "reset", "on", f">{PASSWORD}", *rules)


@pytest.fixture
async def owner(site: TestSite) -> AsyncIterator[Any]:
    client = Redis.from_url(site.servers.redis_url)
    yield client
    await client.execute_command("ACL", "DELUSER", USER)
    await client.aclose()


@pytest.fixture
def poor(site: TestSite) -> TestSite:
    """A site whose account in Redis has the rights that a test gives it."""
    url = f"redis://{USER}:{percent_encoded(PASSWORD, safe='')}@127.0.0.1:{site.servers.redis_port}/0"
    object.__setattr__(site, "settings", site.settings.model_copy(update={"redis_url": SecretStr(url)}))
    return site


def test_readme_gives_the_rights_that_the_check_asks_for() -> None:
    assert acl_of_readme() == RULES
    assert f"GRANT {', '.join(OUTPUT_GRANTS)} ON `audience\\_result`.*" in README


async def test_workers_and_services_need_no_other_right_in_redis(poor: TestSite, owner: Any) -> None:
    await set_account(owner, acl_of_readme())
    await owner.execute_command("ACL", "LOG", "RESET")
    posts = odd_posts(5_000, seed=12)
    poor.write_patterns(PATTERNS)
    poor.write_posts(posts)
    small = poor.with_settings(window_rows=200)
    task_id = await services.create_task(small, poor.request(**RANGE, countdown=1))
    with poor.workers(1, "--processes", "2"):
        await until(lambda: poor.rows("SELECT 1 FROM {output}.task_window WHERE done"))
        await services.abort(small, task_id)
        await services.resume(small, task_id)
        async with open_redis(poor.settings) as redis:  # for the reconciler to find
            await redis.delete(queue_key(poor.settings.queue))
        task = await finished(poor, task_id)
        assert (await look_at_workers(poor)).serves(poor.settings.queue)
    with poor.workers(1, "--burst") as (worker,):
        assert worker.wait(60) == 0
    assert_equals(poor, task, outcome(posts, PATTERNS, SOURCES, START, END))
    assert await services.sample_result(poor, task_id)
    assert poor.command("check").stdout.count("allows all that is needed") == 1
    assert await owner.execute_command("ACL", "LOG") == []


async def test_check_names_each_right_in_redis_that_is_missing(poor: TestSite, owner: Any) -> None:
    for missing in acl_of_readme():
        await set_account(owner, [rule for rule in acl_of_readme() if rule != missing])
        async with open_redis(poor.settings) as redis:
            assert await missing_rights(redis) == [missing]
    await set_account(owner, ["+@all", "~other:*"])
    assert "does not allow ~arq:* ~audience:*" in (await finding(poor, "redis")).message
    await set_account(owner, [])
    assert "+multi" in (await finding(poor, "redis")).message
    async with open_redis(poor.settings) as redis:
        assert await owner.keys(f"*{poor.settings.queue}*") == []  # nothing was changed by asking


async def finding(site: Site, subject: str) -> Finding:
    """The check's one finding about a subject that is not well."""
    (found,) = [found async for found in check(site) if found.subject == subject and found.verdict != "ok"]
    return found


@pytest.mark.parametrize("privilege", OUTPUT_GRANTS)
async def test_each_privilege_in_the_output_schema_is_needed_and_missed(site: TestSite, privilege: str) -> None:
    leave_behind(site)
    schema, user = plain(site.output_schema, grant=True), site.settings.output_user
    site.servers.execute(f"REVOKE {privilege} ON {schema}.* FROM {user}@'127.0.0.1'")
    missed = await finding(site, "grants")
    assert missed.message == f"no right to {privilege} in {site.output_schema}"
    assert f"GRANT {', '.join(OUTPUT_GRANTS)} ON" in missed.advice
    words = f"{privilege} command denied"
    try:
        assert words in ((await run_in_process(site, site.request())).error or "")
    except (OutputUnreachable, DatabaseError) as error:
        assert words in str(error)
    site.servers.execute(f"GRANT {privilege} ON {schema}.* TO {user}@'127.0.0.1'")
    assert (await run_in_process(site, site.request())).prod_stat == "finish"


@pytest.mark.parametrize("instead", ["USAGE", "INSERT", "SELECT (id)"])
async def test_check_misses_select_on_the_input_table(site: TestSite, instead: str) -> None:
    site.write_posts(odd_posts(10))
    schema, user = plain(site.input_schema, grant=True), site.settings.input_user
    table = plain(site.input_schema, site.table)
    site.servers.execute(
        f"REVOKE SELECT ON {schema}.* FROM {user}@'127.0.0.1'", f"GRANT {instead} ON {table} TO {user}@'127.0.0.1'"
    )
    missed = await finding(site, "input")
    assert missed.verdict == "error"
    assert f"GRANT SELECT ON {schema}.* TO '{user}'" in missed.advice
    assert "INPUT_PASSWORD" not in missed.advice


async def test_without_its_rights_in_redis_a_worker_says_so_and_waits_for_them(poor: TestSite, owner: Any) -> None:
    poor.write_patterns(PATTERNS)
    poor.write_posts(odd_posts(500, seed=13))
    await set_account(owner, acl_of_readme())
    task_id = await services.create_task(poor, poor.request(**RANGE))
    await set_account(owner, [rule for rule in acl_of_readme() if rule != "+zrangebyscore"])
    with poor.workers():
        async with asyncio.timeout(20):
            while "no permissions to run the 'zrangebyscore' command" not in poor.log():
                await asyncio.sleep(0.1)
        await set_account(owner, acl_of_readme())
        assert (await finished(poor, task_id)).prod_stat == "finish"
    assert "Traceback" not in poor.log()
