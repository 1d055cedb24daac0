"""Hostile patterns, labels, texts and gold files: inert in the output of every command of the workbench."""

import csv
import json
import shutil

from tests.helpers.assertions import HOSTILE_TEXT, assert_inert
from tests.helpers.deployment import YEAR_END, YEAR_START, TestDeployment
from tests.helpers.oracle import Patterns
from tests.helpers.posts import post
from tests.helpers.running import run_in_process

TEXT = HOSTILE_TEXT.replace("\n", "").replace("\x00", "")
LABELS = ["=cmd()|", "[red]female", "{}%s';--"]
RANGE = ("--start-time", YEAR_START, "--end-time", YEAR_END)


async def test_hostile_keywords_and_texts_are_inert_in_every_command(deployment: TestDeployment) -> None:
    lines = [(TEXT, "partially"), (f"=cmd() {TEXT}", "start"), ("[/red]", "end"), ("\u202eann", "exactly")]
    await _assert_inert(deployment, "keyword_model", {label: lines[number:] for number, label in enumerate(LABELS)})


async def test_hostile_rules_and_texts_are_inert_in_the_json_of_every_command(deployment: TestDeployment) -> None:
    lines = [r"\x1b\]0;owned", "[/red]", "(?i)\u202e\u200b?", r"\Q[bold]x\E", "=cmd.{0,20}\x9b"]
    await _assert_inert(
        deployment, "rule_model", {label: lines[number:] for number, label in enumerate(LABELS)}, "--json"
    )


async def _assert_inert(deployment: TestDeployment, model_type: str, patterns: Patterns, *options: str) -> None:
    shutil.rmtree(deployment.settings.patterns_dir, ignore_errors=True)
    deployment.write_patterns(patterns)
    texts = [TEXT, f"=cmd() {TEXT}", "x[/red]", "\u202eann", "\x1b]0;owned", "\u202ebob", "\u202ebobby", "nobody"]
    deployment.write_posts(
        post(number, text, "2020-06-01 00:00:00", s_id="\x1b[2J`'%s\u202e" if number % 3 else "WH_F0045")
        for number, text in enumerate(texts * 5)
    )
    deployment.write_sources("default = 'other'\n")
    gold = deployment.folder / "gold.csv"
    with gold.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows(
            [("text", "label"), *((text, label) for text in texts for label in ("", *LABELS) for _ in "xxx")]
        )
        writer.writerow(("one column too many", "", HOSTILE_TEXT))
    task = await run_in_process(deployment, deployment.request(model_type=model_type))
    assert (task.error, task.prod_stat) == (None, "finish") and task.length_output_table
    shutil.rmtree(deployment.settings.patterns_dir / model_type / LABELS[0])
    of_model = ("--model-type", model_type)
    commands = [
        ("lint",),
        ("explain", *of_model, *texts),
        ("explain", "--task", task.task_id, *texts),
        ("preview", *of_model, *RANGE),
        ("evaluate", *of_model, str(gold)),
        ("suggest", *of_model, "--support", "2", "--precision", "0.1", str(gold)),
        ("suggest", *of_model, "--support", "2", *RANGE),
        ("hits", task.task_id),
        ("diff", task.task_id, "--now"),
        ("diff", task.task_id, task.task_id),
        ("diff", task.task_id, "--now", "--list", "changed"),
    ]
    for arguments in commands:
        done = deployment.command(*arguments, *options)
        assert done.returncode == 0, (arguments, done.stderr)
        assert_inert(done.stdout + done.stderr, arguments)
        if options:
            assert json.loads(done.stdout)["error_code"] == 200, arguments
    assert done.stdout.count("red]female") > 1  # by the label that is left, its texts have changed
