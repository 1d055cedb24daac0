"""One private MariaDB and Redis for the whole run; a site with schemas of its own for each test."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.demo.servers import PrivateServers, private_servers
from tests.helpers.deployment import TestSite

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateServers]:
    options = ("--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=256M", "--skip-ssl")
    with private_servers(tmp_path_factory.mktemp("servers"), *options) as running:
        yield running


@pytest.fixture
def site(servers: PrivateServers, tmp_path: Path) -> TestSite:
    """A site whose accounts may do what README says, and no more. Its schemas have awkward names."""
    return TestSite(servers, tmp_path, number=next(_numbers))
