"""The `task_definition` table: the definition of each task, compressed."""

import zlib

from jobs.model.definition import Definition
from jobs.model.input_table import InputTable
from jobs.model.sources import Sources
from jobs.model.task import TaskRef
from jobs.storage.connection import Session, quote
from patterns.pattern_set import PatternSet


async def insert(session: Session, ref: TaskRef, definition: Definition) -> None:
    """Store the definition of a new task."""
    await session.execute(
        f"""
        INSERT INTO {_table(ref)} (task_id, patterns, sources, input)
        VALUES (%(task_id)s, %(patterns)s, %(sources)s, %(input)s)
        """,
        {
            "task_id": ref.task_id,
            "patterns": zlib.compress(definition.patterns.to_json()),
            "sources": zlib.compress(definition.sources.to_json()),
            "input": zlib.compress(definition.input.to_json()),
        },
    )


async def find(session: Session, ref: TaskRef) -> Definition:
    """Return the definition of a task. Raises LookupError if there is none."""
    row = await session.row(
        f"SELECT patterns, sources, input FROM {_table(ref)} WHERE task_id = %(task_id)s", {"task_id": ref.task_id}
    )
    if row is None:
        raise LookupError(f"{ref.schema}.task_definition has no definition of the task")
    patterns, sources, input_table = map(zlib.decompress, row)
    return Definition(PatternSet.from_json(patterns), Sources.from_json(sources), InputTable.from_json(input_table))


def _table(ref: TaskRef) -> str:
    return quote(ref.schema, "task_definition")
