"""A sanitised input for one line of text."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from console.sanitize import strip_control_characters


class TextInput(Input):
    """An input that drops control and format characters, which the widget would otherwise send to the terminal."""

    def validate_value(self, value: str) -> str:
        """Return the value without control and format characters."""
        return strip_control_characters(value)


class FilterInput(TextInput):
    """An input for the words of a filter, whose keys are in the key bar."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Keep the filter"),
        Binding("escape", "screen.back", "Clear it"),
    ]
