"""Differences between two tasks: which authors got other panels, and the patterns that made the difference."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from patterns.match import Match, Matcher
from patterns.pattern_set import Pattern, PatternSet

Kind = Literal["gained", "lost", "changed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Side = Literal["before", "after"]

AuthorRow = tuple[str, str, str]
"""panel, source_author, and the text that was matched."""

Panels = tuple[str, ...]
"""In alphabetical order. An author whose panels tie has several."""


@dataclass(frozen=True, slots=True)
class Change:
    """An author with other panels than before."""

    result: str
    kind: Kind
    source_author: str
    before: Panels
    after: Panels
    pattern_before: str | None
    """What decided about the panels that are gone. None if there are none, or if the patterns are not known."""
    pattern_after: str | None
    """What decided about the panels that are new."""
    text: str
    """A text that was matched, after if there is one."""


@dataclass(frozen=True, slots=True)
class PatternChange:
    """The authors that one pattern made a difference for."""

    side: Side
    """Whether it is a pattern of the first task or of the second one."""
    label: str
    line: int
    pattern: Pattern
    in_both: bool
    """Whether the other task has the same pattern for the same label."""
    gained: int
    lost: int
    changed: int

    @property
    def authors(self) -> int:
        """All of them."""
        return self.gained + self.lost + self.changed


@dataclass(frozen=True, slots=True)
class ResultDifference:
    """The authors of one result, by what became of them. Those without a panel before and after are not counted."""

    same: int
    gained: int
    lost: int
    changed: int
    moves: Sequence[tuple[Panels, Panels, int]]
    """The panels before and after, and the number of authors that changed from these to those; most first."""


class DifferenceCounter:
    """Counts authors, one after the other, by the panels that they have before and after."""

    def __init__(
        self, before: Matcher | None, after: Matcher | None, listed: Collection[Kind] = (), limit: int = 0
    ) -> None:
        """Without matchers, patterns are not counted. The first `limit` authors of the kinds `listed` are kept."""
        self.changes: list[Change] = []
        """The authors that are kept."""
        self.patterns: Counter[tuple[Side, int, Kind]] = Counter()
        """The authors by the number of the pattern that made the difference."""
        self._matchers = before, after
        self._listed, self._limit = listed, limit
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._moves: defaultdict[str, Counter[tuple[Panels, Panels]]] = defaultdict(Counter)

    def add(self, result: str, before: Sequence[AuthorRow], after: Sequence[AuthorRow]) -> Kind | None:
        """Count an author of a result, by its rows: one for each panel, in alphabetical order.

        Returns what became of the author, None if it has the same panels as before.
        """
        panels = tuple([row[0] for row in before]), tuple([row[0] for row in after])
        if panels[0] == panels[1]:
            self._counts[result]["same"] += 1
            return None
        kind: Kind = "gained" if not before else "lost" if not after else "changed"
        self._counts[result][kind] += 1
        if kind == "changed":
            self._moves[result][panels] += 1
        gone = self._decisions(0, [row for row in before if row[0] not in panels[1]])
        new = self._decisions(1, [row for row in after if row[0] not in panels[0]])
        self.patterns.update(("before", match.number, kind) for match in gone)
        self.patterns.update(("after", match.number, kind) for match in new)
        if kind in self._listed and len(self.changes) < self._limit:
            _, source_author, text = (after or before)[0]
            self.changes.append(Change(result, kind, source_author, *panels, _names(gone), _names(new), text))
        return kind

    def add_row(self, source_author: str, text: str) -> Kind | None:
        """Count a row by itself, by the label that its text gets before and after, as an author of the result "".

        Returns what became of it, None if it gets the same label as before, or none. The matchers must be known.
        """
        sides = [
            [(f"/{match.label}", source_author, text)] if matcher is not None and (match := matcher.match(text)) else []
            for matcher in self._matchers
        ]
        return self.add("", *sides) if any(sides) else None

    def difference(self, result: str) -> ResultDifference:
        """Return what has been counted for a result."""
        counts = self._counts[result]
        return ResultDifference(
            counts["same"],
            counts["gained"],
            counts["lost"],
            counts["changed"],
            [(*panels, count) for panels, count in self._moves[result].most_common()],
        )

    def pattern_changes(self, before: PatternSet, after: PatternSet) -> list[PatternChange]:
        """Return the patterns that made a difference, of the most authors first."""
        sides: dict[Side, PatternSet] = {"before": before, "after": after}
        both = {(label.name, pattern) for label, pattern in before} & {
            (label.name, pattern) for label, pattern in after
        }
        changes = [
            PatternChange(
                side,
                label,
                line,
                pattern,
                (label, pattern) in both,
                *(self.patterns[side, number, kind] for kind in KINDS),
            )
            for side, patterns in sides.items()
            for number, (label, line, pattern) in enumerate(patterns.lines())
            if any((side, number, kind) in self.patterns for kind in KINDS)
        ]
        return sorted(changes, key=lambda change: -change.authors)

    def _decisions(self, side: int, rows: Iterable[AuthorRow]) -> list[Match]:
        """Return what decided about these rows: the frozen patterns decide about a text as they did then."""
        matcher = self._matchers[side]
        if matcher is None:
            return []
        matches = [(panel, matcher.match(text)) for panel, _, text in rows]
        return [match for panel, match in matches if match is not None and panel == f"/{match.label}"]


def _names(matches: Sequence[Match]) -> str | None:
    return ", ".join(match.rule for match in matches) or None
