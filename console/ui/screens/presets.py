"""The dialog of presets: what is in each, and loading, renaming and deleting them."""

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList

from console.sanitize import sanitize
from console.ui.presets import delete_preset, list_presets, presets_folder, read_preset, rename_preset
from console.ui.screens.dialogs import Ask, Confirm
from console.ui.widgets.key_bar import key_words
from console.ui.widgets.live_text import LiveText
from console.ui.widgets.task_form import LABELS
from jobs.errors import InvalidValue


class PresetDialog(ModalScreen[dict[str, str] | None]):
    """Returns the values of the preset that was chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Cancel"),
        Binding("d,delete", "delete", "Delete"),
        Binding("r", "rename", "Rename"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._names = list_presets()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            yield Label("Presets")
            with Horizontal(id="presets"):
                yield OptionList(id="names", markup=False, compact=True)
                yield LiveText(id="preview")
            yield LiveText(Text(sanitize(presets_folder()), "muted"))
            yield LiveText(key_words(("enter", "Load"), ("r", "Rename"), ("d", "Delete"), ("esc", "Cancel")))

    def on_mount(self) -> None:
        self._show_names(0)

    @property
    def _chosen(self) -> str | None:
        place = self.query_one(OptionList).highlighted
        return self._names[place] if place is not None and place < len(self._names) else None

    def _show_names(self, place: int) -> None:
        names = self.query_one(OptionList)
        self._names = list_presets()
        if not self._names:
            self.dismiss(None)
            return
        names.clear_options()
        names.add_options([sanitize(name) for name in self._names])
        names.highlighted = min(place, len(self._names) - 1)

    @on(OptionList.OptionHighlighted)
    def _show_preview(self) -> None:
        text = Text()
        try:
            for name, value in read_preset(self._chosen).items() if self._chosen else ():
                text.append(f"{LABELS.get(name, sanitize(name)):14}", "muted").append(f"{sanitize(value)}\n")
        except (OSError, InvalidValue) as error:
            text = Text(sanitize(error), "failed")
        self.query_one("#preview", LiveText).set_text(text)

    @on(OptionList.OptionSelected)
    def _load(self) -> None:
        try:
            self.dismiss(read_preset(self._chosen) if self._chosen else None)
        except (OSError, InvalidValue):
            return  # the preview says what is wrong

    @work(group="dialog", exit_on_error=False)
    async def action_delete(self) -> None:
        """Delete the preset under the cursor, after a question."""
        name, place = self._chosen, self.query_one(OptionList).highlighted or 0
        if not name:
            return
        confirmed: bool = await self.app.push_screen_wait(Confirm(f"Delete the preset {name}?", "Delete"))
        if confirmed:
            self._change(lambda: delete_preset(name), place)

    @work(group="dialog", exit_on_error=False)
    async def action_rename(self) -> None:
        """Rename the preset under the cursor."""
        name = self._chosen
        new_name = await self.app.push_screen_wait(Ask("New name", name)) if name else None
        if name and new_name and new_name != name:
            self._change(lambda: rename_preset(name, new_name), 0)

    def _change(self, change: Callable[[], None], place: int) -> None:
        try:
            change()
        except FileExistsError:
            self.notify("another preset has this name", severity="error", markup=False)
        except (OSError, InvalidValue) as error:
            self.notify(sanitize(error), severity="error", markup=False)
        self._show_names(place)
