"""Passwords occur only in the settings: not in Redis, tables, logs, messages, tracebacks or arguments."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote as percent_encoded

import psutil
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from jobs import services
from tests.helpers.deployment import PASSWORD, YEAR_END, YEAR_START, TestDeployment
from tests.helpers.posts import PATTERNS, RANGE, odd_posts
from tests.helpers.receiver import SECRET as HOOK
from tests.helpers.receiver import receiver
from tests.helpers.running import finished, until
from tests.helpers.secrets import (
    INPUT_PASSWORD,
    OUTPUT_PASSWORD,
    REDIS_PASSWORD,
    REDIS_USER,
    WRONG_PASSWORD,
    assert_no_secret,
    redis_url,
)
from tests.helpers.triggers import NO_MORE_ROWS, refuse_rows

CREATE = ("create", "--start-time", YEAR_START, "--end-time", YEAR_END)


@pytest.fixture
def secretive(deployment: TestDeployment) -> TestDeployment:
    """A deployment each of whose accounts has a password of its own."""
    settings = deployment.settings
    for user, password in ((settings.input_user, INPUT_PASSWORD), (settings.output_user, OUTPUT_PASSWORD)):
        deployment.write_anything(f"ALTER USER {user}@'127.0.0.1' IDENTIFIED BY %s", password)
    changes = {
        "input_password": SecretStr(INPUT_PASSWORD),
        "output_password": SecretStr(OUTPUT_PASSWORD),
        "redis_url": SecretStr(redis_url(deployment, REDIS_PASSWORD)),
    }
    object.__setattr__(deployment, "settings", settings.model_copy(update=changes))
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(3_000, seed=21))
    return deployment


@pytest.fixture
async def redis(deployment: TestDeployment) -> Any:
    """Redis with all rights, and an account with the odd password."""
    client = Redis.from_url(deployment.servers.redis_url)
    await client.execute_command("ACL", "SETUSER", REDIS_USER, "reset", "on", f">{REDIS_PASSWORD}", "+@all", "~*")
    yield client
    await client.execute_command("ACL", "DELUSER", REDIS_USER)
    await client.aclose()


async def contents(redis: Any) -> bytes:
    """Return every key of Redis with its value."""
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
            continue  # removed meanwhile
        value = await readers[kind](key)
        if isinstance(value, dict):
            value = [*value, *value.values()]
        parts = value if isinstance(value, list | set) else [value]
        found += b"\n".join([key, *(part or b"" for part in parts)]) + b"\n"
    return bytes(found)


def command_lines() -> bytes:
    """Return the arguments of this process and of all its descendants."""
    here = psutil.Process()
    processes = [here, *here.children(recursive=True)]
    return b"\n".join(Path(f"/proc/{process.pid}/cmdline").read_bytes() for process in processes)


async def test_no_password_shows_anywhere_while_tasks_run_and_fail(secretive: TestDeployment, redis: Any) -> None:
    deployment = secretive
    # The countdown leaves time for many looks, however quick the machine is.
    small = deployment.with_settings(window_rows=100)
    looks = 0
    with deployment.workers(1, "--verbose"), deployment.workers(1, "--processes", "2", "--verbose"):
        task_id = await services.create_task(small, deployment.request(**RANGE, countdown=2))
        while not (await services.check_status(deployment, task_id)).finished:
            for where, text in (
                ("Redis", await contents(redis)),
                ("the arguments of processes", command_lines()),
                ("MariaDB's process list", repr(deployment.rows("SHOW FULL PROCESSLIST"))),
                ("Redis's client list", repr(await redis.client_list())),
            ):
                assert_no_secret(deployment, text, where)
            looks += 1
            await asyncio.sleep(0.02)
        deployment.write_anything(refuse_rows("fbfans"))
        failed = await finished(deployment, await services.create_task(deployment, deployment.request(**RANGE)))
        assert failed.stat == "FAILURE"
    assert looks > 3
    rows = deployment.rows("SELECT * FROM {output}.state") + deployment.rows("SELECT * FROM {output}.task_definition")
    assert_no_secret(deployment, repr(rows), "the tables")
    assert_no_secret(deployment, await contents(redis), "Redis")
    assert "labelled" in deployment.log() and NO_MORE_ROWS in deployment.log()
    assert_no_secret(deployment, deployment.log(), "the log")
    assert_no_secret(
        deployment, repr(deployment.settings) + repr(deployment.input) + str(deployment.__dict__), "a repr"
    )


def troubles(deployment: TestDeployment) -> dict[str, dict[str, str]]:
    """Return settings that fail, each with a password that a message could quote."""
    url = redis_url(deployment, REDIS_PASSWORD)
    encoded = percent_encoded(PASSWORD, safe="")
    return {
        "nothing": {},
        "wrong input password": {"INPUT_PASSWORD": WRONG_PASSWORD},
        "wrong output password": {"OUTPUT_PASSWORD": WRONG_PASSWORD},
        "wrong Redis password": {"REDIS_URL": redis_url(deployment, WRONG_PASSWORD)},
        "servers away": {"INPUT_PORT": "1", "OUTPUT_PORT": "1", "REDIS_URL": redis_url(deployment, REDIS_PASSWORD, 1)},
        "URL not encoded": {"REDIS_URL": f"redis://{REDIS_USER}:{REDIS_PASSWORD}@127.0.0.1:6379/0"},
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
async def test_no_command_shows_a_password_whatever_fails(secretive: TestDeployment, redis: Any, trouble: str) -> None:
    task_id = await services.create_task(secretive, secretive.request(**RANGE))

    async def run(*arguments: str) -> None:
        done = await asyncio.to_thread(secretive.command, *arguments, **troubles(secretive)[trouble])
        output = done.stdout + done.stderr
        assert_no_secret(secretive, output, f"the output of {' '.join(arguments)}")
        assert "Traceback" not in output

    await asyncio.gather(
        run(*CREATE),
        run(*CREATE, "--json"),
        run("list", "--json"),
        run("status", task_id),
        run("sample", task_id, "--json"),
        run("resume", task_id),
        run("check"),
        run("check", "--json"),
        run("console"),
    )


async def test_a_worker_that_cannot_reach_its_servers_logs_no_password(secretive: TestDeployment, redis: Any) -> None:
    deployment = secretive
    await services.create_task(deployment, deployment.request(**RANGE))
    workers = []
    with ExitStack() as stack:
        # The first worker takes the task. The others would not get as far as its input.
        for changes, words in (
            ({"INPUT_PASSWORD": WRONG_PASSWORD}, f"Access denied for user '{deployment.settings.input_user}'"),
            ({"OUTPUT_PASSWORD": WRONG_PASSWORD}, f"Access denied for user '{deployment.settings.output_user}'"),
            ({"REDIS_URL": redis_url(deployment, WRONG_PASSWORD)}, "invalid username-password pair"),
            (
                {"REDIS_URL": redis_url(deployment, REDIS_PASSWORD, 1)},
                "Redis 127.0.0.1:1: cannot connect: Connection refused",
            ),
        ):
            workers += stack.enter_context(deployment.workers(1, "--verbose", **changes))
            await until(lambda: words in deployment.log())  # noqa: B023
        await asyncio.sleep(1)
        assert [worker.poll() for worker in workers] == [None] * 4, "workers wait for their servers"
    assert_no_secret(deployment, deployment.log(), "the log")
    assert_no_secret(deployment, repr(deployment.rows("SELECT error FROM {output}.state")), "the state table")


async def test_a_verbose_worker_logs_no_password(few_posts: TestDeployment) -> None:
    deployment = few_posts
    with deployment.workers(1, "--verbose"):
        await finished(deployment, await services.create_task(deployment, deployment.request(**RANGE)))
    assert "labelled" in deployment.log()
    for secret in (PASSWORD, *deployment.servers.passwords.values()):
        assert secret not in deployment.log()


def test_check_warns_of_an_env_file_that_others_can_read(deployment: TestDeployment) -> None:
    path = deployment.write_env_file()
    for mode, warned in ((0o640, True), (0o604, True), (0o600, False), (0o400, False)):
        path.chmod(mode)
        output = deployment.command("check").stdout
        assert ("others can read .env" in output and "chmod 600 .env" in output) is warned
        assert_no_secret(deployment, output, "the check")


async def test_notify_url_shows_nowhere_while_alerts_are_refused_and_sent(
    secretive: TestDeployment, redis: Any
) -> None:
    deployment = secretive
    with receiver() as hook:
        url = {"NOTIFY_URL": hook.url.get_secret_value()}
        hook.status = 500
        with deployment.workers(1, "--processes", "2", "--verbose", **url):
            ended = await finished(deployment, await services.create_task(deployment, deployment.request(**RANGE)))
            assert ended.produced
            deployment.write_anything(refuse_rows("fbfans"))
            await finished(deployment, await services.create_task(deployment, deployment.request(**RANGE)))
            await until(lambda: "it answered 500" in deployment.log())
            texts = {"the arguments": command_lines(), "Redis": await contents(redis)}
            hook.status = 200
            deployment.write_anything("UPDATE {output}.alert SET due_at = UTC_TIMESTAMP(6)")
            await until(hook.accepted)
    texts["the log"] = deployment.log().encode()
    for table in ("state", "alert", "task_definition"):
        texts[table] = repr(deployment.rows(f"SELECT * FROM {{output}}.{table}")).encode()
    texts["the alerts"] = repr(hook.documents).encode()
    for where, text in texts.items():
        assert HOOK.encode() not in text, f"NOTIFY_URL is in {where}"
        assert_no_secret(deployment, text, where)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1/{}", "not accepted by 127.0.0.1:1: cannot connect"),
        ("https://no-such-host.invalid/{}", "not accepted by no-such-host.invalid: cannot connect"),
        ("https://127.0.0.1:{port}/{}", "not accepted by 127.0.0.1:{port}: no TLS with it"),
        ("{}", "NOTIFY_URL: expected https://<host>/<path>"),
        ("ftp://127.0.0.1/{}", "NOTIFY_URL: expected"),
        ("http://127.0.0.1:{}/", "NOTIFY_URL: expected"),
        ("http://[{}/", "NOTIFY_URL: expected"),
        ("http://{}@/", "NOTIFY_URL: expected"),
        ("http://127.0.0.1/{} {}", "NOTIFY_URL: expected"),
    ],
)
def test_no_message_quotes_notify_url(deployment: TestDeployment, url: str, expected: str) -> None:
    with receiver() as hook:
        changes = {"NOTIFY_URL": url.replace("{port}", str(hook.port)).replace("{}", HOOK)}
        for command in (("notify", "--test"), ("notify", "--test", "--json"), ("notify",), ("check",)):
            done = deployment.command(*command, **changes)
            output = done.stdout + done.stderr
            assert HOOK not in output and "Traceback" not in output
            if "--test" in command:
                assert expected.replace("{port}", str(hook.port)) in output
