"""Reads untrusted text files: of bounded size, and never waiting for a pipe or a device."""

import os
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

# 64 MB hold about three million keywords. A larger file is there by mistake.
MAX_FILE_BYTES = 64 * 2**20


class TextFileError(Exception):
    """A file that cannot be used. `line` counts from 1, and is None if no line is at fault."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file without its BOM. Raises TextFileError."""
    try:
        data = _read_bytes(path)
    except OSError as error:
        raise TextFileError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # not a possible path
        raise TextFileError(f"cannot be read: {error}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TextFileError(f"not UTF-8 (byte 0x{data[error.start]:02x})", line) from error


def parse_toml(text: str) -> dict[str, Any]:
    """Parse a TOML text. Raises TextFileError."""
    try:
        return tomllib.loads(text)
    except ValueError as error:  # also for numbers that Python rejects
        raise TextFileError(shortened(str(error))) from error
    except RecursionError as error:
        raise TextFileError("brackets are nested too deeply") from error


def shortened(text: str) -> str:
    """Return a text for a message, truncated if it is long."""
    return text if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}... ({len(text):,} characters)"


_MAX_QUOTED = 200


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file. Raises TextFileError for anything else of this name, and what `open` raises."""
    # Without O_NONBLOCK, opening a pipe waits for a writer.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if stat.S_ISDIR(os.fstat(file.fileno()).st_mode):
            raise TextFileError("is a directory")
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise TextFileError("is not a regular file, but a pipe, a device or a socket")
        yield file


def _read_bytes(path: Path) -> bytes:
    with open_regular(path) as file:
        data = file.read(MAX_FILE_BYTES + 1)  # its reported size may be wrong
    if len(data) > MAX_FILE_BYTES:
        raise TextFileError(f"larger than {MAX_FILE_BYTES:,} bytes, the maximum")
    return data
