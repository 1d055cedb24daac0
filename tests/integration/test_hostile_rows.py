"""Rows with hostile text: inert on the command line, in the log and in saved files; unchanged in the tables."""

import csv
import json

import pytest

from jobs import services
from jobs.errors import CannotStart
from tests.helpers.assertions import HOSTILE_TEXT, assert_inert
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import PATTERNS, RANGE, START, odd_posts, post
from tests.helpers.running import finished, run_in_process


async def test_hostile_rows_are_inert_on_the_command_line_in_the_log_and_in_saved_files(
    deployment: TestDeployment,
) -> None:
    long = "雅婷" + "x" * 200
    message = HOSTILE_TEXT.replace("\x00", "")[:100]
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(
        [
            post(1, "ann" + HOSTILE_TEXT, "2020-06-01 00:00:00"),
            post(2, long, "2020-06-01 00:00:00", s_id="\x1b[2J`'%s\n\u202e"),
            post(3, "ann", "2020-06-01 00:00:00", s_id="=cmd()"),
        ]
    )
    deployment.write_sources("default = 'other'\n")
    with deployment.workers():
        task = await finished(deployment, await services.create_task(deployment, deployment.request()))
        assert (task.error, task.length_prod_table) == (None, "3")
        deployment.write_anything("DROP TABLE {output}.other")
        deployment.write_anything(
            "CREATE TABLE {output}.other AS SELECT * FROM {output}.wh_panel_mapping_other LIMIT 0"
        )
        deployment.write_anything(
            "CREATE TRIGGER {output}.quote BEFORE INSERT ON {output}.other FOR EACH ROW"
            " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = %s",
            message,
        )
        failed = await finished(deployment, await services.create_task(deployment, deployment.request()))
    assert failed.stat == "FAILURE"
    assert_inert(deployment.log())
    assert "forged" in deployment.log()
    lines = deployment.log().splitlines()
    assert not [line for line in lines if line.startswith("2026-01-01 00:00:00 1 INFO forged")]
    for arguments in (("list",), ("status", failed.task_id), ("sample", task.task_id)):
        for form in ((), ("--json",)):
            output = deployment.command(*arguments, *form).stdout
            assert output
            assert_inert(output, arguments)
    assert len(deployment.command("sample", task.task_id).stdout.splitlines()) == 4
    document = json.loads(deployment.command("sample", task.task_id, "--json").stdout)
    assert {row["match_content"] for row in document["error_message"]} == {"ann" + HOSTILE_TEXT, long, "ann"}
    rows = await services.sample_result(deployment, task.task_id)
    services.save_sample(deployment.folder / "rows.csv", rows)
    with (deployment.folder / "rows.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.reader(file))
    assert {row[2] for row in read[1:]} >= {"'=cmd()_ann"}
    services.save_sample(deployment.folder / "rows.jsonl", rows)
    assert len((deployment.folder / "rows.jsonl").read_bytes().split(b"\n")) == 4


async def test_authors_with_half_a_surrogate_pair_are_sampled_exported_compared_and_previewed(
    deployment: TestDeployment,
) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts([post(1, "Annie", str(START))])
    deployment.write_anything(
        "INSERT INTO {input}.{table} (id, s_id, author, post_time)"
        " VALUES (2, _utf8mb4 X'73EDA080F09F90B1', _utf8mb4 X'616E6EEDA080F09F90B1', %s)",
        START,
    )
    task, other = [await run_in_process(deployment, deployment.request(**RANGE)) for _ in range(2)]
    texts = {("WH_F0045_Annie", "WH_F0045", "Annie"), ("s?🐱_ann?🐱", "s?🐱", "ann?🐱")}
    rows = await services.sample_result(deployment, task.task_id)
    assert {(row.source_author, row.field_content, row.match_content) for row in rows} == texts
    exported = deployment.command("export", task.task_id, "--format", "jsonl").stdout.splitlines()
    assert {
        (row["source_author"], row["field_content"], row["match_content"]) for row in map(json.loads, exported)
    } == texts
    for arguments in (
        ("diff", task.task_id, other.task_id, "--list", "changed"),
        ("diff", task.task_id, "--now"),
        ("preview", "--start-time", RANGE["start_time"], "--end-time", RANGE["end_time"]),
    ):
        for form in ((), ("--json",)):
            command = deployment.command(*arguments, *form)
            assert (command.returncode, command.stderr) == (0, ""), arguments


async def test_a_primary_key_with_half_a_surrogate_pair_refuses_its_task_with_what_to_look_for(
    deployment: TestDeployment,
) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(30), id_type="VARCHAR(64) PRIMARY KEY")
    deployment.write_anything("UPDATE {input}.{table} SET id = CONCAT(_utf8mb4 X'EDA080', id)")
    with pytest.raises(CannotStart, match=r"not UTF-8, from X'EDA080..' on"):
        await services.create_task(deployment.with_settings(window_rows=5), deployment.request(**RANGE))
