"""Formats values for the screen: short, aligned by cells, sanitised."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from rich import get_console
from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual.content import Content

from console.figures import duration
from console.sanitize import sanitize
from jobs.model.task import Task

_BLOCKS = "▁▂▃▄▅▆▇█"


def cell(value: object, style: str = "", *, right: bool = False) -> Text:
    """Return a value as a table cell, sanitised and never parsed as markup."""
    text = "" if value is None else sanitize(value)
    return Text(text, style, justify="right" if right else "left", no_wrap=True, overflow="ellipsis", end="")


def plain(value: object) -> Content:
    """Return a value for a widget that would parse a str as markup."""
    return Content(sanitize(value))


def hanging(first: Text, words: str, width: int, style: str = "") -> Text:
    """Return words after the first ones, sanitised, and wrapped so that all their lines begin below each other."""
    indent = first.cell_len
    lines = Text(sanitize(words), style).wrap(get_console(), max(width - indent, 10))
    text = first.copy()
    for place, line in enumerate(lines):
        text.append("\n" + " " * indent if place else "").append_text(line)
    return text


def fit(text: str, width: int) -> str:
    """Return a text sanitised, and as wide as this: filled with blanks, or cut, with … in place of the rest."""
    text = sanitize(text)
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def tell_apart(text: str, others: Sequence[str], width: int) -> str:
    """Return a text, cut to a width: from where it differs from others, if it begins like one of them."""
    if cell_len(text) <= width:
        return text
    alike = max((_alike(text, other) for other in others), default=0)
    if cell_len(text[:alike]) <= width // 2:
        return set_cell_size(text, width - 1) + "…"
    rest = "…" + text[alike:]
    return rest if cell_len(rest) <= width else set_cell_size(rest, width - 1) + "…"


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (first, second) in pairs if first != second), min(len(one), len(other)))


def age(now: datetime, then: datetime) -> str:
    """Return how long ago a time was, in at most four characters: now, 5m, 3h, 12d."""
    seconds = (now - then) / timedelta(seconds=1)
    return "now" if seconds < 60 else duration(seconds)


def share_labelled(task: Task) -> str:
    """Return the percentage of the posts read that are labelled, which is known while the task runs."""
    if not task.length_receive_table:
        return ""
    return f"{(task.length_output_table or 0) / task.length_receive_table:.1%}"


def bar(share: float, width: int, style: str) -> Text:
    """Return a bar of a share of 1, drawn in half cells. Heavy and light lines tell its parts apart without colours."""
    halves = max(0, min(round(share * width * 2), width * 2))
    filled = "━" * (halves // 2) + "╸" * (halves % 2)
    return Text.assemble((filled, style), ("─" * (width - len(filled)), "faint"), end="")


def graph(values: Sequence[float], width: int, height: int, greatest: float) -> list[str]:
    """Return the lines of a graph, the top one first. The newest value is at the right.

    If there are more values than columns, each column is the mean of several.
    """
    columns = _columns(values, width)
    levels = [min(round(value / greatest * height * 8), height * 8) if greatest > 0 else 0 for value in columns]
    # A value that is not 0 can be seen.
    levels = [max(level, 1) if value > 0 else level for level, value in zip(levels, columns, strict=True)]
    lines = []
    for line in range(height - 1, -1, -1):
        parts = (max(0, min(level - 8 * line, 8)) for level in levels)
        lines.append("".join(_BLOCKS[part - 1] if part else " " for part in parts))
    return lines


def _columns(values: Sequence[float], width: int) -> list[float]:
    """Return at most `width` values: the same, or the means of neighbours."""
    if len(values) <= width:
        return list(values)
    edges = [index * len(values) // width for index in range(width + 1)]
    parts = [values[first:last] for first, last in pairwise(edges)]
    return [sum(part) / len(part) for part in parts]


def blocks(values: Sequence[float]) -> str:
    """Return a graph in one line: a block for each value, the greatest one full."""
    greatest = max(values, default=0.0) or 1.0
    return "".join(_BLOCKS[min(int(value / greatest * len(_BLOCKS)), len(_BLOCKS) - 1)] for value in values)
