"""The SQL of the label tables, one a result: what the label job writes and production reads.

Beside the seed's seven columns, `votes` (how many rows of the window matched) and `rule` (the
pattern that decided). A row's window is not kept: windows share no post, so no two have the same row.
A window with more authors than a worker holds makes rows for each of its parts.
"""

from collections.abc import Iterable

from jobs.model.definition import Definition
from jobs.model.tally import LabelRow
from jobs.storage.connection import Session, quote
from jobs.storage.schema import Column, ensure_table
from patterns.files import MAX_LABEL_LENGTH

PANEL_WIDTH = MAX_LABEL_LENGTH + 1


def mapping_columns(definition: Definition) -> list[Column]:
    """The seed's seven columns, as wide as the task's input needs them."""
    its = definition.input
    return [
        Column("id", "text", its.id_width, "NOT NULL"),
        Column("task_id", "text", 32, "NOT NULL"),
        Column("source_author", "text", its.source_author_width, "NOT NULL"),
        Column("panel", "text", PANEL_WIDTH, "NOT NULL"),
        Column("create_time", "time", its.time_decimals, "NOT NULL"),
        Column("field_content", "text", its.s_id_width, "NOT NULL"),
        Column("match_content", "text", its.text_width, "NOT NULL"),
    ]


async def ensure(session: Session, schema: str, results: Iterable[str], definition: Definition) -> None:
    """Makes the label tables of these results ready for the rows of a task."""
    columns = [
        *mapping_columns(definition),
        Column("votes", "integer", suffix="NOT NULL DEFAULT 1"),
        Column("rule", "text", max(definition.rule_width, 255)),
    ]
    for result in results:
        await ensure_table(session, schema, result, columns)


async def insert(session: Session, schema: str, result: str, task_id: str, rows: Iterable[LabelRow]) -> None:
    """Adds label rows of a task."""
    await session.insert_many(
        f"INSERT INTO {quote(schema, result)} (task_id, id, source_author, panel, create_time,"
        " field_content, match_content, votes, rule)",
        ((task_id, *row) for row in rows),
    )
