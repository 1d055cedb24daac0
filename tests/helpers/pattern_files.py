"""Pattern files and sources files for tests that need no server."""

from pathlib import Path

from patterns.match import Matcher
from patterns.pattern_set import Label, ModelType, Pattern, PatternSet

_FIRST = "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可"
_LAST = "也你對生能而子那得于著下自之年過發後作里用道行所然家"
SLOW_TOGETHER = [f"{first}.{{0,20}}{last}" for first in _FIRST for last in _LAST][::17]
"""Rules that take 400 to 500 times as long as a word together, and each up to 20 times as long."""


def write_pattern_file(
    folder: Path, content: str | bytes, label: str = "female", model: ModelType = "keyword_model"
) -> Path:
    """Write the pattern file of a label for author_name."""
    path = folder / model / label / "author_name.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rules(texts: list[str]) -> PatternSet:
    """Return a rule_model of one label, `a`, with these regular expressions."""
    return PatternSet("rule_model", "content", (Label("a", tuple(Pattern(text, "regex") for text in texts)),))


def decision(matcher: Matcher, text: str) -> tuple[str, str] | None:
    """Return the label of a text and the pattern that decides, as the oracle's `decide` does."""
    match = matcher.match(text)
    return None if match is None else (match.label, match.rule)


def short_id(value: object) -> str:
    """Return the test id of a parameter that may be hostile, and of any length."""
    return value if isinstance(value, str) and value.isprintable() and len(value) < 100 else "-"
