"""The settings, read once from the environment and `.env` into one typed object.

No other module reads the environment. A variable of the environment wins over `.env`.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

import patterns
from jobs.errors import InvalidValue
from jobs.tls import read_certificates

ENV_FILE = Path(".env")
QUEUE_NAME = r"^[A-Za-z0-9_.-]{1,64}$"


def _with_certificates(path: Path) -> Path:
    try:
        read_certificates(path)
    except ValueError as error:
        raise PydanticCustomError("certificates", "{words}", {"words": str(error)}) from None
    return path


TlsChoice = Literal["off", "required"]
CaFile = Annotated[Path, AfterValidator(_with_certificates)]


class Settings(BaseSettings):
    """Every setting, under the name of its variable in lower case."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    input_host: str = "127.0.0.1"
    """Server of the posts. Only read."""
    input_port: int = Field(default=3306, ge=1, le=65535)
    input_user: str = ""
    input_password: SecretStr = SecretStr("")
    input_tls: TlsChoice = "off"
    """`required`: no word to the server but encrypted, and only where its certificate is good for its name."""
    input_tls_ca: CaFile | None = None
    """PEM file of the CA that signed the server's certificate; TLS is then required. None: the system's CAs."""
    input_schema: str = ""
    """Default of `target_schema`."""
    input_table: str = "ts_page_content"
    """Default of `target_table`."""

    output_host: str = "127.0.0.1"
    """Server of the state and result tables."""
    output_port: int = Field(default=3306, ge=1, le=65535)
    output_user: str = ""
    output_password: SecretStr = SecretStr("")
    output_tls: TlsChoice = "off"
    """As `input_tls`."""
    output_tls_ca: CaFile | None = None
    """As `input_tls_ca`."""
    output_schema: str = "audience_result"
    """Default of `output_schema`, and the schema where tasks are looked for first."""

    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    """`redis://<user>:<password>@<host>:<port>/<database>`; reserved characters of a password %-encoded.

    With `rediss://` TLS is required, as `input_tls` says.
    """
    redis_tls_ca: CaFile | None = None
    """As `input_tls_ca`, for a `rediss://` URL."""

    patterns_dir: Path = Path(patterns.__file__).parent
    """Folder of the pattern files; by default those that come with the project."""
    sources_file: Path = Path(__file__).parent / "sources.toml"
    """TOML file that maps sources to results; by default the one that comes with the project."""

    queue: str = Field(default="queue1", pattern=QUEUE_NAME)
    """Default queue of new tasks and of workers."""
    countdown: int = Field(default=5, ge=0)
    """Default seconds between the label job and the production job."""
    window_rows: int = Field(default=600_000, ge=1)
    """About how many rows of a large task make a window: what a worker does anew when it was killed in it."""


def read_settings(**given: Any) -> Settings:
    """The settings of this process, but for those given. Raises InvalidValue naming each that is wrong."""
    try:
        return Settings(**given)
    except ValidationError as error:
        faults = "; ".join(f"{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors())
        raise InvalidValue(f"settings: {faults}; correct .env or the environment") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(f"settings: {ENV_FILE} cannot be read: {error}") from None
