"""Every text that shows a state can be read, in every theme, under the cursor or not."""

from functools import cache

import pytest
from rich.color import Color
from textual.pilot import Pilot
from textual.strip import Strip
from textual.theme import BUILTIN_THEMES

from console.ui import palette
from console.ui.preferences import read_preferences
from console.ui.screens.tasks import TasksScreen
from tests.helpers.fixed_app import TASKS, FixedApp
from tests.helpers.screens import opened, shown, table

_LINES = "━╸─│╭╮╰╯■▁▂▃▄▅▆▇█░▓▊▎ "
_THEMES = [palette.DARK, palette.LIGHT, *BUILTIN_THEMES.values()]
_COLOURED = [theme.name for theme in _THEMES if not theme.ansi]


def luminance(colour: Color) -> float:
    """WCAG 2's relative luminance, written out naively."""
    assert colour.triplet is not None
    parts = [part / 255 for part in colour.triplet]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@cache
def contrast(text: Color, background: Color) -> float:
    one, other = luminance(text), luminance(background)
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def faint_texts(strip: Strip) -> list[tuple[str, float]]:
    """Return the texts of a line, without lines and bars, whose contrast is below 4.5."""
    found = []
    for segment in strip:
        text = segment.text.strip(_LINES)
        if text:
            style = segment.style
            assert style is not None and style.color is not None and style.bgcolor is not None
            ratio = contrast(style.color, style.bgcolor)
            if ratio < 4.5:
                found.append((text, round(ratio, 2)))
    return found


def unreadable(pilot: Pilot[None]) -> list[tuple[str, float]]:
    """Return the texts of the screen that are hard to read."""
    return [text for strip in pilot.app.screen._compositor.render_strips() for text in faint_texts(strip)]


@pytest.mark.parametrize("theme", _COLOURED)
async def test_every_state_is_readable_with_and_without_the_cursor(theme: str) -> None:
    await _read_every_row(theme)


@pytest.mark.parametrize("theme", [palette.DARK.name, palette.LIGHT.name])
async def test_every_state_is_readable_without_colours(theme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    await _read_every_row(theme)


async def _read_every_row(theme: str) -> None:
    async with FixedApp().run_test(size=(200, 50)) as pilot:
        await opened(pilot, TasksScreen)
        pilot.app.theme = theme
        await pilot.pause()
        for row in range(len(TASKS)):
            assert table(pilot).cursor_row == row
            assert not unreadable(pilot)
            pilot.app.screen.set_focus(None)  # the cursor of a table without focus has another background
            await pilot.pause()
            assert not unreadable(pilot)
            table(pilot).focus()
            await pilot.press("down")
            await pilot.pause()


@pytest.mark.parametrize("keys", ["w", "p", "m", "question_mark", "n", "o", "a", "c", "x", "slash", "enter"])
async def test_every_screen_and_dialog_is_readable_in_the_themes_of_the_project(keys: str) -> None:
    async with FixedApp().run_test(size=(120, 40)) as pilot:
        await opened(pilot, TasksScreen)
        await pilot.press(keys)
        for theme in (palette.DARK.name, palette.LIGHT.name):
            pilot.app.theme = theme
            await pilot.pause()
            screen = pilot.app.screen
            # A dialog dims the screen below it on purpose.
            region = screen.query_one(".dialog").region if screen.is_modal else screen.region
            strips = screen._compositor.render_strips()[region.y : region.bottom]
            assert not [text for strip in strips for text in faint_texts(strip.crop(region.x, region.right))], theme


@pytest.mark.parametrize(
    ("term", "theme"), [("xterm", "ansi-dark"), ("screen", "ansi-dark"), ("xterm-256color", palette.DARK.name)]
)
async def test_a_terminal_of_16_colours_keeps_its_own(term: str, theme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("COLORTERM", raising=False)
    async with FixedApp().run_test(size=(80, 24)) as pilot:
        await opened(pilot, TasksScreen)
        assert pilot.app.theme == theme
    assert read_preferences().theme == palette.DARK.name, "the operator's choice for better terminals stays"


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light"])
async def test_the_parts_of_a_bar_and_the_states_differ_without_colours(theme: str) -> None:
    async with FixedApp().run_test(size=(120, 40)) as pilot:
        await opened(pilot, TasksScreen)
        pilot.app.theme = theme
        await pilot.pause()
        lines = shown(pilot).splitlines()
        assert any("━" in line and "─" * 3 in line.strip("╭╮╰╯─│ ") and "29%" in line for line in lines)
        assert all(any(f"{glyph}  " in line for line in lines) for glyph in "▸◌✓✗⊘")
