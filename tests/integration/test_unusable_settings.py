"""Settings that cannot be used are named by every command, without a traceback and without their secrets."""

import asyncio
from pathlib import Path

import pytest

from tests.helpers.deployment import TestDeployment


async def outputs(deployment: TestDeployment, *commands: tuple[str, ...], **settings: str) -> list[str]:
    """Run commands with changed settings, all of which fail with status 1; return what they print."""
    runs = (asyncio.to_thread(deployment.command, *command, **settings) for command in commands)
    finished = await asyncio.gather(*runs)
    assert [done.returncode for done in finished] == [1] * len(commands)
    printed = [done.stdout + done.stderr for done in finished]
    assert not [text for text in printed if "Traceback" in text]
    return printed


@pytest.mark.parametrize("url", ["redis://:p@ss:s3cr/et@h/0", "http://x", "nonsense"])
async def test_a_malformed_redis_url_is_reported_without_its_password(deployment: TestDeployment, url: str) -> None:
    commands = (("worker",), ("worker", "--processes", "2"), ("check",), ("console",))
    for text in await outputs(deployment, *commands, REDIS_URL=url):
        assert "REDIS_URL" in text and "s3cr" not in text


async def test_an_impossible_host_name_is_reported(deployment: TestDeployment) -> None:
    for text in await outputs(deployment, ("list",), ("check",), OUTPUT_HOST="db..example"):
        assert "not a host name" in text


@pytest.mark.parametrize("setting", ["INPUT_TLS_CA", "OUTPUT_TLS_CA", "REDIS_TLS_CA"])
async def test_an_unusable_ca_file_is_reported_by_every_command(
    deployment: TestDeployment, setting: str, tmp_path: Path
) -> None:
    (tmp_path / "nonsense.pem").write_text("-----BEGIN NONSENSE-----\n")
    for path, words in (("missing.pem", "No such file"), ("nonsense.pem", "no certificate"), (".", "cannot be read")):
        for text in await outputs(deployment, ("list",), ("worker",), ("check",), **{setting: str(tmp_path / path)}):
            assert setting in text and words in text, text
