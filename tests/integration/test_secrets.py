"""Passwords are found nowhere but in the settings: not in Redis, tables, logs, messages, tracebacks or arguments."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote as percent_encoded

import psutil
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from jobs.services import tasks as services
from tests.helpers.deployment import END, PASSWORD, REFUSE, START, TestSite, finished
from tests.helpers.posts import PATTERNS, odd_posts
from tests.integration.test_end_to_end import RANGE

# Each with characters that are odd in URLs, SQL, shells and logs; none of them otherwise in use.
INPUT_PASSWORD = f"in-{PASSWORD}"
OUTPUT_PASSWORD = f"out-{PASSWORD}"
REDIS_PASSWORD = f"redis-{PASSWORD}".replace(" ", "")  # a configuration line and an ACL rule take no blank
WRONG_PASSWORD = f"wrong-{PASSWORD}"
CREATE = ("create", "--start-time", START, "--end-time", END)


@pytest.fixture
def secretive(site: TestSite) -> TestSite:
    """A site each of whose accounts has a password of its own."""
    its = site.settings
    for user, password in ((its.input_user, INPUT_PASSWORD), (its.output_user, OUTPUT_PASSWORD)):
        site.write_anything(f"ALTER USER {user}@'127.0.0.1' IDENTIFIED BY %s", password)
    changes = {
        "input_password": SecretStr(INPUT_PASSWORD),
        "output_password": SecretStr(OUTPUT_PASSWORD),
        "redis_url": SecretStr(redis_url(site, REDIS_PASSWORD)),
    }
    object.__setattr__(site, "settings", its.model_copy(update=changes))
    site.write_patterns(PATTERNS)
    site.write_posts(odd_posts(3_000, seed=21))
    return site


@pytest.fixture
async def redis(site: TestSite) -> Any:
    """Redis as its owner; with an account of the odd password."""
    client = Redis.from_url(site.servers.redis_url)
    await client.execute_command("ACL", "SETUSER", "odd", "reset", "on", f">{REDIS_PASSWORD}", "+@all", "~*")
    yield client
    await client.execute_command("ACL", "DELUSER", "odd")
    await client.aclose()


def redis_url(site: TestSite, password: str, port: int | None = None) -> str:
    return f"redis://odd:{percent_encoded(password, safe='')}@127.0.0.1:{port or site.servers.redis_port}/0"


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it is, as it stands in a URL, in JSON, in a repr, in SQL, and as a driver encodes it."""
    yield secret.encode()
    yield percent_encoded(secret, safe="").encode()
    yield percent_encoded(secret).encode()
    yield json.dumps(secret)[1:-1].encode()
    yield repr(secret)[1:-1].encode()
    yield repr(secret.encode())[2:-1].encode()
    yield secret.replace("\\", "\\\\").replace("'", "\\'").encode()
    yield secret.encode().decode("latin-1").encode()


def assert_no_secret(site: TestSite, text: str | bytes, where: str) -> None:
    found = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    secrets = (PASSWORD, REDIS_PASSWORD.removeprefix("redis-"), *site.servers.passwords.values())
    for secret in secrets:
        for form in forms(secret):
            assert form not in found, f"{form!r} is in {where}"
    for url in (site.settings.redis_url.get_secret_value(), site.servers.redis_url):
        assert url.encode() not in found, f"REDIS_URL is in {where}"


async def contents(redis: Any) -> bytes:
    """Every key of Redis with its value."""
    found = bytearray()
    readers = {
        b"string": lambda key: redis.get(key),
        b"hash": lambda key: redis.hgetall(key),
        b"zset": lambda key: redis.zrange(key, 0, -1),
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"set": lambda key: redis.smembers(key),
    }
    async for key in redis.scan_iter():
        kind = await redis.type(key)
        if kind == b"none":
            continue  # gone meanwhile
        value = await readers[kind](key)
        parts = (
            value
            if isinstance(value, list | set)
            else [*value, *value.values()]
            if isinstance(value, dict)
            else [value]
        )
        found += b"\n".join([key, *(part or b"" for part in parts)]) + b"\n"
    return bytes(found)


def command_lines() -> bytes:
    """The arguments of this process and of all that it started."""
    here = psutil.Process()
    return b"\n".join(Path(f"/proc/{its.pid}/cmdline").read_bytes() for its in [here, *here.children(recursive=True)])


async def test_while_tasks_run_and_fail_no_password_shows_anywhere(secretive: TestSite, redis: Any) -> None:
    site = secretive
    small = site.with_settings(window_rows=100)
    seen = 0
    with site.workers(1, "--verbose"), site.workers(1, "--processes", "2", "--verbose"):
        task_id = await services.create_task(small, site.request(**RANGE))
        while not (await services.check_status(site, task_id)).finished:
            for where, text in (
                ("Redis", await contents(redis)),
                ("the arguments of processes", command_lines()),
                ("the list of MariaDB's connections", repr(site.rows("SHOW FULL PROCESSLIST"))),
                ("the list of Redis' connections", repr(await redis.client_list())),
            ):
                assert_no_secret(site, text, where)
            seen += 1
            await asyncio.sleep(0.02)
        site.write_anything(REFUSE.replace("TABLE", "fbfans"))
        failed = await finished(site, await services.create_task(site, site.request(**RANGE)))
        assert failed.stat == "FAILURE"
    assert seen > 3
    rows = site.rows("SELECT * FROM {output}.state") + site.rows("SELECT * FROM {output}.task_definition")
    assert_no_secret(site, repr(rows), "the tables")
    assert_no_secret(site, await contents(redis), "Redis")
    assert "labelled" in site.log() and "Traceback" in site.log()  # of the refusal
    assert_no_secret(site, site.log(), "the log")
    assert_no_secret(site, repr(site.settings) + repr(site.input) + str(site.__dict__), "a repr")


def troubles(site: TestSite) -> dict[str, dict[str, str]]:
    """What may be wrong with the settings, each with a password where it may be told."""
    url = redis_url(site, REDIS_PASSWORD)
    encoded = percent_encoded(PASSWORD, safe="")
    return {
        "nothing": {},
        "wrong input password": {"INPUT_PASSWORD": WRONG_PASSWORD},
        "wrong output password": {"OUTPUT_PASSWORD": WRONG_PASSWORD},
        "wrong Redis password": {"REDIS_URL": redis_url(site, WRONG_PASSWORD)},
        "servers away": {"INPUT_PORT": "1", "OUTPUT_PORT": "1", "REDIS_URL": redis_url(site, REDIS_PASSWORD, 1)},
        "URL not encoded": {"REDIS_URL": f"redis://odd:{REDIS_PASSWORD}@127.0.0.1:6379/0"},
        "URL with an unknown option": {"REDIS_URL": f"{url}?nonsense=1"},
        "URL with a wrong option": {"REDIS_URL": f"{url}?db={encoded}"},
        "URL with a wrong port": {"REDIS_URL": f"redis://127.0.0.1:{encoded}/0"},
        "passwords in the wrong place": {"INPUT_PORT": INPUT_PASSWORD, "OUTPUT_TLS": OUTPUT_PASSWORD},
    }


@pytest.mark.parametrize(
    "trouble",
    [
        "nothing",
        *("wrong input password", "wrong output password", "wrong Redis password", "servers away"),
        *("URL not encoded", "URL with an unknown option", "URL with a wrong option", "URL with a wrong port"),
        "passwords in the wrong place",
    ],
)
async def test_no_command_tells_a_password_whatever_fails(secretive: TestSite, redis: Any, trouble: str) -> None:
    task_id = await services.create_task(secretive, secretive.request(**RANGE))
    for arguments in (
        CREATE,
        (*CREATE, "--json"),
        ("list", "--json"),
        ("status", task_id),
        ("sample", task_id, "--json"),
        ("resume", task_id),
        ("check",),
        ("check", "--json"),
        ("console",),
    ):
        done = await asyncio.to_thread(secretive.command, *arguments, **troubles(secretive)[trouble])
        said = done.stdout + done.stderr
        assert_no_secret(secretive, said, f"what {' '.join(arguments)} says")
        assert "Traceback" not in said


async def test_a_worker_that_cannot_work_does_not_log_why_in_full(secretive: TestSite, redis: Any) -> None:
    site = secretive
    await services.create_task(site, site.request(**RANGE))
    for what, changes in (
        ("password", {"OUTPUT_PASSWORD": WRONG_PASSWORD}),
        ("password", {"REDIS_URL": redis_url(site, WRONG_PASSWORD)}),
        ("6379", {"REDIS_URL": redis_url(site, REDIS_PASSWORD, 1)}),
        ("denied", {"INPUT_PASSWORD": WRONG_PASSWORD}),
    ):
        with site.workers(1, "--verbose", **changes) as (worker,):
            await asyncio.sleep(2.5)
            assert worker.poll() is None, "it waits for its servers"
        assert_no_secret(site, site.log(), f"the log about {what}")
    assert_no_secret(site, repr(site.rows("SELECT error FROM {output}.state")), "the state table")


def test_an_env_file_that_others_can_read_is_warned_of(site: TestSite) -> None:
    path = site.folder / ".env"
    path.write_text(f"INPUT_PASSWORD='{PASSWORD}'\n")
    for mode, warned in ((0o640, True), (0o604, True), (0o600, False), (0o400, False)):
        path.chmod(mode)
        said = site.command("check").stdout
        assert ("others can read .env" in said and "chmod 600 .env" in said) is warned
        assert_no_secret(site, said, "the check")
