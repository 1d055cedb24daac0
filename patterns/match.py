"""What a matcher decides. It is built in patterns/matcher.py, whose libraries take a moment to import."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Match(NamedTuple):
    """The label of a text, and the pattern that decided."""

    label: str
    rule: str
    number: int
    """The pattern's number in deciding order, from 0."""


class Matcher(Protocol):
    """Decides the labels of texts. Built once for a pattern set, then used for millions of texts."""

    def match(self, text: str) -> Match | None:
        """Return the label of the text and the deciding pattern, or None if no pattern matches."""

    def match_all(self, texts: Sequence[str]) -> list[Match | None]:
        """Return what `match` returns for each text. With many short texts it is several times as fast."""

    def hits(self, text: str) -> list[int]:
        """Return the number of every pattern that matches, in deciding order."""


class PatternsTooLarge(Exception):
    """The patterns are too large for a matcher of useful speed."""
