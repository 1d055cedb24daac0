"""The settings: read once, from the environment and `.env`, into one typed object.

No other module reads the environment. An environment variable overrides `.env`.
"""

import os
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

import patterns
from jobs.errors import InvalidValue
from jobs.tls import read_certificates

ENV_FILE = Path(".env")
_TOKEN_CHARACTERS = 16
MOST_COUNTDOWN = 30 * 86_400
QUEUE_NAME = r"^[A-Za-z0-9_.-]{1,64}$"


def _readable_certificates(path: Path) -> Path:
    try:
        read_certificates(path)
    except ValueError as error:
        raise PydanticCustomError("certificates", "{reason}", {"reason": str(error)}) from None
    return path


def _web_address(url: SecretStr) -> SecretStr:
    """Return a URL that can be posted to. The error does not quote it: all but its host is secret."""
    text = url.get_secret_value()
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if text and not (usable and text.isascii() and text.isprintable() and " " not in text):
        raise PydanticCustomError("url", "expected https://<host>/<path>, with special characters %-encoded")
    return url


def _long_enough(token: SecretStr) -> SecretStr:
    if len(token) < _TOKEN_CHARACTERS:
        raise PydanticCustomError("token", f"expected {_TOKEN_CHARACTERS} characters or more")
    return token


TlsChoice = Literal["off", "required"]
CaFile = Annotated[Path, AfterValidator(_readable_certificates)]


class Settings(BaseModel):
    """Every setting, named after its environment variable in lower case."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    deployment: str = Field(default="default", pattern=QUEUE_NAME)
    """The name of this deployment: one input server and one output server. Workers take only its tasks."""

    input_host: str = "127.0.0.1"
    """Server of the posts; read only."""
    input_port: int = Field(default=3306, ge=1, le=65535)
    input_user: str = ""
    input_password: SecretStr = SecretStr("")
    input_tls: TlsChoice = "off"
    """`required`: connect only over TLS, to a server whose certificate matches its name."""
    input_tls_ca: CaFile | None = None
    """PEM file of the CA that signed the server's certificate, which makes TLS required. None: the system's CAs."""
    input_schema: str = ""
    """Default of `target_schema`."""
    input_table: str = "ts_page_content"
    """Default of `target_table`."""
    input_time_zone: str = Field(default="+00:00", pattern=r"^[+-](0\d|1[0-4]):[0-5]\d$")
    """The zone, as an offset from UTC, of the times in a `post_time` that is a TIMESTAMP. A DATETIME has none."""

    output_host: str = "127.0.0.1"
    """Server of the state and result tables."""
    output_port: int = Field(default=3306, ge=1, le=65535)
    output_user: str = ""
    output_password: SecretStr = SecretStr("")
    output_tls: TlsChoice = "off"
    """Like `input_tls`."""
    output_tls_ca: CaFile | None = None
    """Like `input_tls_ca`."""
    output_schema: str = "audience_result"
    """Default of `output_schema`, and the schema searched first for a task."""

    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    """`redis://<user>:<password>@<host>:<port>/<database>`, with reserved characters of a password %-encoded.

    `rediss://` requires TLS, as `input_tls` does.
    """
    redis_tls_ca: CaFile | None = None
    """Like `input_tls_ca`, for a `rediss://` URL."""

    serve_token: Annotated[SecretStr, AfterValidator(_long_enough)] | None = None
    """The token that visitors of `audience serve` must enter. Without one, it serves this machine only."""

    patterns_dir: Path = Path(patterns.__file__).parent
    """Folder of the pattern files. Default: the project's own."""
    sources_file: Path = Path(__file__).parent / "sources.toml"
    """TOML file that maps sources to results. Default: the project's own."""

    queue: str = Field(default="queue1", pattern=QUEUE_NAME)
    """Default queue of new tasks and of workers."""
    countdown: int = Field(default=5, ge=0, le=MOST_COUNTDOWN)
    """Default seconds between the label job and the production job."""
    window_rows: int = Field(default=600_000, ge=1)
    """The most rows that a window should have: the work that a killed worker loses."""

    label_rows_days: int = Field(default=7, ge=0, le=36_500)
    """Workers delete the label rows, windows, units and hashes of tasks that ended this many days ago. 0: never."""

    notify_url: Annotated[SecretStr, AfterValidator(_web_address)] = SecretStr("")
    """Where alerts are posted to, as JSON. Secret, except for its host. Empty: there are no alerts."""
    notify_on: Literal["failure", "all"] = "failure"
    """`failure`: a task fails, or a schedule cannot fire. `all`: also when a task finishes."""


def read_settings(**overrides: Any) -> Settings:
    """Read the settings of this process, and what a command's options override.

    Raises InvalidValue that names each malformed option, or else each malformed setting, or a malformed line.
    """
    try:
        return Settings(**(_given_values() | overrides))
    except ValidationError as error:
        faults = {str(fault["loc"][0]): fault_words(fault) for fault in error.errors()}
        if options := [f"{name}: {words}" for name, words in faults.items() if name in overrides]:
            raise InvalidValue("; ".join(options)) from None
        settings = "; ".join(f"{name.upper()}: {words}" for name, words in faults.items())
        raise InvalidValue(f"settings: {settings}; correct .env or the environment") from None
    except UnicodeDecodeError:
        raise InvalidValue(f"settings: {ENV_FILE} is not UTF-8; save it in that encoding") from None
    except OSError as error:
        raise InvalidValue(f"settings: {ENV_FILE} cannot be read: {error.strerror}") from None


def fault_words(fault: ErrorDetails) -> str:
    """Return in words what is wrong with a value, without the value, which may be secret."""
    limits = fault.get("ctx", {})
    match fault["type"]:
        case "literal_error":
            return "expected " + str(limits["expected"]).replace("'", "")
        case "string_pattern_mismatch" if limits["pattern"] == QUEUE_NAME:
            return "expected 1 to 64 letters, digits, and . - _"
        case "greater_than_equal":
            return f"expected {limits['ge']:,} or more"
        case "less_than_equal":
            return f"expected {limits['le']:,} or less"
        case "string_unicode":
            return "expected text in UTF-8"
        case "int_parsing" | "int_type" | "int_from_float":
            return "expected a whole number"
        case "string_too_long":
            return f"expected {limits['max_length']:,} characters or fewer"
    return fault["msg"].removeprefix("Value error, ")


def _given_values() -> dict[str, Any]:
    """Return what `.env` and the environment set, by the names of the settings. An empty value sets nothing."""
    # pydantic-settings does the same with 23 modules more, and every command would wait for their import.
    # Docker makes a folder of a file that is to be mounted, but is not there: an error, as for a link to nothing.
    in_file = _read_env_file(ENV_FILE) if os.path.lexists(ENV_FILE) else {}
    return {
        name.lower(): value
        for source in (in_file, os.environ)
        for name, value in source.items()
        if value and name.lower() in Settings.model_fields
    }


def _read_env_file(path: Path) -> Mapping[str, str | None]:
    """Return what a file sets. Raises InvalidValue for a malformed line, which python-dotenv would ignore."""
    from dotenv import dotenv_values  # in a container there may be no such file
    from dotenv.parser import parse_stream

    text = path.read_text(encoding="utf-8-sig")  # once: it may be a pipe
    for binding in parse_stream(StringIO(text)):
        statement = binding.original.string.lstrip()
        blank = binding.original.string.removesuffix(statement)
        # A quote that is not closed may take in the lines up to the next quote.
        goes_on = (binding.key or "").lower() in Settings.model_fields and "\n" in statement.rstrip()
        if binding.error or goes_on:
            line = binding.original.line + blank.count("\n")
            raise InvalidValue(f"settings: {path}, line {line}: expected NAME=value; is a quote not closed?")
    return dotenv_values(stream=StringIO(text))
