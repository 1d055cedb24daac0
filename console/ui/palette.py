"""What colours mean, the same in every theme, and readable on every background.

Texts are styled by tones, such as `failed` or `bold running`. A tone becomes a colour where it is painted, because only
there the background is known.
"""

from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style
from textual.app import App
from textual.color import BLACK, WHITE, Color
from textual.theme import Theme

MINIMUM_CONTRAST = 4.5
"""WCAG 2's least contrast of normal text, level AA."""

# The colour of a theme that each tone takes, and the colour of a terminal that has its own.
_TONES = {
    "running": ("primary", "cyan"),
    "waiting": ("warning", "yellow"),
    "failed": ("error", "red"),
    "aborted": ("secondary", "magenta"),
    "done": ("success", "green"),
    "accent": ("accent", "blue"),
    "muted": ("", ""),
    "faint": ("", ""),
}
# How much of the background is in a text that need not stand out, and in a line that only guides the eye.
_MUTED, _FAINT = 0.35, 0.75

DARK = Theme(
    name="audience-dark",
    primary="#5ab0f0",
    secondary="#b294e0",
    accent="#4cc3b0",
    warning="#e8b45a",
    error="#f4747e",
    success="#7bc77e",
    foreground="#d6dde8",
    background="#12161d",
    surface="#181d26",
    panel="#212835",
    dark=True,
    variables={"footer-key-foreground": "#4cc3b0", "border": "#4cc3b0", "border-blurred": "#39445a"},
)
LIGHT = Theme(
    name="audience-light",
    primary="#1566b0",
    secondary="#7446ad",
    accent="#0b7568",
    warning="#8f5b00",
    error="#bb2433",
    success="#24743a",
    foreground="#232b38",
    background="#f8f9fb",
    surface="#eef1f5",
    panel="#e2e7ee",
    dark=False,
    variables={"footer-key-foreground": "#0b7568", "border": "#0b7568", "border-blurred": "#b8c1cf"},
)


@dataclass(frozen=True)
class Palette:
    """The tones of a theme. `colours` maps the names of a theme's colours to their values."""

    colours: tuple[tuple[str, str], ...]
    ansi: bool = False
    """Whether the terminal's own colours are used, which are unknown."""
    monochrome: bool = False

    @classmethod
    def of(cls, app: "App[object]") -> "Palette":
        """Return the palette of an app's theme."""
        variables = app.theme_variables
        names = {theme for theme, _ in _TONES.values() if theme}
        colours = tuple((name, variables[name]) for name in sorted(names))
        return cls(colours, app.native_ansi_color, app.no_color)

    def paint(self, words: str | Style, base: Style) -> Style:
        """Return the style of a text with these words, such as `bold failed`, on the base's background."""
        return _paint(self, str(words), base)


@lru_cache(4096)
def _paint(palette: Palette, words: str, base: Style) -> Style:
    tones = [word for word in words.split() if word in _TONES]
    style = base + Style.parse(" ".join(word for word in words.split() if word not in _TONES))
    plain = style.bgcolor is None or style.bgcolor.is_default
    if palette.ansi:
        return _paint_ansi(style, tones[-1] if tones else "", tinted=plain and not style.reverse)
    if plain or style.color is None:
        return style
    background, foreground = Color.from_rich_color(style.bgcolor), Color.from_rich_color(style.color)
    if tones == ["faint"]:
        return style + Style.from_color(foreground.blend(background, _FAINT).rich_color)
    if tones == ["muted"]:
        foreground = foreground.blend(background, _MUTED)
    elif tones and not palette.monochrome:
        foreground = Color.parse(dict(palette.colours)[_TONES[tones[-1]][0]])
    return style + Style.from_color(readable(foreground, background).rich_color)


def _paint_ansi(style: Style, tone: str, *, tinted: bool) -> Style:
    if tone in ("muted", "faint"):
        return style + Style(dim=tinted)
    return style + Style.parse(_TONES[tone][1]) if tone and tinted else style


def readable(colour: Color, background: Color) -> Color:
    """Return the colour, made lighter or darker until it is readable on the background."""
    towards = max((WHITE, BLACK), key=lambda end: contrast(end, background))
    for step in range(0, 21):
        changed = colour.blend(towards, step / 20, 1.0)
        if contrast(changed, background) >= MINIMUM_CONTRAST:
            return changed
    return towards


def contrast(one: Color, other: Color) -> float:
    """Return the contrast of two colours by WCAG 2, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
