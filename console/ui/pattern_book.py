"""All pattern files at one moment, with what lint found in them, as a tree of models, labels and files."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from jobs.services import LintFinding, lint_patterns
from jobs.services.patterns import PatternFile, read_pattern_files
from patterns.edits import Fingerprint, fingerprint
from patterns.files import Fault, pattern_path
from patterns.pattern_set import ModelType, PredictType

Findings = Mapping[Path, tuple[LintFinding, ...]]
SetKey = tuple[ModelType, PredictType]
"""A pattern set: a model for a predict type."""


@dataclass(frozen=True, slots=True)
class Node:
    """A model, a label of it or a file of that, with what is below it. `file` is None unless it is a file."""

    key: str
    depth: int
    name: str
    lines: int
    faults: int
    warnings: int
    file: PatternFile | None = None


@dataclass(frozen=True)
class PatternBook:
    """The pattern files of a folder."""

    directory: Path
    fingerprint: Fingerprint
    files: tuple[PatternFile, ...]
    problems: tuple[Fault, ...]
    """What keeps a whole model from being read."""
    findings: Findings = field(default_factory=lambda: MappingProxyType({}))
    """Faults, and warnings once there was a lint, by file."""
    linted: bool = False

    def path_of(self, file: PatternFile) -> Path:
        """Return the path of a file."""
        return pattern_path(self.directory, file.model_type, file.label, file.predict_type)

    def findings_below(self, node: Node) -> list[LintFinding]:
        """Return what was found in a model, a label or a file."""
        above = self.directory / node.key
        paths = [path for path in self.findings if node.file is None and path.is_relative_to(above)]
        if node.file is not None:
            paths = [self.path_of(node.file)]
        return [finding for path in paths for finding in self.findings.get(path, ())]

    def files_below(self, node: Node) -> list[PatternFile]:
        """Return the files of a model or a label, or the file itself."""
        return [file for file in self.files if f"{file.key}/".startswith(f"{node.key}/")]

    def file_at(self, path: Path) -> PatternFile | None:
        """Return the file of a path."""
        return next((file for file in self.files if self.path_of(file) == path), None)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The tree, from top to bottom."""
        models: dict[str, dict[str, list[PatternFile]]] = {}
        for file in self.files:
            models.setdefault(file.model_type, {}).setdefault(file.label, []).append(file)
        for path in self.findings:  # a model that cannot be read has findings, but no files
            if path.is_relative_to(self.directory) and path != self.directory:
                models.setdefault(path.relative_to(self.directory).parts[0], {})
        nodes: list[Node] = []
        for model, labels in sorted(models.items()):
            nodes.append(self._node(model, 0, model, [file for files in labels.values() for file in files]))
            for label, files in labels.items():
                nodes.append(self._node(f"{model}/{label}", 1, f"/{label}", files))
                nodes += [self._node(file.key, 2, file.predict_type, [file], file) for file in files]
        return tuple(nodes)

    def _node(
        self, key: str, depth: int, name: str, files: Iterable[PatternFile], file: PatternFile | None = None
    ) -> Node:
        node = Node(key, depth, name, sum(len(file.patterns) for file in files), 0, 0, file)
        findings = self.findings_below(node)
        faults = sum(finding.is_fault for finding in findings)
        return replace(node, faults=faults, warnings=len(findings) - faults)


def state_of(state: Fingerprint, directory: Path, key: SetKey) -> Fingerprint:
    """Return the part of a folder's fingerprint that the files of a pattern set, and their order, make up."""
    model, name = f"{directory / key[0]}{os.sep}", f"{os.sep}{key[1]}.txt"
    return frozenset(one for one in state if one[0].startswith(model) and one[0].endswith((name, "labels.toml")))


def read_state(directory: Path, key: SetKey) -> Fingerprint:
    """Return this part of the fingerprint as the files are now."""
    return state_of(fingerprint(directory), directory, key)


def read_book(directory: Path) -> PatternBook:
    """Read all pattern files. Their faults are found at once, warnings by `lint_book`."""
    state = fingerprint(directory)
    files, problems = read_pattern_files(directory)
    faults = [*problems, *(fault for file in files for fault in file.faults)]
    findings = [LintFinding("fault", fault.path, fault.line, None, fault.message) for fault in faults]
    return PatternBook(directory, state, tuple(files), tuple(problems), _by_file(findings))


def lint_book(book: PatternBook) -> PatternBook:
    """Return the book with its warnings. Takes seconds for 100,000 patterns."""
    return replace(book, findings=_by_file(lint_patterns(book.directory)), linted=True)


def _by_file(findings: Iterable[LintFinding]) -> Findings:
    by_file: dict[Path, list[LintFinding]] = defaultdict(list)
    for finding in findings:
        by_file[finding.file].append(finding)
    return {path: tuple(found) for path, found in by_file.items()}
