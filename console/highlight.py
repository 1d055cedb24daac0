"""Shows a text with the matched characters highlighted, for both the commands and the screens."""

from collections.abc import Iterable

from rich.text import Text

from console.sanitize import sanitize

STYLE = "bold reverse"


def highlight(text: str, spans: Iterable[tuple[int, int]], style: str = STYLE) -> Text:
    """Return a sanitised text with these spans of its characters in a style. Spans may overlap."""
    shown, position = Text(), 0
    for start, end in sorted(spans):
        shown.append(sanitize(text[position:start]))
        shown.append(sanitize(text[max(start, position) : end]), style)
        position = max(position, end)
    return shown.append(sanitize(text[position:]))


def visible(pattern: str) -> str:
    """Return a pattern, in quotes if blanks at an end would be invisible."""
    return f"'{pattern}'" if pattern != pattern.strip() else pattern
