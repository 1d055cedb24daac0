"""Previews: exact where everything is read, estimates otherwise; nothing is written, and nothing keeps running."""

import asyncio
import json
from collections import Counter
from contextlib import aclosing, suppress
from dataclasses import replace

import pytest

from jobs import services
from jobs.errors import AudienceError, CannotStart, InvalidValue, UnreadablePatterns
from jobs.services import Preview
from tests.helpers.assertions import assert_inert, assert_outcome
from tests.helpers.deployment import YEAR_END, YEAR_START, TestDeployment
from tests.helpers.oracle import Patterns, Post, as_line, decide, matches, outcome
from tests.helpers.posts import END, PATTERNS, RANGE, RULES, SOURCES, START, odd_posts, post
from tests.helpers.running import until, work_in_process

COMMAND = ("preview", "--start-time", YEAR_START, "--end-time", YEAR_END)


async def last(deployment: TestDeployment, rows: int = 20_000, **values: object) -> Preview:
    """Return the last preview of a range."""
    found = [one async for one in services.preview_task(deployment, deployment.request(**RANGE | values), rows, seed=1)]
    return found[-1]


def read_by_a_task(posts: list[Post], column: str) -> list[Post]:
    return [
        post
        for post in posts
        if START <= post.post_time <= END and None not in (post.s_id, post.author, getattr(post, column))
    ]


@pytest.mark.parametrize(
    ("patterns", "predict_type", "column"),
    [(PATTERNS, "author_name", "author"), (RULES, "content", "content")],
    ids=["names", "contents"],
)
async def test_a_preview_of_everything_equals_the_oracle(
    deployment: TestDeployment, patterns: Patterns, predict_type: str, column: str
) -> None:
    posts = odd_posts(2_000, seed=11)
    deployment.write_patterns(patterns, predict_type)
    deployment.write_posts(posts)
    model = "keyword_model" if column == "author" else "rule_model"
    found = await last(deployment, model_type=model, predict_type=predict_type)

    rows = read_by_a_task(posts, column)
    labels = [(one, decide(getattr(one, column), patterns)) for one in rows]
    assert (found.rows, found.everything, found.done) == (len(rows), True, 1.0)
    assert found.labelled.value == sum(label is not None for _, label in labels) / len(rows)
    assert found.labelled.low == found.labelled.value == found.labelled.high
    panels = Counter(f"/{label[0]}" for _, label in labels if label)
    assert {panel: share.value for panel, share in found.panels.items()} == {
        f"/{label}": panels[f"/{label}"] / len(rows) for label in sorted(patterns)
    }
    assert {one.result: one.rows for one in found.results} == Counter(
        SOURCES.get(str(one.s_id), "other") for one in rows
    )
    for result in found.results:
        of_result = [label for one, label in labels if SOURCES.get(str(one.s_id), "other") == result.result]
        assert result.labelled.value == sum(label is not None for label in of_result) / len(of_result)
        for panel, share in zip(found.panels, result.panels, strict=True):
            assert share.value == sum(label is not None and f"/{label[0]}" == panel for label in of_result) / len(
                of_result
            )
    authors = {(one.s_id, one.author) for one in rows}
    labelled_authors = {(one.s_id, one.author) for one, label in labels if label}
    assert found.authors == len(authors)
    assert found.authors_labelled.value == len(labelled_authors) / len(authors)
    for one in found.patterns:
        assert one.hits == sum(matches(getattr(row, column), as_line(one.pattern)) for row in rows)
    assert sum(one.decided for one in found.patterns) == sum(panels.values())


async def test_a_sample_grows_and_its_shares_come_with_their_intervals(deployment: TestDeployment) -> None:
    posts = odd_posts(30_000, seed=12)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts, id_type="VARCHAR(64) PRIMARY KEY")
    found = [one async for one in services.preview_task(deployment, deployment.request(**RANGE), 4_000, seed=2)]
    assert [one.rows for one in found] == sorted(one.rows for one in found) and len(found) > 3
    assert [one.done for one in found] == sorted(one.done for one in found) and found[-1].done == 1
    final = found[-1]
    assert final.results and not any(one.results for one in found[:-1]), "only what is shown is estimated"
    assert 3_500 < final.rows < 6_000 and not final.everything
    rows = read_by_a_task(posts, "author")
    true = sum(decide(str(one.author), PATTERNS) is not None for one in rows) / len(rows)
    # Five standard errors: it fails once in a million times.
    assert final.labelled.value is not None
    assert abs(final.labelled.value - true) < 5 * (final.labelled.high - final.labelled.low) / 3.92
    assert final.labelled.low < final.labelled.value < final.labelled.high
    assert found[0].labelled.high - found[0].labelled.low > final.labelled.high - final.labelled.low


async def test_a_preview_shows_conflicts_examples_and_patterns_without_a_hit(deployment: TestDeployment) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(
        [post(1, "Ann Tan", "2020-04-01"), post(2, "Annie", "2020-04-01"), post(3, "x", "2020-04-01")]
    )
    found = await last(deployment)
    assert found.conflicts == {("female", "male"): 1}
    ann = next(one for one in found.patterns if one.pattern.text == "ann")
    assert (ann.hits, ann.decided, ann.alone, ann.conflicts) == (2, 2, 1, 1)
    assert set(ann.examples) == {"Ann Tan", "Annie"}
    assert sum(one.hits == 0 for one in found.patterns) == len(found.patterns) - 2


async def test_an_empty_range_gives_no_rows(deployment: TestDeployment) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts([])
    assert [one.rows async for one in services.preview_task(deployment, deployment.request())] == [0]
    done = deployment.command(*COMMAND)
    assert (done.returncode, done.stdout.strip()) == (0, "the range has no post that a task would read")
    assert json.loads(deployment.command(*COMMAND, "--json").stdout)["rows"] == 0


async def test_nothing_is_written_and_the_output_server_is_not_needed(one_post: TestDeployment) -> None:
    done = one_post.command(*COMMAND, "--json", OUTPUT_PORT="1", REDIS_URL="redis://127.0.0.1:1")
    assert json.loads(done.stdout)["rows"] == 1
    assert not one_post.output_exists()


async def test_a_preview_that_is_cancelled_at_any_time_leaves_no_query_running(deployment: TestDeployment) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(20_000, seed=3), id_type="VARCHAR(64) PRIMARY KEY")

    def connections() -> int:
        sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = %s"
        return int(deployment.rows(sql, deployment.settings.input_user)[0][0])

    for number in range(15):

        async def run() -> None:
            async with aclosing(services.preview_task(deployment, deployment.request(**RANGE), 5_000)) as previews:
                async for _ in previews:
                    pass

        task = asyncio.create_task(run())
        await asyncio.sleep(number * 0.02)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await until(lambda: connections() == 0, seconds=5)


async def test_a_table_that_a_task_is_labelling_is_previewed_meanwhile_and_neither_disturbs_the_other(
    few_posts: TestDeployment,
) -> None:
    alone = await last(few_posts)
    task_id = await services.create_task(few_posts, few_posts.request(**RANGE))
    with few_posts.servers.connect() as connection, connection.cursor() as cursor:
        cursor.execute(few_posts.named("LOCK TABLES {output}.fbfans WRITE"), ())
        working = asyncio.create_task(work_in_process(few_posts, few_posts.ref(task_id)))
        # It has read the posts, and waits to write label rows.
        waiting = "SELECT 1 FROM information_schema.processlist WHERE user = %s AND state LIKE 'Waiting for table%%'"
        await until(lambda: few_posts.rows(waiting, few_posts.settings.output_user))
        meanwhile = await last(few_posts)
        assert not working.done()
    await working
    assert replace(meanwhile, seconds=0.0) == replace(alone, seconds=0.0)
    expected = outcome(odd_posts(2_000, seed=8), PATTERNS, SOURCES, START, END)
    assert_outcome(few_posts, await services.check_status(few_posts, task_id), expected)


async def test_errors_have_their_codes(one_post: TestDeployment) -> None:
    async def error(rows: int = 100, **values: object) -> type[AudienceError]:
        with pytest.raises(AudienceError) as raised:
            await last(one_post, rows, **values)
        return raised.type

    assert await error(rows=0) is InvalidValue
    assert await error(target_table="missing") is CannotStart
    assert await error(predict_type="title") is UnreadablePatterns
    away = one_post.command(*COMMAND, "--json", INPUT_PORT="1")
    assert (away.returncode, json.loads(away.stdout)["error_code"]) == (1, 500)
    backwards = one_post.command("preview", "--start-time", YEAR_END, "--end-time", YEAR_START, "--json")
    assert json.loads(backwards.stdout)["error_code"] == 400


def test_the_command_prints_shares_conflicts_and_every_pattern(deployment: TestDeployment) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts([post(1, "Ann Tan", "2020-04-01"), post(2, "x\x1b[2J\u202e", "2020-04-01", "WH_F0116")])
    done = deployment.command(*COMMAND)
    assert done.returncode == 0 and done.stderr == ""
    assert_inert(done.stdout.replace("\n", ""))
    lines = done.stdout.splitlines()
    assert lines[0].startswith("2 posts, all of the range, in ")
    assert "all\t2\t50.0\t50.0\t0.0\t0.0" in lines
    assert "/female before /male\t1" in lines
    assert "/female\t2\tann\tstart\t1\t1\t0\t1\tAnn Tan" in lines
    document = json.loads(deployment.command(*COMMAND, "--json").stdout)
    assert document["results"][0]["panels"]["/female"]["share"] in (0, 1)
    assert [one["hits"] for one in document["patterns"] if one["pattern"] == "ann"] == [1]
