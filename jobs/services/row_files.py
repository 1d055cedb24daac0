"""Files with production rows: CSV, JSON Lines and Parquet, whole or not there at all."""

import gzip
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from enum import StrEnum
from json.encoder import encode_basestring
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, cast

from jobs.errors import CannotWrite, InvalidValue
from jobs.storage.production import COLUMNS

# A spreadsheet takes a cell that begins with one of these signs for a formula, some also after blanks or
# with the full-width signs of Han texts. A leading tab or line end moves what follows into another cell.
_FORMULA = re.compile(r"[\t\r\n]|[\s\x00-\x1f\ufeff\u200b]*[=+\-@＝＋－﹣−＠]")

# What a cell that is no formula never begins with.
_FORMULA_START = re.compile(r"[\s\x00-\x1f\ufeff\u200b=+\-@＝＋－﹣−＠]")
_FIRST = itemgetter(slice(1))
_QUOTE = '"'
_QUOTED = re.compile(r'[",\r\n]')

_TIME = COLUMNS.index("create_time")
_JSON_LINE = "{" + ", ".join(f'"{name}": %s' for name in COLUMNS) + "}\n"

# What a row group of a Parquet file has at most, in rows and in bytes before compression.
_GROUP_ROWS = 100_000
_GROUP_BYTES = 16_000_000

_COMPRESSION = 6  # gzip's own default; Python's, 9, takes three times as long for files 1% smaller

Rows = Sequence[Sequence[Any]]
"""Production rows: the values of each, in the order of COLUMNS. Times may be texts."""

WriteRows = Callable[[Rows], None]


class RowFormat(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def format_of(path: Path, default: RowFormat | None = None) -> RowFormat:
    """Return the format that a file's name asks for. Raises InvalidValue if it asks for none and there is no default.

    `.gz` after the format compresses.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    suffix = suffixes[-1].removeprefix(".") if suffixes else ""
    if suffix in RowFormat.__members__.values():
        return RowFormat(suffix)
    if default is None:
        raise InvalidValue("the name must end in .csv, .jsonl or .parquet, the first two perhaps with .gz")
    return default


@dataclass(frozen=True)
class RowFile:
    """An open file of rows."""

    write: WriteRows
    sync: Callable[[], None]
    """Wait until what was written is on disk: seconds, after gigabytes."""


@contextmanager
def row_file(path: Path, row_format: RowFormat, *, overwrite: bool = False) -> Iterator[RowFile]:
    """Open a file to write rows to. It appears under its name when the block ends, and not at all if the block raises.

    Raises InvalidValue for a format that is not possible, and CannotWrite.
    """
    compressed = path.suffix.lower() == ".gz"
    if compressed and row_format is RowFormat.PARQUET:
        raise InvalidValue("Parquet files are compressed already; choose a name without .gz")
    check_format(row_format)
    try:
        with _whole_file(path, overwrite) as file:
            # Without a name and a time in its header, the same rows give the same file.
            packed = gzip.GzipFile("", "wb", _COMPRESSION, file, mtime=0) if compressed else nullcontext(file)
            with cast("AbstractContextManager[IO[bytes]]", packed) as inner, row_writer(inner, row_format) as write:
                yield RowFile(write, lambda: _sync(file))
    except FileExistsError:
        raise CannotWrite(f"not saved: {path} exists; choose another name") from None
    except OSError as error:
        raise CannotWrite(f"not saved: {path}: {error.strerror or error}") from error


@contextmanager
def _whole_file(path: Path, overwrite: bool) -> Iterator[IO[bytes]]:
    """Open a file beside its place, under a name of its own, that is moved there when it is complete and on disk."""
    path = path.resolve()
    if path.exists() and not path.is_file():  # renaming would replace a device by a file
        raise OSError("is not a file")
    if path.exists() and not overwrite:
        raise FileExistsError(path)
    part = path.with_name(f".{path.name[:60]}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            if path.exists():  # whoever could not read the file that is replaced cannot read this one
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            yield file
            _sync(file)
        _rename(part, path, overwrite)
    finally:
        part.unlink(missing_ok=True)
    with suppress(OSError):  # not every file system can do this for a folder
        _sync_folder(path.parent)


@contextmanager
def row_writer(file: IO[bytes], row_format: RowFormat) -> Iterator[WriteRows]:
    """Yield what writes rows to an open file. The file is complete when the block has ended."""
    match row_format:
        case RowFormat.CSV:
            file.write(_csv([COLUMNS]))
            yield lambda rows: _write(file, _csv(rows))
        case RowFormat.JSONL:
            yield lambda rows: _write(file, _json_lines(rows))
        case RowFormat.PARQUET:
            with _parquet_writer(file) as write:
                yield write


def check_format(row_format: RowFormat) -> None:
    """Raise InvalidValue if a format needs a package that is missing."""
    if row_format is RowFormat.PARQUET:
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise InvalidValue(
                "parquet needs the package pyarrow: pip install 'audience-console[parquet]'; or choose csv or jsonl"
            ) from error


def formula_safe(value: str) -> str:
    """Return the value, with a leading quote if a spreadsheet would calculate it."""
    return f"'{value}" if _FORMULA.match(value) else value


def _write(file: IO[bytes], data: bytes) -> None:
    file.write(data)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _rename(part: Path, path: Path, overwrite: bool) -> None:
    if not overwrite:
        try:
            os.link(part, path)  # unlike a rename, refuses to replace a file that has appeared meanwhile
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if path.exists():
                raise FileExistsError(path) from None
        else:
            return
    part.replace(path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _csv(rows: Rows) -> bytes:
    """Return rows as csv.writer writes them, in half its time: column by column, few cells need a second look."""
    columns = [_csv_cells(column) for column in _columns(rows)]
    return "".join([f"{','.join(row)}\r\n" for row in zip(*columns, strict=True)]).encode()


def _csv_cells(column: Sequence[str | None]) -> Sequence[str]:
    texts = ["" if text is None else text for text in column] if None in column else cast("Sequence[str]", column)
    if any(map(_FORMULA_START.match, set(map(_FIRST, texts)))):
        texts = [formula_safe(text) for text in texts]
    if _QUOTED.search("".join(texts)):
        texts = [f'"{text.replace(_QUOTE, _QUOTE * 2)}"' if _QUOTED.search(text) else text for text in texts]
    return texts


def _json_lines(rows: Rows) -> bytes:
    """Return rows as json.dumps writes them, in a third of its time."""
    columns = [
        ["null" if text is None else encode_basestring(text) for text in column]
        if None in column
        else list(map(encode_basestring, cast("Sequence[str]", column)))
        for column in _columns(rows)
    ]
    columns[_TIME] = [time.replace(" ", "T") for time in columns[_TIME]]
    return "".join([_JSON_LINE % row for row in zip(*columns, strict=True)]).encode()


@contextmanager
def _parquet_writer(file: IO[bytes]) -> Iterator[WriteRows]:
    import pyarrow as arrow
    from pyarrow.parquet import ParquetWriter

    types = {name: arrow.timestamp("us") if name == "create_time" else arrow.string() for name in COLUMNS}
    schema = arrow.schema(list(types.items()))
    batches: list[Any] = []

    def array(name: str, column: Sequence[str | None]) -> Any:
        try:
            return arrow.array(column, arrow.string()).cast(types[name])
        except arrow.ArrowInvalid as error:
            raise InvalidValue(
                f"{name}: {error}; no Parquet file can hold that, so choose csv or jsonl", {"format": "parquet"}
            ) from error

    def write(rows: Rows) -> None:
        columns = zip(COLUMNS, _columns(rows), strict=True)
        batches.append(arrow.record_batch([array(*column) for column in columns], schema=schema))
        if sum(map(len, batches)) >= _GROUP_ROWS or sum(batch.nbytes for batch in batches) >= _GROUP_BYTES:
            flush()

    def flush() -> None:
        if batches:
            writer.write_table(arrow.Table.from_batches(batches))
            batches.clear()

    with ParquetWriter(file, schema, compression="zstd") as writer:
        yield write
        flush()


def _columns(rows: Rows) -> list[Sequence[str | None]]:
    """Return the columns of rows, as texts. Tables of v2.1 may have numbers."""
    return [
        column
        if set(map(type, column)) <= {str}
        else [value if value is None or isinstance(value, str) else str(value) for value in column]
        for column in zip(*rows, strict=True)
    ]
