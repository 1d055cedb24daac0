"""Dialogs: each asks one question and returns the answer."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, OptionList

from console.sanitize import sanitize
from console.ui.widgets.key_bar import key_words
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.text_input import TextInput


class Confirm(ModalScreen[bool]):
    """Asks before something that cannot be undone at once. Enter alone confirms nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape", "answer(False)", "No"),
    ]

    def __init__(self, question: str, yes: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(sanitize(self._question), markup=False)
            with Horizontal(classes="buttons"):
                yield Button("No (n)", id="no", compact=True)
                yield Button(f"{self._yes} (y)", id="yes", variant="error", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """Return the answer."""
        self.dismiss(answer)


class _Question(ModalScreen[str | None]):
    """Asks for a text. Escape returns None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(sanitize(self._question), markup=False)
            yield from self.compose_answer()

    def compose_answer(self) -> ComposeResult:
        """Yield the widget for the answer."""
        return ()

    def action_cancel(self) -> None:
        """Return without an answer."""
        self.dismiss(None)


class Ask(_Question):
    """Asks for a line of text."""

    def __init__(self, question: str, value: str = "") -> None:
        super().__init__(question)
        self._value = value

    def compose_answer(self) -> ComposeResult:
        """Yield a text input."""
        yield TextInput(self._value, id="answer", compact=True, select_on_focus=False)
        yield LiveText(key_words(("enter", "Accept"), ("esc", "Cancel")), classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)


class Choose(_Question):
    """Offers names to choose from."""

    def __init__(self, question: str, names: Sequence[str], first: int = 0) -> None:
        """`first` is the place of the name that is under the cursor."""
        super().__init__(question)
        self._names = list(names)
        self._first = first

    def compose_answer(self) -> ComposeResult:
        """Yield a list."""
        yield OptionList(*(sanitize(name) for name in self._names), markup=False, compact=True)
        yield LiveText(key_words(("enter", "Choose"), ("esc", "Cancel")), classes="hint")

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = self._first

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._names[event.option_index])
