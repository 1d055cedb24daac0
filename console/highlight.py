"""Shows texts and patterns, for both the commands and the screens: matches highlighted, long ones shortened."""

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from console.sanitize import sanitize
from patterns.pattern_set import Pattern

STYLE = "bold reverse"


def highlight(text: str, spans: Iterable[tuple[int, int]], style: str = STYLE) -> Text:
    """Return a sanitised text with these spans of its characters in a style. Spans may overlap."""
    shown, position = Text(), 0
    for start, end in sorted(spans):
        shown.append(sanitize(text[position:start]))
        shown.append(sanitize(text[max(start, position) : end]), style)
        position = max(position, end)
    return shown.append(sanitize(text[position:]))


def highlight_part(text: str, spans: Iterable[tuple[int, int]], start: int, end: int, style: str = STYLE) -> Text:
    """Return the part of a text from one character to another, as `highlight` shows it."""
    inside = [(max(first, start), min(last, end)) for first, last in spans if first < end and last > start]
    return highlight(text[start:end], [(first - start, last - start) for first, last in inside], style)


def excerpt(text: str, spans: Sequence[tuple[int, int]], most: int, style: str = STYLE) -> Text:
    """Return at most this many characters of a text, those around its first match; `…` stands for the rest."""
    first, last = spans[0] if spans else (0, 0)
    start = max(first - most // 4, 0) if last > most else 0
    shown = highlight_part(text, spans, start, start + most, style)
    return Text.assemble("…" if start else "", shown, "…" if start + most < len(text) else "")


def visible(pattern: str) -> str:
    """Return a pattern, in quotes if blanks at an end would be invisible."""
    return f"'{pattern}'" if pattern != pattern.strip() else pattern


def pattern_line(pattern: Pattern) -> str:
    """Return a pattern as the line of its file, with a blank for the tab: a regular expression has no match type."""
    return visible(pattern.text) if pattern.match_type == "regex" else f"{visible(pattern.text)} {pattern.match_type}"


def shorten_middle(text: str, width: int) -> str:
    """Return a text without its middle if it is too long, for texts that begin alike."""
    if cell_len(text) <= width:
        return text
    tail = text[-(width // 2) :]
    while cell_len(tail) > width // 2:
        tail = tail[1:]
    return set_cell_size(text, width - 1 - cell_len(tail)) + "…" + tail
