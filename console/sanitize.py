"""Sanitises text from the data, so that no terminal acts on it."""

import json
import re
import unicodedata
from collections.abc import Callable

# Control and format characters: escape sequences, bidi marks, invisible characters.
_UNSAFE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
# Only characters outside these ranges need their category looked up. It takes 3 ms to compile: with the first text that
# is not printable as it is, which most commands never meet.
_SUSPECT = r"[^\x20-\x7e\u00a1-\u00ac\u00ae-\u05ff\u3000-\u9fff\uac00-\ud7a3\uff01-\uff60]"


def sanitize(text: object) -> str:
    """Return the text with every unsafe character written as an escape: `\\x1b`, `\\u202e`."""
    return _replace_suspects(_as_text, str(text))


def sanitize_json(document: str) -> str:
    """Return an equal JSON document with every unsafe character, except line ends, written as `\\u202e`."""
    return "\n".join(_replace_suspects(_as_json, line) for line in document.split("\n"))


def strip_control_characters(text: str) -> str:
    """Return the text without unsafe characters."""
    return "".join(character for character in text if unicodedata.category(character) not in _UNSAFE)


def _replace_suspects(replace: Callable[[re.Match[str]], str], text: str) -> str:
    return text if text.isprintable() else re.sub(_SUSPECT, replace, text)


def _as_text(match: re.Match[str]) -> str:
    character = match[0]
    if unicodedata.category(character) not in _UNSAFE:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _as_json(match: re.Match[str]) -> str:
    character = match[0]
    return json.dumps(character)[1:-1] if unicodedata.category(character) in _UNSAFE else character
