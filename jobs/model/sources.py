"""The sources file: which results, and so which tables, the rows of a source go to."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from jobs.errors import UnreadablePatterns
from patterns.text_file import TextFileError, parse_toml, read_text, shortened

# With the prefix "wh_panel_mapping_" a name must fit MariaDB's 64 characters.
_RESULT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,46}")
# Each result has two tables, and a place in columns of the state table that hold 65,535 characters.
MAX_RESULTS = 1_000
_RESERVED = re.compile(r"state|alert|(wh_panel_mapping|task)_.*", re.IGNORECASE)


@dataclass(frozen=True)
class Sources:
    """The mapping in a sources file, frozen."""

    default: str
    results: Mapping[str, tuple[str, ...]]
    """Result names by source id."""

    @property
    def names(self) -> list[str]:
        """Every result that rows may go to, sorted."""
        return sorted({self.default, *chain.from_iterable(self.results.values())})

    def results_of(self, source: str) -> tuple[str, ...]:
        """Return the results of a source id: only the default if the file does not name it."""
        return self.results.get(source, (self.default,))

    def to_json(self) -> bytes:
        """Return the form stored with a task."""
        return json.dumps({"default": self.default, "results": dict(self.results)}, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Sources":
        """Invert `to_json`."""
        content = json.loads(data)
        return cls(content["default"], {source: tuple(names) for source, names in content["results"].items()})


def production_table(result: str) -> str:
    """Return the name of a result's production table. Its label table has the name of the result."""
    return f"wh_panel_mapping_{result}"


def read_sources(path: Path) -> Sources:
    """Read and validate a sources file. Raises UnreadablePatterns with file and line."""
    try:
        text = read_text(path)
        content = parse_toml(text)
    except TextFileError as error:
        place = f"{path}, line {error.line}" if error.line else str(path)
        raise UnreadablePatterns(f"sources file {place}: {error}; see SOURCES_FILE") from error
    try:
        return _sources(content)
    except _Fault as fault:
        line = _line_of(text, fault)
        place = f"{path}, line {line}" if line else str(path)
        raise UnreadablePatterns(f"sources file {place}: {fault}") from None


class _Fault(Exception):
    """A fault at the line of the entry `key`."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.pattern = rf"^\s*\[?[\"']?{re.escape(key)}[\"']?\s*[=\]]"


def _sources(content: dict[str, Any]) -> Sources:
    default = content.pop("default", "other")
    tables = content.pop("results", {})
    for key in content:
        raise _Fault(f"unknown entry {shortened(repr(key))}; expected default and [results]", key)
    if not isinstance(default, str):
        raise _Fault("default must be a name in quotes", "default")
    if not isinstance(tables, dict):
        raise _Fault("results must be a table: [results]", "results")
    if len(tables) > MAX_RESULTS:
        raise _Fault(f"{len(tables):,} results; the maximum is {MAX_RESULTS:,}", "results")
    _check_name(default, "default")
    results: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    names = {default.lower(): default}
    for name, sources in tables.items():
        _check_name(name, name)
        twin = names.setdefault(name.lower(), name)
        if twin != name:  # the same table on a server that folds the case of table names
            raise _Fault(f"{name!r} differs from {twin!r} only by case; choose another name", name)
        if not isinstance(sources, list) or not all(isinstance(source, str) for source in sources):
            raise _Fault(f'{name} must be a list of source ids: {name} = ["WH_F0001"]', name)
        for source in dict.fromkeys(sources):
            results[source] += (name,)
    return Sources(default, dict(results))


def _check_name(name: str, key: str) -> None:
    if not _RESULT_NAME.fullmatch(name):
        raise _Fault(
            f"{shortened(repr(name))} is not an identifier: at most 47 letters, digits and _, no leading digit",
            key,
        )
    if _RESERVED.fullmatch(name):
        raise _Fault(f"{name!r} is reserved for internal tables; choose another name", key)


def _line_of(text: str, fault: _Fault) -> int | None:
    """Return the line of a fault, from 1. Comments do not count."""
    for number, line in enumerate(text.split("\n"), start=1):
        if re.search(fault.pattern, line.partition("#")[0]):
            return number
    return None
