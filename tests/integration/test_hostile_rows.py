"""Rows with hostile text: inert on the command line, in the log and in saved files; unchanged in the tables."""

import csv
import json

from jobs import services
from tests.helpers.assertions import HOSTILE_TEXT, assert_inert
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import PATTERNS, post
from tests.helpers.running import finished


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
