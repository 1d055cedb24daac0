"""The label tables, one a result: the label job writes them, production reads them.

They have v2.1's seven columns, `votes` (how many rows of the window matched), `rule` (the pattern that decided),
`slice` (a part of all authors, by the hash of source_author) and `number` (the window's, then the row's in it). A
window with more labelled authors than a worker can hold writes rows for each of its parts.
"""

from collections.abc import Iterable

from jobs.errors import NO_SUCH_TABLE, DatabaseError
from jobs.model.definition import Definition
from jobs.model.input_table import InputTable
from jobs.model.sources import production_table
from jobs.model.tally import LabelRow
from jobs.model.task import TaskRef
from jobs.model.units import Unit
from jobs.storage.connection import Session, quote
from jobs.storage.schema import Column, Key, Table
from patterns.files import MAX_LABEL_LENGTH

PANEL_WIDTH = MAX_LABEL_LENGTH + 1
_MAX_ROWS_OF_WINDOW = 2**32


def label_tables(definition: Definition, results: Iterable[str]) -> list[Table]:
    """Return the label table of each result, as wide as the task's input and patterns require."""
    columns = [
        *_mapping(definition.input),
        Column("votes", "integer", suffix="NOT NULL DEFAULT 1"),
        Column("rule", "text", max(definition.rule_width, 255)),
        Column("slice", "SMALLINT", suffix="NOT NULL DEFAULT 0"),
        Column("number", "integer", suffix="NOT NULL DEFAULT 0"),
    ]
    # The rows of a unit are neighbours in such a table, so that production reads them without looking up each.
    clustered = Key(("task_id", "slice", "number"), primary=True)
    return [Table(result, columns, [Key(("task_id", "slice"))], created_with=[clustered]) for result in results]


def production_tables(table: InputTable, results: Iterable[str]) -> list[Table]:
    """Return the production table of each result: v2.1's seven columns, as wide as the task's input requires."""
    return [Table(production_table(result), _mapping(table), [Key(("task_id",))]) for result in results]


def _mapping(table: InputTable) -> list[Column]:
    return [
        Column("id", "text", table.id.width, "NOT NULL"),
        Column("task_id", "text", 32, "NOT NULL"),
        Column("source_author", "text", table.source_author_width, "NOT NULL"),
        Column("panel", "text", PANEL_WIDTH, "NOT NULL"),
        Column("create_time", "time", table.time_decimals, "NOT NULL"),
        Column("field_content", "text", table.s_id.width, "NOT NULL"),
        Column("match_content", "text", table.matched.width, "NOT NULL"),
    ]


def rows_of(unit: Unit) -> str:
    """Return the SQL condition of a unit's label rows, with its placeholders."""
    # The condition on the slice costs time, and all slices need none.
    return "task_id = %(task_id)s" + ("" if unit.whole else " AND slice BETWEEN %(first_slice)s AND %(last_slice)s")


async def count_votes(session: Session, ref: TaskRef, unit: Unit) -> int:
    """Return how many labelled rows the label rows of a unit stand for: 0 if the table is gone.

    Those of a whole task may be many, and the table of an earlier release looks up each: there is no deadline.
    """
    try:
        ((votes,),) = await session.rows(
            f"""
            SELECT COALESCE(SUM(votes), 0) FROM {quote(ref.schema, unit.result)}
            WHERE {rows_of(unit)}
            """,
            {"task_id": ref.task_id, "first_slice": unit.first_slice, "last_slice": unit.last_slice},
            seconds=None,
        )
    except DatabaseError as error:
        if error.code != NO_SUCH_TABLE:
            raise
        return 0
    return int(votes)


async def insert(
    session: Session, ref: TaskRef, result: str, window: int, rows: Iterable[LabelRow], *, before: int
) -> int:
    """Insert label rows of a window, after as many as are there `before`, and return their number.

    Raises DatabaseError, which names a row that is too large for the server.
    """
    first = window * _MAX_ROWS_OF_WINDOW + before
    return await session.insert_many(
        f"INSERT INTO {quote(ref.schema, result)} (task_id, number, id, source_author, panel, create_time,"
        " field_content, match_content, votes, rule, slice)",
        ((ref.task_id, number, *row) for number, row in enumerate(rows, first)),
        name=lambda row: f"the post with id {row[2]}",
    )
