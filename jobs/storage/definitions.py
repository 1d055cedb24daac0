"""The `task_definition` table: the definition of each task, compressed."""

from jobs.model.definition import Definition
from jobs.model.input_table import InputTable
from jobs.model.sources import Sources
from jobs.model.task import TaskRef
from jobs.storage.compressed import deflate, inflate
from jobs.storage.connection import Session, quote
from jobs.storage.values import Row
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
            "patterns": deflate(definition.patterns.to_json()),
            "sources": deflate(definition.sources.to_json()),
            "input": deflate(definition.input.to_json()),
        },
    )


async def find_input(session: Session, ref: TaskRef) -> InputTable:
    """Return the input table of a task. Raises LookupError if there is no definition, ValueError if it is damaged."""
    return InputTable.from_json(_definition((await _row(session, ref, "input"))[0]))


async def find_sources(session: Session, ref: TaskRef) -> Sources:
    """Return the sources of a task. Raises what `find_input` raises."""
    return Sources.from_json(_definition((await _row(session, ref, "sources"))[0]))


async def find(session: Session, ref: TaskRef) -> Definition:
    """Return the definition of a task. Raises what `find_input` raises."""
    patterns, sources, input_table = map(_definition, await _row(session, ref, "patterns, sources, input"))
    return Definition(PatternSet.from_json(patterns), Sources.from_json(sources), InputTable.from_json(input_table))


async def _row(session: Session, ref: TaskRef, columns: str) -> Row:
    row = await session.row(
        f"SELECT {columns} FROM {_table(ref)} WHERE task_id = %(task_id)s", {"task_id": ref.task_id}
    )
    if row is None:
        raise LookupError(f"{ref.schema}.task_definition has no definition of the task")
    return row


def _definition(data: bytes) -> bytes:
    return inflate(data, "definition")


def _table(ref: TaskRef) -> str:
    return quote(ref.schema, "task_definition")
