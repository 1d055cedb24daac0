"""The `task_definition` table: the definition of each task, compressed."""

import zlib

from jobs.model.definition import Definition
from jobs.model.input_table import InputTable
from jobs.model.sources import Sources
from jobs.model.task import TaskRef
from jobs.storage.connection import Session, quote
from jobs.storage.values import Row
from patterns.pattern_set import PatternSet

# Four million keywords, the most of a pattern file, take less.
_MAX_BYTES = 2**28


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


async def find_input(session: Session, ref: TaskRef) -> InputTable:
    """Return the input table of a task. Raises LookupError if there is no definition, ValueError if it is damaged."""
    return InputTable.from_json(_inflate((await _row(session, ref, "input"))[0]))


async def find(session: Session, ref: TaskRef) -> Definition:
    """Return the definition of a task. Raises what `find_input` raises."""
    patterns, sources, input_table = map(_inflate, await _row(session, ref, "patterns, sources, input"))
    return Definition(PatternSet.from_json(patterns), Sources.from_json(sources), InputTable.from_json(input_table))


async def _row(session: Session, ref: TaskRef, columns: str) -> Row:
    row = await session.row(
        f"SELECT {columns} FROM {_table(ref)} WHERE task_id = %(task_id)s", {"task_id": ref.task_id}
    )
    if row is None:
        raise LookupError(f"{ref.schema}.task_definition has no definition of the task")
    return row


def _inflate(data: bytes) -> bytes:
    """Invert zlib.compress. Raises ValueError for what create_task cannot have stored."""
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(data, _MAX_BYTES)
    except zlib.error as error:
        raise ValueError(f"the stored definition is damaged: {error}") from error
    if not stream.eof:
        raise ValueError(f"the stored definition is damaged, or larger than {_MAX_BYTES:,} bytes")
    return content


def _table(ref: TaskRef) -> str:
    return quote(ref.schema, "task_definition")
