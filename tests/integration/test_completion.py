"""What shells complete: quickly, and silently if the servers are away."""

import subprocess

import pytest

from console.cli.main import COMMANDS
from jobs import services
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import post
from tests.helpers.running import run_in_process
from tests.helpers.schedules import add_schedule
from tests.helpers.terminal import AUDIENCE

AWAY = {"OUTPUT_PORT": "1", "INPUT_PORT": "1"}


@pytest.fixture
async def plain(one_post: TestDeployment) -> TestDeployment:
    """A deployment whose output schema has a name that needs no quotes, as one completes it."""
    one_post.write_posts([post(1, "Annie", "2020-06-01 00:00:00"), post(2, "Annie", "2020-06-01 00:00:00", "WH_F0116")])
    return one_post


def complete(deployment: TestDeployment, words: str, shell: str = "bash", **changes: str) -> list[str]:
    """Return the lines that a shell gets for the last of these words."""
    protocol = (
        {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
        if shell == "bash"
        else {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    )
    done = deployment.command(_AUDIENCE_COMPLETE=f"complete_{shell}", **protocol, **changes)
    assert done.returncode == 0 and done.stderr == ""
    return done.stdout.split("\n")[:-1]


async def test_task_ids_are_completed_where_the_command_is_possible(plain: TestDeployment) -> None:
    task = await run_in_process(plain, plain.request())
    pending = await services.create_task(plain, plain.request())
    both = [pending, task.task_id]
    for words, expected in (
        ("audience status ", both),
        ("audience diff x ", both),
        (f"audience status {pending[:8]}", [pending]),
        ("audience abort ", [pending]),
        ("audience resume ", []),
        ("audience export ", [task.task_id]),
        (f"audience export {task.task_id[:8]} --table wh_panel_mapping_f", ["wh_panel_mapping_fbfans"]),
    ):
        assert [found for found in complete(plain, words) if found] == expected, words
    (line,) = complete(plain, "audience export ", "fish")
    assert line.startswith(f"{task.task_id}\tSUCCESS keyword_model author_name 20")
    assert f'"{task.task_id}":"SUCCESS keyword_model' in complete(plain, "audience export ", "zsh")[0]


def test_commands_options_and_values_are_completed(plain: TestDeployment) -> None:
    assert complete(plain, "audience ") == list(COMMANDS)
    assert complete(plain, "audience export x --fo") == ["--format"]
    assert complete(plain, "audience export x --format ") == ["csv", "jsonl", "parquet"]
    assert complete(plain, "audience create --predict-type t") == ["title"]
    assert complete(plain, "audience lint --model-type ") == ["keyword_model", "rule_model"]
    assert "FAILURE" in complete(plain, "audience list --status ")


async def test_schedules_and_their_parameters_are_completed(plain: TestDeployment) -> None:
    await add_schedule(plain, "nightly")
    await add_schedule(plain, "weekly")
    assert complete(plain, "audience schedule ") == ["add", "list", "show", "pause", "unpause", "run", "remove"]
    for words in ("audience schedule show ", "audience schedule run ", "audience list --schedule "):
        assert complete(plain, words) == ["nightly", "weekly"], words
    assert complete(plain, "audience schedule remove w") == ["weekly"]
    assert complete(plain, "audience schedule add x --timezone Asia/Tai") == ["Asia/Taipei"]
    assert complete(plain, "audience schedule add x --range l") == ["last-7-days"]
    assert complete(plain, "audience schedule add x --catch-up ") == ["latest", "all", "none"]


def test_a_name_that_a_shell_would_act_on_is_not_completed(deployment: TestDeployment) -> None:
    deployment.write_posts([])
    table = "CREATE TABLE {input}.`%s` (post_time DATETIME, author TEXT, s_id TEXT)"
    for name in ("posts", "$(reboot)"):
        deployment.write_anything(table % name)
    assert complete(deployment, "audience create --target-table ") == ["posts"]
    assert complete(deployment, "audience create --target-schema ") == [""]


def test_without_servers_or_settings_nothing_is_completed_and_nothing_is_said(plain: TestDeployment) -> None:
    (plain.folder / ".env").write_text("QUEUE='1\n")
    for words in ("audience status ", "audience create --target-schema ", "audience list --output-schema "):
        assert complete(plain, words, **AWAY) == [""]


def test_bash_completes_by_the_script_that_the_command_shows(plain: TestDeployment) -> None:
    script = (
        'eval "$("$0" --show-completion bash)"; COMP_WORDS=(audience exp); COMP_CWORD=1;'
        ' _audience_completion "$0"; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script, AUDIENCE], env=plain.environment(), capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("export explain\n", "")
