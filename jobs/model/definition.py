"""A task's definition: everything its labels depend on, frozen when the task is created.

MariaDB keeps it with the task. Editing a pattern file or the sources file therefore changes nothing in
a running task, and workers need neither file.
"""

from dataclasses import dataclass

from jobs.model.input_table import InputTable
from jobs.model.sources import Sources
from patterns.pattern_set import PatternSet


@dataclass(frozen=True)
class Definition:
    """What a task reads, how it decides, and where its rows go."""

    patterns: PatternSet
    sources: Sources
    input: InputTable

    @property
    def rule_width(self) -> int:
        """The length of the longest `rule` of a label row, in characters."""
        return max((len(str(pattern)) for _, pattern in self.patterns), default=0)
