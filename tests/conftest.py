"""Fixtures for every test: private servers for each test process, and a fresh deployment for each test."""

import itertools
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from console.demo.servers import PrivateServers, private_servers
from tests.helpers.deployment import TestDeployment

_numbers = itertools.count(1)

# In what a shell runs in the background, SIGINT is ignored. The commands that tests interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Other tests run at the same time, so a slow example means nothing.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@pytest.fixture(scope="session", autouse=True)
def temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the programs that this process starts a temporary folder of their own.

    mariadb-install-db removes temporary tables that it finds there, even if another one is using them.
    """
    tempfile.gettempdir()  # Python's own stays as it is, because the path of a socket must be short
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("tmp")))
        yield


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateServers]:
    """A private MariaDB and Redis. Each pytest-xdist worker has its own pair, so that no test sees another's."""
    options = ("--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=256M", "--skip-ssl")
    with private_servers(tmp_path_factory.mktemp("servers"), *options) as running:
        yield running


@pytest.fixture
def deployment(servers: PrivateServers, tmp_path: Path) -> TestDeployment:
    """A deployment whose accounts have the documented rights and no others. Its schemas have awkward names."""
    return TestDeployment(servers, tmp_path, number=next(_numbers))
