"""Words on a page that are told anew each second, and mostly say the same."""

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Static


class Words(Static):
    """A text. It is drawn again only where it changed, and the page laid out again only where its height did."""

    def __init__(self, *, id: str) -> None:
        super().__init__("", id=id, markup=False)
        self._said: Text | None = None

    def say(self, text: Text | str) -> None:
        """Shows this text. Never markup."""
        text = Text(text) if isinstance(text, str) else text
        before = self._said
        if before is not None and before == text and before.style == text.style:
            return
        self._said = text
        self.update(text, layout=before is None or self._height_of(before) != self._height_of(text))

    def _height_of(self, text: Text) -> int:
        width = max(self.size.width, 1)
        return sum(max(-(-cell_len(line) // width), 1) for line in text.plain.split("\n")) if text.plain else 0
