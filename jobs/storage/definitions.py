"""The tables `task_definition` and `task_patterns`: the definition of each task, compressed.

Tasks with equal patterns share them: a large set that a schedule uses every hour is stored once. An earlier release
kept them with each task, in `task_definition.patterns`.
"""

from functools import lru_cache

from jobs.model.definition import Definition
from jobs.model.input_table import InputTable
from jobs.model.sources import Sources
from jobs.model.task import TaskRef
from jobs.storage.compressed import deflate, inflate
from jobs.storage.connection import Session, quote
from jobs.storage.values import Row
from patterns.pattern_set import PatternSet


async def insert(session: Session, ref: TaskRef, definition: Definition) -> None:
    """Store the definition of a new task. Call this in the transaction that inserts its state.

    Patterns that are there already stay locked until it ends, so that `delete_unused_patterns` waits for it. If they
    are damaged, they are stored again, for all tasks that have them.
    """
    content = definition.patterns.to_json()
    patterns: dict[str, object] = {"pattern_hash": definition.patterns.hash}
    known = f"SELECT patterns FROM {_patterns(ref.schema)} WHERE pattern_hash = %(pattern_hash)s LOCK IN SHARE MODE"
    row = await session.row(known, patterns)
    if row is None or not _holds(row[0], content):
        await session.execute(
            f"""
            INSERT INTO {_patterns(ref.schema)} (pattern_hash, patterns) VALUES (%(pattern_hash)s, %(patterns)s)
            ON DUPLICATE KEY UPDATE patterns = %(patterns)s
            """,
            patterns | {"patterns": deflate(content)},
        )
    await session.execute(
        f"INSERT INTO {_table(ref)} (task_id, sources, input) VALUES (%(task_id)s, %(sources)s, %(input)s)",
        {
            "task_id": ref.task_id,
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
    sources, input_table = map(_definition, await _row(session, ref, "sources, input"))
    patterns = await find_patterns(session, ref)
    return Definition(patterns, Sources.from_json(sources), InputTable.from_json(input_table))


async def find_patterns(session: Session, ref: TaskRef) -> PatternSet:
    """Return the patterns of a task, which any release can read. Raises what `find_input` raises."""
    (own,) = await _row(session, ref, "patterns")
    try:
        return _pattern_set(await _shared_patterns(session, ref) if own is None else bytes(own))
    except ValueError as error:
        repair = "; creating a task with the same pattern files stores its patterns again" if own is None else ""
        raise ValueError(f"{error}{repair}") from error


async def delete_unused_patterns(session: Session, schema: str, pattern_hash: str) -> None:
    """Delete patterns that no task has any more. Call this in the transaction that deletes the state of one that had.

    Locks them first, so that it sees the state of a task that has just been created with them.
    """
    arguments = {"pattern_hash": pattern_hash}
    condition = "WHERE pattern_hash = %(pattern_hash)s"
    await session.row(f"SELECT 1 FROM {_patterns(schema)} {condition} FOR UPDATE", arguments)
    if await session.row(f"SELECT 1 FROM {quote(schema, 'state')} {condition} LIMIT 1", arguments) is None:
        await session.execute(f"DELETE FROM {_patterns(schema)} {condition}", arguments)


async def _shared_patterns(session: Session, ref: TaskRef) -> bytes:
    row = await session.row(
        f"""
        SELECT patterns FROM {_patterns(ref.schema)} JOIN {quote(ref.schema, "state")} USING (pattern_hash)
        WHERE task_id = %(task_id)s
        """,
        {"task_id": ref.task_id},
    )
    if row is None:
        raise LookupError(f"{ref.schema}.task_patterns has no patterns of the task")
    return bytes(row[0] or b"")


async def _row(session: Session, ref: TaskRef, columns: str) -> Row:
    row = await session.row(
        f"SELECT {columns} FROM {_table(ref)} WHERE task_id = %(task_id)s", {"task_id": ref.task_id}
    )
    if row is None:
        raise LookupError(f"{ref.schema}.task_definition has no definition of the task")
    return row


def _holds(stored: bytes | None, content: bytes) -> bool:
    """Return whether stored patterns are these."""
    try:
        return inflate(bytes(stored or b""), "definition") == content
    except ValueError:
        return False


@lru_cache(maxsize=4)
def _pattern_set(data: bytes) -> PatternSet:
    """Return the stored patterns. A worker reads the same ones again and again, which takes 10 ms for 5,000."""
    return PatternSet.from_json(_definition(data))


def _definition(data: bytes) -> bytes:
    return inflate(data, "definition")


def _patterns(schema: str) -> str:
    return quote(schema, "task_patterns")


def _table(ref: TaskRef) -> str:
    return quote(ref.schema, "task_definition")
