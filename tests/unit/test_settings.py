"""Settings: malformed ones are named, secrets are never shown."""

from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr

from jobs.errors import InvalidValue
from jobs.queue.client import redis_client
from jobs.settings import Settings, read_settings
from jobs.tls import Tls


def test_malformed_settings_are_named_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INPUT_PORT", "many")
    monkeypatch.setenv("COUNTDOWN", "-1")
    with pytest.raises(InvalidValue, match=r"INPUT_PORT: .*; COUNTDOWN: ") as caught:
        read_settings()
    assert "many" not in str(caught.value)


def test_settings_hide_their_secrets() -> None:
    settings = Settings(_env_file=None, output_password=SecretStr("hide me"))  # type: ignore[call-arg]
    assert "hide me" not in repr(settings)
    assert "hide me" not in repr(settings.model_copy(update={"input_password": SecretStr("hide me")}))


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def test_contradictory_tls_settings_are_refused(ca: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(_env_file=None, redis_tls_ca=ca)  # type: ignore[call-arg]
    with pytest.raises(InvalidValue, match="REDIS_TLS_CA: REDIS_URL is without TLS"):
        redis_client(settings.model_copy(update={"redis_url": SecretStr("redis://:x@127.0.0.1:1/0")}))
    unverified = SecretStr("rediss://:x@127.0.0.1:1/0?ssl_cert_reqs=none")
    with pytest.raises(InvalidValue, match="takes no ssl_ options"):
        redis_client(settings.model_copy(update={"redis_url": unverified}))
    monkeypatch.setenv("INPUT_TLS", "perhaps")
    with pytest.raises(InvalidValue, match=r"INPUT_TLS: .*'off' or 'required'"):
        read_settings()


def test_a_ca_file_is_read_once() -> None:
    assert Tls("a", None).context() is Tls("b", None).context()
