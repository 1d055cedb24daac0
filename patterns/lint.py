"""Warnings about a pattern set: lines that are valid, but probably not what their author means.

Every warning is certain. A pattern that is called repeated or shadowed decides about no text at all, and
what cannot be decided, such as whether one regular expression implies another, is not claimed.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import ahocorasick
import re2

from patterns.matcher import needle_of
from patterns.pattern_set import Pattern, PatternSet
from patterns.rule_search import rule_options
from patterns.text_file import shortened

Kind = Literal[
    "repeated",
    "shadowed",
    "blanks",
    "full width",
    "invisible",
    "lower case",
    "single character",
    "empty match",
    "slow",
]

_RULE_OPTIONS = rule_options()
# A rule without these is a plain text. In one without the last three, every letter stands for itself.
_METACHARACTERS = frozenset("\\.+*?()|[]{}^$")
# A blank and a letter of an alphabet. Han and kana, which are not separated by blanks, have higher codes.
_BLANK_AND_LETTER = re.compile(r" [a-z\u00c0-\u1fff]", re.IGNORECASE)
_CASE_MATTERS = re.compile(r"\\|\[|\(\?")


@dataclass(frozen=True, slots=True)
class PatternWarning:
    """A warning about one line."""

    label: str
    line: int
    """The line in the label's file, from 1."""
    pattern: Pattern
    kind: Kind
    message: str
    """What is wrong, and what to do."""


def lint(pattern_set: PatternSet) -> list[PatternWarning]:
    """Return all warnings about a pattern set, in the order of its lines."""
    lines = [
        _Line(label.name, line, pattern)
        for label in pattern_set.labels
        for line, pattern in enumerate(label.patterns, start=1)
    ]
    warnings = []
    for line, beaten in zip(lines, _beaten(lines), strict=True):
        found = [] if beaten is None else [beaten]
        for kind, message in (*found, *_of_pattern(line.pattern)):
            warnings.append(PatternWarning(line.label, line.line, line.pattern, kind, message))
    return warnings


@dataclass(frozen=True, slots=True)
class _Line:
    label: str
    line: int
    pattern: Pattern


_Found = tuple[Kind, str]


def _beaten(lines: list[_Line]) -> Iterator[_Found | None]:
    """Yield for each line whether an earlier one decides about every text that it matches.

    A keyword P is beaten exactly if the needle of an earlier one occurs in the needle of P (with the marks
    of the start and the end that matcher.needle_of describes). If none does, P decides about the text of
    its keyword between characters that are in no keyword. One search for all needles in each needle
    finds the earliest, as matching a text does.
    """
    first: dict[tuple[bool, str], int] = {}
    automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
    forms = [_form(line.pattern) for line in lines]
    for number, form in enumerate(forms):
        if first.setdefault(form, number) == number and form[0]:
            automaton.add_word(form[1], number)
    automaton.make_automaton()
    for number, (line, form) in enumerate(zip(lines, forms, strict=True)):
        literal, needle = form
        earliest = min((found for _, found in automaton.iter(needle)), default=number) if literal else number
        if first[form] < number:
            yield "repeated", f"the same as {_place(lines[first[form]], line)}; remove one of them"
        elif earliest < number:
            winner = lines[earliest]
            shown = shortened(str(winner.pattern))
            yield "shadowed", f"never decides: {_place(winner, line)} ({shown}) does first; remove it, or move it up"
        else:
            yield None


def _place(line: _Line, seen_from: _Line) -> str:
    return f"line {line.line}" if line.label == seen_from.label else f"line {line.line} of /{line.label}"


def _form(pattern: Pattern) -> tuple[bool, str]:
    """Return whether a pattern is a plain text, and a form in which patterns are compared.

    Equal forms match the same texts. If both are plain, a form that contains another matches fewer.
    """
    if pattern.match_type != "regex":
        return True, needle_of(pattern.text, pattern.match_type)
    if _CASE_MATTERS.search(pattern.text):
        return False, pattern.text
    # RE2 ignores case one character at a time, so unlike str.lower, it never matches İ with two.
    folded = "".join(low if len(low := character.lower()) == 1 else character for character in pattern.text)
    return _METACHARACTERS.isdisjoint(pattern.text), folded


def _of_pattern(pattern: Pattern) -> Iterator[_Found]:
    """Yield what is wrong with a pattern by itself."""
    text, match_type = pattern.text, pattern.match_type
    if side := blank_side(text, match_type):
        yield "blanks", f"{side} with a blank, so only texts with that blank match; remove it unless you mean it"
    if wide := next(filter(_is_wide_form, text), None):
        narrow = unicodedata.normalize("NFKC", wide)
        yield "full width", f"{wide} is not the character {narrow}, and does not match it; write a line for each"
    if hidden := next(filter(_is_invisible, text), None):
        yield "invisible", f"contains the invisible U+{ord(hidden):04X}; remove it"
    if match_type == "regex":
        if "İ" in text:
            yield "lower case", "İ matches nothing, because texts are compared in lower case; write i̇"
        if re2.compile(text, _RULE_OPTIONS).search(b"") is not None:
            yield "empty match", "matches the empty text, and so likely every text; make a part of it mandatory"
    elif message := _lower_case(text, match_type):
        yield "lower case", message
    if len(text) == 1 and (match_type == "partially" or _form(pattern) == (True, text.lower())):
        yield "single character", "one character anywhere in a text matches too much; use start, end or exactly"


def blank_side(text: str, match_type: str) -> str | None:
    """Return which end of a pattern has a blank, without a blank that ends a word.

    `tommy ` with `start` and ` tommy` with `end` are how a whole word is written in a script that separates words.
    """
    begins = text[0].isspace() and not (match_type == "end" and _BLANK_AND_LETTER.match(text))
    ends = text[-1].isspace() and not (match_type == "start" and _BLANK_AND_LETTER.match(text[::-1]))
    return "begins" if begins else "ends" if ends else None


def _lower_case(keyword: str, match_type: str) -> str | None:
    """Return what is unexpected about the lower case of a keyword."""
    for character in keyword:
        low = character.lower()
        if low.upper() != character.upper():
            return f"{character} is compared as {low}, another letter than it looks like; write {low}"
    # The lower case of Σ depends on whether letters stand before and after it.
    befores = ("", "Α") if match_type in ("partially", "end") else ("",)
    afters = ("", "Α") if match_type in ("partially", "start") else ("",)
    if any(keyword.lower() not in f"{before}{keyword}{after}".lower() for before in befores for after in afters):
        return f"is compared as {keyword.lower()}, but Σ is σ or ς by the letters next to it; write a line for each"
    return None


@cache
def _is_wide_form(character: str) -> bool:
    """Whether a character is the full-width or half-width form of a letter, a digit or a blank."""
    form = unicodedata.decomposition(character).startswith(("<wide>", "<narrow>"))
    normal = unicodedata.normalize("NFKC", character)
    return form and (normal.isalnum() or normal.isspace())


@cache
def _is_invisible(character: str) -> bool:
    """Whether a character has no shape, and no use in emoji and ligatures as the two joiners have."""
    return unicodedata.category(character) in ("Cc", "Cf") and character not in "\u200c\u200d"
