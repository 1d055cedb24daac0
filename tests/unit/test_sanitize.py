"""Text from the data, made safe for a terminal."""

import json

import pytest

from console.sanitize import sanitize, sanitize_json, strip_control_characters
from tests.helpers.assertions import HOSTILE_TEXT, RAW_CHARACTERS, assert_inert


@pytest.mark.parametrize("character", sorted(RAW_CHARACTERS - {"\r"}))
def test_sanitized_json_means_the_same_without_a_raw_character(character: str) -> None:
    document = json.dumps({f"a{character}b": f"雅{character}"}, ensure_ascii=False, indent=2)
    assert json.loads(sanitize_json(document)) == json.loads(document)
    assert character not in sanitize_json(document) and "雅" in sanitize_json(document)


def test_hostile_text_is_written_out_or_stripped() -> None:
    assert_inert(sanitize(HOSTILE_TEXT))
    assert_inert(strip_control_characters(HOSTILE_TEXT))
    assert sanitize("雅婷 é 😀 \x1b\u202e\U000e0041") == "雅婷 é 😀 \\x1b\\u202e\\U000e0041"
    assert strip_control_characters("雅\x1b婷\u200b") == "雅婷"
