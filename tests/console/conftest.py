"""Deployments and preferences for the tests of the console."""

from pathlib import Path

import pytest

from tests.helpers.deployment import TestDeployment
from tests.helpers.idle import patch_textual
from tests.helpers.posts import PATTERNS, post


@pytest.fixture(autouse=True)
def preferences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the preferences of each test to itself, and have a terminal of all colours."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLORTERM", "truecolor")


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Press keys as quickly as the console handles them."""
    patch_textual(monkeypatch)


@pytest.fixture
def ready(deployment: TestDeployment) -> TestDeployment:
    """A deployment with posts for two results, and one post without a label."""
    deployment.write_patterns(PATTERNS)
    posts = [post(number, "Annie", "2020-06-01 00:00:00") for number in range(5)]
    posts += [post(9, "志明", "2020-06-02 00:00:00", "WH_F0116"), post(10, "nobody", "2020-06-02 00:00:00")]
    deployment.write_posts(posts)
    return deployment
