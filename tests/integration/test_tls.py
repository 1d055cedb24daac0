"""TLS to all three servers: in use where it is required, and nothing said to a server that has not the right one."""

import asyncio
import itertools
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
import trustme
from pydantic import SecretStr

from console.demo.servers import PrivateServers, free_port, private_servers
from jobs.deployment import Site
from jobs.errors import CannotStart, DatabaseError, InvalidValue
from jobs.queue.client import redis_client
from jobs.services import tasks as services
from jobs.services.check import Finding, check
from jobs.services.overview import look_at_workers
from jobs.settings import read_settings
from jobs.storage.connection import ENCRYPTION, connect
from jobs.storage.stream import stream
from jobs.tls import Tls
from tests.helpers.deployment import TestSite, finished
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, SOURCES, START, odd_posts
from tests.integration.test_end_to_end import RANGE, assert_equals

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Secure:
    """Servers with certificates for 127.0.0.1, and the CA files that are right and wrong for them."""

    servers: PrivateServers
    redis_port: int
    ca: Path
    other_ca: Path

    def redis_url(self, host: str = "127.0.0.1") -> SecretStr:
        return SecretStr(f"rediss://:{self.servers.passwords['redis']}@{host}:{self.redis_port}/0")


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    folder = tmp_path_factory.mktemp("secure servers")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    trustme.CA().cert_pem.write_to_path(folder / "other.pem")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    port = free_port()
    files = {"cert": folder / "certificate.pem", "key": folder / "key.pem", "ca": folder / "ca.pem"}
    mariadb = [f"--ssl-{name}={path}" for name, path in files.items()]
    names = {"cert": "tls-cert-file", "key": "tls-key-file", "ca": "tls-ca-cert-file"}
    redis = [f"tls-port {port}", "tls-auth-clients no", *(f'{names[name]} "{path}"' for name, path in files.items())]
    with private_servers(folder / "data", *mariadb, redis_options=redis) as servers:
        yield Secure(servers, port, folder / "ca.pem", folder / "other.pem")


@pytest.fixture
def encrypted(secure: Secure, tmp_path: Path) -> TestSite:
    """A site that requires TLS of its servers, whose accounts are let in with TLS only."""
    site = TestSite(
        secure.servers,
        tmp_path,
        next(_numbers),
        input_tls="required",
        input_tls_ca=secure.ca,
        output_tls_ca=secure.ca,  # implies that it is required
        redis_url=secure.redis_url(),
        redis_tls_ca=secure.ca,
    )
    for user in (site.settings.input_user, site.settings.output_user):
        site.write_anything(f"ALTER USER {user}@'127.0.0.1' REQUIRE SSL")
    return site


async def test_a_whole_task_with_all_three_servers_over_tls(encrypted: TestSite) -> None:
    posts = odd_posts(5_000, seed=11)
    encrypted.write_patterns(PATTERNS)
    encrypted.write_posts(posts)
    task_id = await services.create_task(encrypted.with_settings(window_rows=500), encrypted.request(**RANGE))
    with encrypted.workers(1, "--processes", "2"):
        task = await finished(encrypted, task_id)
    assert_equals(encrypted, task, outcome(posts, PATTERNS, SOURCES, START, END))
    assert await services.sample_result(encrypted, task_id)
    assert "Traceback" not in encrypted.log() and "SSL" not in encrypted.log()


async def test_both_drivers_and_redis_are_encrypted(encrypted: TestSite) -> None:
    async with connect(encrypted.input) as session:
        assert (await session.row(ENCRYPTION) or ("", ""))[1].startswith("TLS_")
    async with stream(encrypted.input, ENCRYPTION, ()) as batches:
        assert [row[1][:4] async for rows in batches for row in rows] == ["TLS_"]
    found = [finding async for finding in check(encrypted) if finding.subject == "tls"]
    assert [finding.verdict for finding in found] == ["ok"] * 3
    assert all("TLSv1.3" in finding.message for finding in found)


async def refused_by_all(site: Site, words: str, redis_words: str = "") -> None:
    """Every connection to this site's servers is refused with these words, and the settings to look at."""
    for server in (site.input, site.output):
        with pytest.raises(DatabaseError, match=words) as session_error:
            async with connect(server):
                pass
        with pytest.raises(DatabaseError) as stream_error:
            async with stream(server, "SELECT 1", ()):
                pass
        for caught in (session_error, stream_error):
            assert not caught.value.transient
            name = server.name.split()[0].upper()
            assert f"see {name}_TLS and {name}_TLS_CA" in str(caught.value)
    with pytest.raises(CannotStart, match=f"{redis_words or words}.*; see REDIS_URL and REDIS_TLS_CA"):
        await look_at_workers(site)


async def test_a_certificate_of_another_ca_is_refused(encrypted: TestSite, secure: Secure) -> None:
    other = secure.other_ca
    site = encrypted.with_settings(input_tls_ca=other, output_tls_ca=other, redis_tls_ca=other)
    await refused_by_all(site, "its certificate is not accepted")
    done = encrypted.command("list", OUTPUT_TLS_CA=str(other))
    assert done.returncode == 1 and "its certificate is not accepted" in done.stderr
    assert "Traceback" not in done.stderr


async def test_without_a_ca_file_the_systems_are_asked_and_know_nothing_of_it(encrypted: TestSite) -> None:
    site = encrypted.with_settings(input_tls_ca=None, output_tls="required", output_tls_ca=None, redis_tls_ca=None)
    await refused_by_all(site, "its certificate is not accepted")


async def test_a_certificate_for_another_name_is_refused(encrypted: TestSite, secure: Secure) -> None:
    site = encrypted.with_settings(
        input_host="localhost", output_host="localhost", redis_url=secure.redis_url("localhost")
    )
    await refused_by_all(site, "certificate is not valid for 'localhost'")


async def test_a_server_without_tls_is_refused(site: TestSite, secure: Secure) -> None:
    plain = SecretStr(site.servers.redis_url.replace("redis://", "rediss://"))
    required = site.with_settings(input_tls="required", output_tls="required", redis_url=plain, redis_tls_ca=secure.ca)
    await refused_by_all(required, "it has no TLS", "no TLS with it in time")


async def test_a_server_that_says_it_has_no_tls_is_not_told_who_we_are(site: TestSite) -> None:
    with socket.create_connection(("127.0.0.1", site.servers.mariadb_port)) as greeted:
        greeting = greeted.recv(4096)
    with socket.create_server(("127.0.0.1", 0)) as rogue:
        heard = bytearray()

        def listen() -> None:
            for _ in range(2):
                talk, _ = rogue.accept()
                with talk:
                    talk.sendall(greeting)
                    while said := talk.recv(4096):
                        heard.extend(said)
                        if len(heard) > 36:  # a request for TLS is that long, and what follows is TLS
                            break

        listener = threading.Thread(target=listen)
        listener.start()
        server = replace(site.input, port=rogue.getsockname()[1], tls=Tls("INPUT_TLS", None))
        with pytest.raises(DatabaseError):
            async with connect(server):
                pass
        assert heard == b""
        with pytest.raises(DatabaseError):
            async with stream(server, "SELECT 1", ()):
                pass
        listener.join()
    assert heard and site.settings.input_user.encode() not in heard


async def test_encrypted_connections_to_a_server_that_is_busy_are_closed_at_once(encrypted: TestSite) -> None:
    def open_connections() -> int:
        port = encrypted.settings.input_port
        return sum(bool(its.raddr) and its.raddr.port == port for its in psutil.Process().net_connections("tcp"))

    async def read_stream() -> None:
        async with stream(encrypted.input, "SELECT SLEEP(20)", ()) as batches:
            await anext(batches)

    async def read_session() -> None:
        async with connect(encrypted.input) as session:
            await session.row("SELECT SLEEP(20)")

    for read in (read_stream, read_session):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read(), 0.5)
        await asyncio.sleep(0.1)
        assert open_connections() == 0


@pytest.mark.parametrize("setting", ["INPUT_TLS_CA", "OUTPUT_TLS_CA", "REDIS_TLS_CA"])
def test_a_ca_file_that_is_none_is_named_by_every_command(site: TestSite, setting: str, tmp_path: Path) -> None:
    (tmp_path / "nonsense.pem").write_text("-----BEGIN NONSENSE-----\n")
    for path, words in (("missing.pem", "No such file"), ("nonsense.pem", "no certificate"), (".", "cannot be read")):
        for command in (("list",), ("worker",), ("check",)):
            done = site.command(*command, **{setting: str(tmp_path / path)})
            said = done.stdout + done.stderr
            assert done.returncode == 1 and setting in said and words in said, said
            assert "Traceback" not in said


def test_settings_that_contradict_each_other_are_refused(
    encrypted: TestSite, secure: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidValue, match="REDIS_TLS_CA: REDIS_URL is without TLS"):
        redis_client(encrypted.settings.model_copy(update={"redis_url": SecretStr(secure.servers.redis_url)}))
    unverified = SecretStr(f"{secure.redis_url().get_secret_value()}?ssl_cert_reqs=none")
    with pytest.raises(InvalidValue, match="takes no ssl_ options"):
        redis_client(encrypted.settings.model_copy(update={"redis_url": unverified}))
    monkeypatch.setenv("INPUT_TLS", "perhaps")
    with pytest.raises(InvalidValue, match=r"INPUT_TLS: .*'off' or 'required'"):
        read_settings()


async def test_check_warns_of_hosts_elsewhere_without_tls(site: TestSite) -> None:
    async def warnings(**changes: object) -> list[Finding]:
        findings = [finding async for finding in check(site.with_settings(**changes))]
        return [finding for finding in findings if finding.subject == "tls" and finding.verdict == "warning"]

    assert await warnings() == []
    elsewhere = "0.0.0.0"  # leads here, but is no loopback address
    redis_url = SecretStr(site.servers.redis_url.replace("127.0.0.1", elsewhere))
    found = await warnings(input_host=elsewhere, output_host=elsewhere, redis_url=redis_url)
    assert [finding.advice.split(",")[0] for finding in found] == [
        "set INPUT_TLS=required",
        "set OUTPUT_TLS=required",
        "begin REDIS_URL with rediss://",
    ]


def test_a_tls_setting_reads_its_file_once() -> None:
    assert Tls("a", None).context() is Tls("b", None).context()
