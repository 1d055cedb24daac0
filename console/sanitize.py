"""Text that comes from the data, made harmless for a terminal."""

import json
import re
import unicodedata

# Control characters and format characters: escape sequences, bidi marks, invisible ones.
_HARMFUL = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
_SUSPECT = re.compile(r"[^\x20-\x7e\u00a1-\u00ac\u00ae-\u05ff\u3000-\u9fff\uac00-\ud7a3\uff01-\uff60]")


def harmless(text: object) -> str:
    """The text with every character that a terminal might act on written out: `\\x1b`, `\\u202e`."""
    return _SUSPECT.sub(_written_out, str(text))


def harmless_json(document: str) -> str:
    """A JSON document that says the same with each of these characters, but its line ends, as `\\u202e`."""
    return "\n".join(_SUSPECT.sub(_escaped, line) for line in document.split("\n"))


def without_harmful(text: str) -> str:
    """The text without these characters."""
    return "".join(character for character in text if unicodedata.category(character) not in _HARMFUL)


def _written_out(match: re.Match[str]) -> str:
    character = match[0]
    if unicodedata.category(character) not in _HARMFUL:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    return json.dumps(character)[1:-1] if unicodedata.category(character) in _HARMFUL else character
