"""Suggestions from a sample of a range: what texts without a label have in common."""

import json

from tests.helpers.assertions import assert_inert
from tests.helpers.deployment import YEAR_END, YEAR_START, TestDeployment
from tests.helpers.posts import PATTERNS, post

RANGE = ("--start-time", YEAR_START, "--end-time", YEAR_END)


def test_frequent_sequences_of_texts_without_a_label_come_with_examples(deployment: TestDeployment) -> None:
    deployment.write_patterns(PATTERNS)
    names = [
        *(f"{chr(0x4E00 + n)}婷" for n in range(60)),
        *(f"雅婷{n}" for n in range(99)),
        *["same"] * 99,
        "\x1b\u202e",
    ]
    deployment.write_posts([post(number, name, "2020-06-01") for number, name in enumerate(names)])
    done = deployment.command("suggest", *RANGE)
    header, line = (line.split("\t") for line in done.stdout.splitlines())
    assert header == ["pattern", "match type", "texts", "share %", "examples"]
    assert line[:3] == ["婷", "end", "60"]
    assert_inert(done.stdout.replace("\n", ""))
    (one,) = json.loads(deployment.command("suggest", *RANGE, "--json").stdout)["content"]
    assert one["share"]["share"] == 60 / 62 and all(text.endswith("婷") for text in one["examples"])
    assert json.loads(deployment.command("suggest", *RANGE, "--support", "61", "--json").stdout)["content"] == []


def test_a_range_or_a_gold_file_is_needed(one_post: TestDeployment) -> None:
    for arguments in ((), RANGE[:2], (*RANGE, "--support", "0"), (*RANGE, "--rows", "0")):
        done = one_post.command("suggest", *arguments, "--json")
        assert (done.returncode, json.loads(done.stdout)["error_code"]) == (1, 422)
