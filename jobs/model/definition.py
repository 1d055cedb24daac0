"""A task's definition: all that its labels depend on, frozen when it is created (spec 3).

It is kept in MariaDB with the task, so that editing pattern files or the sources file changes
nothing in a task that runs, and workers need neither file.
"""

import zlib
from dataclasses import dataclass

from jobs.model.sources import Sources
from jobs.storage.connection import Session, quote
from jobs.storage.input_table import InputTable
from patterns.pattern_set import PatternSet


@dataclass(frozen=True)
class Definition:
    """What a task reads, how it decides, and where its rows go."""

    patterns: PatternSet
    sources: Sources
    input: InputTable

    @property
    def rule_width(self) -> int:
        """The length of the longest `rule` that a label row may bear."""
        return max((len(str(pattern)) for _, pattern in self.patterns), default=0)


async def insert(session: Session, schema: str, task_id: str, definition: Definition) -> None:
    """Keeps the definition of a new task."""
    await session.execute(
        f"INSERT INTO {_table(schema)} (task_id, patterns, sources, input) VALUES (%s, %s, %s, %s)",
        (
            task_id,
            zlib.compress(definition.patterns.to_json()),
            zlib.compress(definition.sources.to_json()),
            zlib.compress(definition.input.to_json()),
        ),
    )


async def find(session: Session, schema: str, task_id: str) -> Definition:
    """The definition of a task. Raises LookupError where there is none."""
    row = await session.row(f"SELECT patterns, sources, input FROM {_table(schema)} WHERE task_id = %s", (task_id,))
    if row is None:
        raise LookupError(f"nothing in {schema}.task_definition says what the task is")
    patterns, sources, input_table = map(zlib.decompress, row)
    return Definition(PatternSet.from_json(patterns), Sources.from_json(sources), InputTable.from_json(input_table))


def _table(schema: str) -> str:
    return quote(schema, "task_definition")
