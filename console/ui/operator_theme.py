"""The theme that the operator has chosen, from one session to the next."""

from textual.app import App
from textual.theme import Theme

from console.sanitize import sanitize
from console.ui import palette
from console.ui.preferences import read_preferences, write_preferences


class OperatorTheme:
    """Applies the theme that was chosen last, and saves the one that is chosen next."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._first = ""

    def apply(self) -> None:
        """Use the operator's theme. A terminal of 16 colours has no other colours than its own."""
        app = self._app
        app.register_theme(palette.DARK)
        app.register_theme(palette.LIGHT)
        theme = app.available_themes.get(read_preferences().theme, palette.DARK)
        name = theme.name
        if app.console.color_system == "standard" and not theme.ansi:
            name = "ansi-dark" if theme.dark else "ansi-light"
        self._first = app.theme = name
        app.theme_changed_signal.subscribe(app, self._save)

    def _save(self, theme: Theme) -> None:
        if theme.name == self._first:
            self._first = ""  # chosen here, not by the operator; what comes next is the operator's choice
            return
        try:
            write_preferences(theme=theme.name)
        except OSError as error:
            self._app.notify(sanitize(f"theme not saved: {error}"), severity="warning", markup=False)
