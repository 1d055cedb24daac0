"""Settings: malformed ones are named, secrets are never shown."""

import os
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr

from jobs.errors import InvalidValue
from jobs.queue.client import redis_client
from jobs.settings import Settings, read_settings
from jobs.tls import Tls

# It may have expired: a file of certificates is only read.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBXTCCAQSgAwIBAgIUIvAL5ur1sCK4MJ4tbA+a0zMRvaYwCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCY2EwHhcNMjYxMTI2MDcyNjQwWhcNMjYxMjI2MDcyNjQwWjAN
MQswCQYDVQQDDAJjYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBJdJpWRCe2u
q7hjLn9Hrt1KQovVLbhUqpI2FguHiqQU4JzEdFVusX7ut9u5zGD7oqFs9xcyrR2u
YsbeA++GPc6jQjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgIEMB0G
A1UdDgQWBBSeg3PCkru9eaq/jONGr/jnXF2luDAKBggqhkjOPQQDAgNHADBEAiAh
zMkd9zEuY+OwKTMj6zRk/ayIfOKcnVKiEnmMuRFooQIgAvKpp4WMY4ZNleNEl9wN
EiOJKPpwlG/08KL4yVScZ4c=
-----END CERTIFICATE-----
"""


def test_malformed_settings_are_named_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INPUT_PORT", "many")
    monkeypatch.setenv("COUNTDOWN", "-1")
    with pytest.raises(InvalidValue, match=r"INPUT_PORT: .*; COUNTDOWN: ") as caught:
        read_settings()
    assert "many" not in str(caught.value)


def test_a_malformed_option_is_named_as_the_option_not_as_the_setting_that_it_overrides() -> None:
    with pytest.raises(InvalidValue, match=r"^queue: expected 1 to 64 letters, digits, and \. - _$"):
        read_settings(queue="a b")
    with pytest.raises(InvalidValue, match=r"^queue: expected text in UTF-8$"):
        read_settings(queue="\udcff")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\n\n# comment\n\nINPUT_PASSWORD='hide me\nOUTPUT_PORT=1\n", 5),
        ('INPUT_PASSWORD="hide me\nOUTPUT_PASSWORD="secret"\n', 1),
        ("INPUT_PASSWORD='hide me\nOUTPUT_PASSWORD='\n", 1),
        ("export INPUT_USER=x\r\nthree words here\r\n", 2),
    ],
)
def test_a_malformed_line_of_the_env_file_is_named_and_nothing_is_printed(
    text: str,
    line: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / ".env").write_bytes(text.encode())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidValue, match=rf"\.env, line {line}: expected NAME=value; is a quote") as caught:
        read_settings()
    assert "hide me" not in str(caught.value)
    assert (*capfd.readouterr(), caplog.text) == ("", "", "")


def test_an_env_file_may_hold_quotes_comments_and_what_other_programs_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(
        "\ufeffINPUT_HOST=first\n# comment\n"
        "INPUT_PASSWORD='a \"b\\' # c' # comment\nexport OUTPUT_PORT=33\nEMPTY=\nNAME\n\n"
        "THEIR_KEY='-----BEGIN KEY-----\nabc\n-----END KEY-----'\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    settings = read_settings()
    assert settings.input_password.get_secret_value() == "a \"b' # c"
    assert (settings.input_host, settings.output_port) == ("first", 33)


def test_an_env_file_that_cannot_be_read_is_an_error_not_an_absent_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env_file = tmp_path / ".env"
    env_file.mkdir()
    with pytest.raises(InvalidValue, match=r"\.env cannot be read: Is a directory"):
        read_settings()
    env_file.rmdir()
    env_file.symlink_to("nowhere")
    with pytest.raises(InvalidValue, match=r"\.env cannot be read: No such file"):
        read_settings()
    env_file.unlink()
    env_file.write_text("INPUT_HOST=a", encoding="utf-16")
    with pytest.raises(InvalidValue, match=r"\.env is not UTF-8"):
        read_settings()


def test_an_env_file_may_be_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo(tmp_path / ".env")
    writer = threading.Thread(target=(tmp_path / ".env").write_text, args=("INPUT_HOST=piped\n",))
    writer.start()
    assert read_settings().input_host == "piped"
    writer.join()


def test_the_environment_overrides_the_env_file_unless_it_is_empty_whatever_the_case_of_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(
        "INPUT_HOST=a\ninput_user=b\nINPUT_TABLE=c\nQUEUE=d\nOUTPUT_HOST=\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("input_table", "e")
    monkeypatch.setenv("QUEUE", "f")
    monkeypatch.setenv("INPUT_USER", "")
    settings = read_settings(queue="g")
    assert (settings.input_host, settings.input_user, settings.input_table) == ("a", "b", "e")
    assert (settings.queue, settings.output_host) == ("g", "127.0.0.1")


def test_settings_hide_their_secrets() -> None:
    settings = Settings(output_password=SecretStr("hide me"))
    assert "hide me" not in repr(settings)
    assert "hide me" not in repr(settings.model_copy(update={"input_password": SecretStr("hide me")}))


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_text(CERTIFICATE)
    return tmp_path / "ca.pem"


def test_contradictory_tls_settings_are_refused(ca: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(redis_tls_ca=ca)
    with pytest.raises(InvalidValue, match="REDIS_TLS_CA: REDIS_URL is without TLS"):
        redis_client(settings.model_copy(update={"redis_url": SecretStr("redis://:x@127.0.0.1:1/0")}))
    unverified = SecretStr("rediss://:x@127.0.0.1:1/0?ssl_cert_reqs=none")
    with pytest.raises(InvalidValue, match="takes no ssl_ options"):
        redis_client(settings.model_copy(update={"redis_url": unverified}))
    monkeypatch.setenv("INPUT_TLS", "perhaps")
    with pytest.raises(InvalidValue, match="INPUT_TLS: expected off or required"):
        read_settings()


def test_a_ca_file_is_read_once() -> None:
    assert Tls("a", None).context() is Tls("b", None).context()
