"""Deployments that several files start from."""

import pytest

from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import PATTERNS, odd_posts, post


@pytest.fixture
def one_post(deployment: TestDeployment) -> TestDeployment:
    """A deployment with patterns and a single post, which gets a label."""
    deployment.write_patterns(PATTERNS)
    deployment.write_posts([post(1, "Annie", "2020-06-01 00:00:00")])
    return deployment


@pytest.fixture
def few_posts(deployment: TestDeployment) -> TestDeployment:
    """A deployment with patterns and 2,000 odd posts (seed 8)."""
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(2_000, seed=8))
    return deployment


@pytest.fixture
def many_posts(deployment: TestDeployment) -> TestDeployment:
    """A deployment with patterns and 30,000 odd posts (seed 7)."""
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(30_000, seed=7))
    return deployment
