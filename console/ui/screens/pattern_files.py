"""What a screen about pattern files does besides showing them: reads, checks and watches them, and opens the editor."""

import asyncio
import os
import subprocess
from pathlib import Path

from textual import work
from textual.app import SuspendNotSupported

from console.ui.editor import editor_command
from console.ui.pattern_book import PatternBook, SetKey, lint_book, read_book
from console.ui.screens.base import BaseScreen, ScreenContext
from jobs.errors import UnreadablePatterns
from jobs.services import load_explainer
from patterns.edits import fingerprint
from patterns.explain import Explainer

_LOOK_SECONDS = 1.0


class PatternFilesScreen(BaseScreen):
    """A screen over the pattern files as they are. It shows `book` whenever that has been read."""

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self.book: PatternBook | None = None
        self._explainers: dict[SetKey, Explainer | str] = {}
        self._looking = False

    def on_mount(self) -> None:
        # Textual calls the handlers of base classes by itself; a second call would watch twice.
        self.read_files()
        self.set_interval(_LOOK_SECONDS, self._ask_to_look)

    def show_book(self) -> None:
        """Show `book`."""

    def files_changed(self, *, here: bool) -> None:
        """Follow a change of the files, which the operator made `here` or somebody else did."""

    @work(group="read", exclusive=True, exit_on_error=False)
    async def read_files(self) -> None:
        """Read all files, show them, then check them, which takes longer."""
        book = await asyncio.to_thread(read_book, self.deployment.settings.patterns_dir)
        if self.book is None or book.fingerprint != self.book.fingerprint:
            self._explainers = {}
        self.book = book
        self.show_book()
        self.book = await asyncio.to_thread(lint_book, book)
        self.show_book()

    def _ask_to_look(self) -> None:
        if self.is_current and self.book is not None and not self._looking:
            self._looking = True
            self._look()

    @work(group="look", exit_on_error=False)
    async def _look(self) -> None:
        """Read the files again if one has changed. A folder that hangs holds up nothing else."""
        try:
            state = await asyncio.to_thread(fingerprint, self.deployment.settings.patterns_dir)
        finally:
            self._looking = False
        if self.book is not None and state != self.book.fingerprint:
            self.read_files()
            self.show_message("pattern files have changed; read again")
            self.files_changed(here=False)

    async def explainer_of(self, key: SetKey) -> Explainer | str:
        """Return the explainer of a pattern set, or why there is none."""
        known = self._explainers
        if key not in known:
            known[key] = await asyncio.to_thread(_load_explainer, self.deployment.settings.patterns_dir, key)
        return known[key]

    def known_explainer(self, key: SetKey) -> Explainer | None:
        """Return the explainer of a pattern set if it has been asked for and there is one."""
        known = self._explainers.get(key)
        return known if isinstance(known, Explainer) else None

    def open_editor(self, path: Path, line: int | None) -> None:
        """Leave the terminal to the operator's editor until it ends, then read the files again."""
        try:
            command = editor_command(path, line, os.environ)
            with self.app.suspend():
                status = subprocess.run(command, check=False).returncode
        except SuspendNotSupported:
            self.show_message("this terminal cannot be given to an editor", error=True)
            return
        except (OSError, ValueError) as error:
            self.show_message(f"the editor did not start: {error}", error=True)
            return
        if status:
            self.show_message(f"the editor ended with status {status}", error=True)
        before = self.book.fingerprint if self.book else None
        self.read_files()
        if fingerprint(self.deployment.settings.patterns_dir) != before:
            self.files_changed(here=True)


def _load_explainer(directory: Path, key: SetKey) -> Explainer | str:
    try:
        return load_explainer(directory, *key)
    except UnreadablePatterns as error:
        return str(error)
