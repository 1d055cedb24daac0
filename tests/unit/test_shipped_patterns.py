"""The pattern files that come with the project; those for names are judged on its gold file."""

import csv
from functools import cache
from pathlib import Path

import pytest

import patterns
from patterns.files import label_names, read_pattern_set
from patterns.match import Matcher
from patterns.matcher import build_matcher
from patterns.pattern_set import ModelType

FOLDER = Path(patterns.__file__).parent
MODELS: tuple[ModelType, ...] = ("keyword_model", "rule_model")
# The rule of a label row has at least this width. Rules are repeated in every label row, so they are short.
MAX_RULE_LENGTH = 255


@pytest.fixture(scope="module")
def gold() -> list[tuple[str, str]]:
    """The texts and their labels; no label: none is right."""
    with (FOLDER / "gold" / "author_name.csv").open(encoding="utf-8", newline="") as file:
        return [(line["text"], line["label"]) for line in csv.DictReader(file)]


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> ModelType:
    return request.param  # type: ignore[no-any-return]


@cache
def matcher(model: ModelType) -> Matcher:
    return build_matcher(read_pattern_set(FOLDER, model, "author_name"))


def found_label(names: Matcher, text: str) -> str:
    match = names.match(text)
    return match.label if match else ""


def test_the_gold_file_names_each_text_once_and_only_labels_that_exist(gold: list[tuple[str, str]]) -> None:
    assert len({text for text, _ in gold}) == len(gold) > 400
    for model in MODELS:
        assert {label for _, label in gold} == {"", *label_names(FOLDER, model)}


def test_no_text_of_the_gold_file_gets_a_wrong_label(model: ModelType, gold: list[tuple[str, str]]) -> None:
    names = matcher(model)
    wrong = {text: found_label(names, text) for text, label in gold if found_label(names, text) not in ("", label)}
    assert not wrong


@pytest.mark.parametrize(("model", "share"), [("keyword_model", 0.6), ("rule_model", 0.85)])
def test_most_names_of_the_gold_file_get_a_label(model: ModelType, share: float, gold: list[tuple[str, str]]) -> None:
    names = matcher(model)
    found = [bool(found_label(names, text)) for text, label in gold if label]
    assert sum(found) >= share * len(found)


def test_the_labels_never_contradict_each_other(model: ModelType, gold: list[tuple[str, str]]) -> None:
    names = matcher(model)
    labels = [label.name for label, _ in read_pattern_set(FOLDER, model, "author_name")]
    assert not [text for text, _ in gold if len({labels[number] for number in names.hits(text)}) > 1]


def test_no_pattern_is_written_twice(model: ModelType) -> None:
    written = [pattern for _, pattern in read_pattern_set(FOLDER, model, "author_name")]
    assert len(set(written)) == len(written)


def test_rules_fit_the_label_rows() -> None:
    rules = [pattern.text for _, pattern in read_pattern_set(FOLDER, "rule_model", "author_name")]
    assert max(map(len, rules)) <= MAX_RULE_LENGTH


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("林雅婷", "female"),
        ("林雅婷 Tina 🌸", "female"),
        ("陳林秀鳳", "female"),
        ("陳志明", "male"),
        ("Vera Kuan", "female"),
        ("Kuan Vera", "female"),
        ("Ann Tan", "female"),
        ("KEVIN", "male"),
        ("林雅婷的日常", ""),
        ("小美的日常", ""),
        ("台北美食", ""),
        ("小婷", ""),
        ("Rose Garden Cafe", ""),
        ("Rose", ""),
        ("Sunny", ""),
        ("Kevin Studio", ""),
    ],
)
def test_rules_label_names_and_not_what_contains_one(text: str, label: str) -> None:
    assert found_label(matcher("rule_model"), text) == label


def test_rules_for_contents_find_what_authors_say_of_themselves() -> None:
    contents = build_matcher(read_pattern_set(FOLDER, "rule_model", "content"))
    assert found_label(contents, "我老公說") == "female"
    assert found_label(contents, "今天天氣好") == ""
