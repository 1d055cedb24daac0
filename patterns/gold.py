"""Gold files: texts with the labels that they should get, read strictly and in flat memory."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from patterns.files import MAX_LABEL_LENGTH
from patterns.text_file import TextFileError, open_regular, shortened

# With more labels, another column is taken for the labels.
MAX_LABELS = 1_000
MAX_LINE_CHARACTERS = 1_000_000
_MAX_NAMED = 1_000

_NOT_UTF8 = re.compile("[\udc80-\udcff]")


class GoldFileError(Exception):
    """A gold file that cannot be used."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of a gold file that is left out, and why."""

    line: int
    message: str


class GoldFile:
    """An open gold file: iterates over (line, text, label) of its lines. The label "" says that none is right.

    `bad` holds the first bad lines, and `bad_count` the number of all, of what has been read so far.
    """

    def __init__(self, path: Path, file: io.TextIOBase) -> None:
        """Raises GoldFileError unless the file begins with a header that names text and label."""
        self.bad: list[BadLine] = []
        self.bad_count = 0
        self._path = path
        csv.field_size_limit(MAX_LINE_CHARACTERS)
        self._reader = csv.reader(self._lines(file), strict=True)
        _, self._header = next(self._rows(), (1, []))
        names = [name.strip().lower() for name in self._header]
        if names.count("text") != 1 or names.count("label") != 1:
            found = shortened(", ".join(map(repr, self._header))) or "nothing"
            raise GoldFileError(f"{path}: the first line must name the columns text and label; it has {found}")
        self._text, self._label = names.index("text"), names.index("label")

    def __iter__(self) -> Iterator[tuple[int, str, str]]:
        """Yield the lines. Raises GoldFileError if the file turns out not to be a gold file."""
        width, text_column, label_column = len(self._header), self._text, self._label
        labels: dict[str, str] = {}
        for number, row in self._rows():
            if len(row) != width:
                if row:  # not just an empty line
                    self._leave_out(
                        number, f"expected {width} columns, not {len(row)}; put a text with a comma in quotes"
                    )
                continue
            text, given = row[text_column], row[label_column]
            label = labels.get(given)
            if label is None:
                label = given.strip().removeprefix("/")
                if len(label) > MAX_LABEL_LENGTH or not label.isprintable():
                    self._leave_out(number, f"no label: {shortened(repr(given))}")
                    continue
                if len(labels) == MAX_LABELS:
                    raise GoldFileError(f"{self._path}: more than {MAX_LABELS:,} labels; is label the right column?")
                labels[given] = label
            if not text.isascii() and _NOT_UTF8.search(text):
                self._leave_out(number, "not UTF-8")
                continue
            yield number, text, label

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows of the file with the lines that they begin at, without those that are not CSV."""
        while True:
            line = self._reader.line_num + 1
            try:
                yield line, next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                self._leave_out(line, f"not CSV ({error}); write a quote within quotes twice")

    def _leave_out(self, line: int, message: str) -> None:
        self.bad_count += 1
        if len(self.bad) < _MAX_NAMED:
            self.bad.append(BadLine(line, message))

    def _lines(self, file: io.TextIOBase) -> Iterator[str]:
        number = 0
        while line := self._read_line(file):
            number += 1
            if len(line) == MAX_LINE_CHARACTERS:
                raise GoldFileError(f"{self._path}, line {number}: longer than {MAX_LINE_CHARACTERS:,} characters")
            yield line

    def _read_line(self, file: io.TextIOBase) -> str:
        try:
            return file.readline(MAX_LINE_CHARACTERS)
        except OSError as error:
            raise GoldFileError(f"{self._path}: cannot be read: {error.strerror or error}") from error


@contextmanager
def open_gold_file(path: Path) -> Iterator[GoldFile]:
    """Open a gold file: CSV in UTF-8 with the columns text and label, in any order, among others.

    Raises GoldFileError.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open_regular(path))
        except TextFileError as error:
            raise GoldFileError(f"{path}: {error}") from error
        except (OSError, ValueError) as error:  # ValueError: not a possible path
            reason = error.strerror if isinstance(error, OSError) else None
            raise GoldFileError(f"{path}: cannot be read: {reason or error}") from error
        yield GoldFile(path, io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline=""))
