"""A field for one line of text."""

from textual.widgets import Input

from console.sanitize import without_harmful


class Field(Input):
    """An input that drops what a terminal acts on, pasted or typed: the widget would draw it as it is."""

    def validate_value(self, value: str) -> str:
        """The value without control and format characters."""
        return without_harmful(value)
