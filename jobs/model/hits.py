"""Hits: how many rows and authors each pattern of a task decided about."""

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ResultHits:
    """What the patterns of a task decided for one result. Patterns are numbered in deciding order, from 0."""

    rows: Mapping[int, int]
    """The rows that a pattern decided about."""
    authors: Mapping[int, int]
    """The authors of these rows. An author of whose rows several patterns decided counts for each."""
    panel_authors: Mapping[str, int]
    """The authors of the rows that got a label, by label. An author counts for each of several labels."""

    def to_json(self) -> bytes:
        """Return the form stored with a task."""
        patterns = [[number, rows, self.authors[number]] for number, rows in sorted(self.rows.items())]
        return json.dumps({"patterns": patterns, "panels": dict(self.panel_authors)}, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "ResultHits":
        """Invert `to_json`."""
        content = json.loads(data)
        return cls(
            {number: rows for number, rows, _ in content["patterns"]},
            {number: authors for number, _, authors in content["patterns"]},
            content["panels"],
        )
