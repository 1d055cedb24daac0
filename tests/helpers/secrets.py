"""Passwords that are odd in every notation, and the search for them."""

import json
from collections.abc import Iterator
from urllib.parse import quote as percent_encoded

from tests.helpers.deployment import PASSWORD, TestDeployment

# Each has characters that are special in URLs, SQL, shells and logs. None occurs elsewhere.
INPUT_PASSWORD = f"in-{PASSWORD}"
OUTPUT_PASSWORD = f"out-{PASSWORD}"
REDIS_PASSWORD = f"redis-{PASSWORD}".replace(" ", "")  # configuration lines and ACL rules allow no blank
WRONG_PASSWORD = f"wrong-{PASSWORD}"
REDIS_USER = "odd"


def redis_url(deployment: TestDeployment, password: str, port: int | None = None) -> str:
    """Return the URL of the account with the odd password."""
    return (
        f"redis://{REDIS_USER}:{percent_encoded(password, safe='')}@127.0.0.1:{port or deployment.servers.redis_port}/0"
    )


def assert_no_secret(deployment: TestDeployment, text: str | bytes, where: str) -> None:
    """Assert that no password and no Redis URL occurs in a text, in any notation."""
    found = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    secrets = (PASSWORD, REDIS_PASSWORD.removeprefix("redis-"), *deployment.servers.passwords.values())
    for secret in secrets:
        for notation in _notations(secret):
            assert notation not in found, f"{notation!r} is in {where}"
    for url in (deployment.settings.redis_url.get_secret_value(), deployment.servers.redis_url):
        assert url.encode() not in found, f"REDIS_URL is in {where}"


def _notations(secret: str) -> Iterator[bytes]:
    """The secret as it is, and as it looks in a URL, in JSON, in a repr, in SQL and in a wrong encoding."""
    yield secret.encode()
    yield percent_encoded(secret, safe="").encode()
    yield percent_encoded(secret).encode()
    yield json.dumps(secret)[1:-1].encode()
    yield repr(secret)[1:-1].encode()
    yield repr(secret.encode())[2:-1].encode()
    yield secret.replace("\\", "\\\\").replace("'", "\\'").encode()
    yield secret.encode().decode("latin-1").encode()
