"""TLS to all three servers: used wherever it is required, and nothing is sent to a server that lacks it."""

import asyncio
import itertools
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from jobs import services
from jobs.deployment import Deployment
from jobs.errors import CannotStart, DatabaseError
from jobs.model.finding import Finding
from jobs.queue import client
from jobs.services.check import check_deployment
from jobs.services.overview import read_fleet
from jobs.storage.connection import connect
from jobs.storage.endpoint import ENCRYPTION
from jobs.storage.stream import stream
from jobs.tls import Tls
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts
from tests.helpers.running import finished
from tests.helpers.tls import SecureServers, secure_servers

# The tests share one pair of servers, so one xdist worker runs them all.
pytestmark = pytest.mark.xdist_group("tls")

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureServers]:
    with secure_servers(tmp_path_factory.mktemp("secure servers")) as running:
        yield running


@pytest.fixture
def encrypted(secure: SecureServers, tmp_path: Path) -> TestDeployment:
    """A deployment that requires TLS of its servers. Its accounts can connect over TLS only."""
    deployment = TestDeployment(
        secure.servers,
        tmp_path,
        next(_numbers),
        input_tls="required",
        input_tls_ca=secure.ca,
        output_tls_ca=secure.ca,  # implies that TLS is required
        redis_url=secure.redis_url(),
        redis_tls_ca=secure.ca,
    )
    for user in (deployment.settings.input_user, deployment.settings.output_user):
        deployment.write_anything(f"ALTER USER {user}@'127.0.0.1' REQUIRE SSL")
    return deployment


async def test_a_whole_task_runs_with_all_three_servers_over_tls(encrypted: TestDeployment) -> None:
    posts = odd_posts(5_000, seed=11)
    encrypted.write_patterns(PATTERNS)
    encrypted.write_posts(posts)
    task_id = await services.create_task(encrypted.with_settings(window_rows=500), encrypted.request(**RANGE))
    with encrypted.workers(1, "--processes", "2"):
        task = await finished(encrypted, task_id)
    assert_outcome(encrypted, task, outcome(posts, PATTERNS, SOURCES, START, END))
    assert await services.sample_result(encrypted, task_id)
    assert "Traceback" not in encrypted.log() and "SSL" not in encrypted.log()


async def test_both_database_drivers_and_redis_are_encrypted(encrypted: TestDeployment) -> None:
    async with connect(encrypted.input) as session:
        assert (await session.row(ENCRYPTION) or ("", ""))[1].startswith("TLS_")
    async with stream(encrypted.input, ENCRYPTION, {}) as batches:
        assert [row[1][:4] async for rows in batches for row in rows] == ["TLS_"]
    found = [finding async for finding in check_deployment(encrypted) if finding.subject == "tls"]
    assert [finding.verdict for finding in found] == ["ok"] * 3
    assert all("TLSv1.3" in finding.message for finding in found)


async def assert_refused_by_all(deployment: Deployment, words: str, redis_words: str = "") -> None:
    """Assert that every connection is refused, with these words and the settings to look at."""
    for server in (deployment.input, deployment.output):
        with pytest.raises(DatabaseError, match=words) as session_error:
            async with connect(server):
                pass
        with pytest.raises(DatabaseError) as stream_error:
            async with stream(server, "SELECT 1", {}):
                pass
        for caught in (session_error, stream_error):
            assert not caught.value.transient
            name = server.name.split()[0].upper()
            assert f"see {name}_TLS and {name}_TLS_CA" in str(caught.value)
    with pytest.raises(CannotStart, match=f"{redis_words or words}.*; see REDIS_URL and REDIS_TLS_CA"):
        await read_fleet(deployment)


async def test_a_certificate_of_another_ca_is_refused(encrypted: TestDeployment, secure: SecureServers) -> None:
    other = secure.other_ca
    deployment = encrypted.with_settings(input_tls_ca=other, output_tls_ca=other, redis_tls_ca=other)
    await assert_refused_by_all(deployment, "its certificate is not accepted")
    done = encrypted.command("list", OUTPUT_TLS_CA=str(other))
    assert done.returncode == 1 and "its certificate is not accepted" in done.stderr
    assert "Traceback" not in done.stderr


async def test_without_a_ca_file_the_systems_cas_are_trusted_and_no_other(encrypted: TestDeployment) -> None:
    deployment = encrypted.with_settings(
        input_tls_ca=None, output_tls="required", output_tls_ca=None, redis_tls_ca=None
    )
    await assert_refused_by_all(deployment, "its certificate is not accepted")


async def test_a_certificate_for_another_name_is_refused(encrypted: TestDeployment, secure: SecureServers) -> None:
    deployment = encrypted.with_settings(
        input_host="localhost", output_host="localhost", redis_url=secure.redis_url("localhost")
    )
    await assert_refused_by_all(deployment, "certificate is not valid for 'localhost'")


async def test_a_server_without_tls_is_refused(
    deployment: TestDeployment, secure: SecureServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A Redis without TLS never completes the handshake, so each of four attempts takes this long.
    monkeypatch.setattr(client, "_CALL_SECONDS", 0.5)
    url = SecretStr(deployment.servers.redis_url.replace("redis://", "rediss://"))
    required = deployment.with_settings(
        input_tls="required", output_tls="required", redis_url=url, redis_tls_ca=secure.ca
    )
    await assert_refused_by_all(required, "it has no TLS", "no TLS with it in time")


async def test_no_account_is_sent_to_a_server_that_offers_no_tls(deployment: TestDeployment) -> None:
    with socket.create_connection(("127.0.0.1", deployment.servers.mariadb_port)) as greeted:
        greeting = greeted.recv(4096)
    with socket.create_server(("127.0.0.1", 0)) as rogue:
        received = bytearray()

        def listen() -> None:
            for _ in range(2):
                connection, _ = rogue.accept()
                with connection:
                    connection.sendall(greeting)
                    while data := connection.recv(4096):
                        received.extend(data)
                        if len(received) > 36:  # the length of a request for TLS; TLS itself follows
                            break

        listener = threading.Thread(target=listen)
        listener.start()
        server = replace(deployment.input, port=rogue.getsockname()[1], tls=Tls("INPUT_TLS", None))
        with pytest.raises(DatabaseError):
            async with connect(server):
                pass
        assert received == b""
        with pytest.raises(DatabaseError):
            async with stream(server, "SELECT 1", {}):
                pass
        listener.join()
    assert received and deployment.settings.input_user.encode() not in received


async def test_encrypted_connections_to_a_busy_server_are_closed_at_once(encrypted: TestDeployment) -> None:
    def open_connections() -> int:
        connections = psutil.Process().net_connections("tcp")
        return sum(bool(each.raddr) and each.raddr.port == encrypted.settings.input_port for each in connections)

    async def read_stream() -> None:
        async with stream(encrypted.input, "SELECT SLEEP(20)", {}) as batches:
            await anext(batches)

    async def read_session() -> None:
        async with connect(encrypted.input) as session:
            await session.row("SELECT SLEEP(20)")

    for read in (read_stream, read_session):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read(), 0.5)
        await asyncio.sleep(0.1)
        assert open_connections() == 0


async def test_check_warns_of_remote_hosts_without_tls(deployment: TestDeployment) -> None:
    async def warnings(**changes: object) -> list[Finding]:
        findings = [finding async for finding in check_deployment(deployment.with_settings(**changes))]
        return [finding for finding in findings if finding.subject == "tls" and finding.verdict == "warning"]

    assert await warnings() == []
    remote = "0.0.0.0"  # reaches this machine, but is no loopback address
    redis_url = SecretStr(deployment.servers.redis_url.replace("127.0.0.1", remote))
    found = await warnings(input_host=remote, output_host=remote, redis_url=redis_url)
    assert [finding.advice.split(";")[0].split(",")[0] for finding in found] == [
        "set INPUT_TLS=required",
        "set OUTPUT_TLS=required",
        "begin REDIS_URL with rediss://",
    ]
