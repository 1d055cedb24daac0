"""A choice from a list of names, found by typing."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import Select
from textual.widgets._select import SelectOverlay

from console.sanitize import sanitize


class Choice(Select[str], inherit_bindings=False):
    """A select that opens when a name is typed. Up and down are left to the form."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "show_overlay", "Open the list", show=False)]

    def __init__(self, names: Sequence[str], value: str, *, id: str, allow_blank: bool = False) -> None:
        super().__init__(
            _options(names),
            value=value or Select.NULL,
            prompt="choose",
            allow_blank=allow_blank,
            id=id,
            compact=True,
        )

    @property
    def names(self) -> list[str]:
        """What there is to choose from."""
        return [option for _, option in self._options if isinstance(option, str)]

    @property
    def text(self) -> str:
        """The chosen name, "" for none."""
        return self.value if isinstance(self.value, str) else ""

    def offer(self, names: Sequence[str], value: str) -> None:
        """Offer these names, and choose one of them. A value that is not among them is offered too."""
        if value and value not in names:
            names = [value, *names]
        if list(names) != self.names:
            self.set_options(_options(names))
        self.value = value or Select.NULL

    def on_key(self, event: events.Key) -> None:
        """Open the list at what is typed."""
        if not self.expanded and event.is_printable and event.character != " ":
            event.stop()
            event.prevent_default()
            self.action_show_overlay()
            overlay = self.query_one(SelectOverlay)
            # After the focus has moved to the list, because the list forgets what was typed before.
            self.app.call_later(overlay.post_message, events.Key(event.key, event.character))


def _options(names: Sequence[str]) -> list[tuple[Text, str]]:
    # Texts, because only these and strings are searched, and strings are parsed as markup.
    return [(Text(sanitize(name)), name) for name in names]
