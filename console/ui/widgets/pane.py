"""Panes: a border with a title, lit when the focus is inside."""

from textual.containers import Vertical
from textual.widget import Widget

from console.ui.formatting import plain


class Pane(Vertical):
    """Widgets, one below the other, in a border with a title."""


def set_title(widget: Widget, title: str) -> None:
    """Set the title in a widget's border. Textual repaints the widget each time, so only if it is another."""
    content = plain(title)
    if widget.border_title != content.markup:
        widget.border_title = content
