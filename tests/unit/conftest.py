import pytest


@pytest.fixture(scope="session")
def servers() -> None:
    pytest.fail("a unit test runs without servers; a test that needs them belongs in tests/integration")
