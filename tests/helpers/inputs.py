"""Descriptions of input tables that no server has."""

from typing import Literal

from jobs.model.input_table import InputColumn, InputTable

IdKind = Literal["utf8", "integer", "decimal"]


def input_table(
    matched: str = "author", *, id_kind: IdKind = "integer", unique_id: bool = False, width: int | None = 20
) -> InputTable:
    """Return the description of a table whose texts have this width."""
    return InputTable(
        schema="posts",
        table="posts",
        id=InputColumn("id", id_kind, 22 if id_kind == "decimal" else width),
        s_id=InputColumn("s_id", "utf8", 8),
        author=InputColumn("author", "utf8", width),
        matched=InputColumn(matched, "utf8", width),
        key=None,
        time_index=None,
        time_decimals=0,
        time_zone=None,
        unique_id=unique_id,
    )
