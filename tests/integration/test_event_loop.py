"""Matching leaves the event loop to heartbeats and signals, however slow the patterns and however long the texts."""

import random
import signal
import time

import pytest

from jobs import services
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from tests.helpers.deployment import TestDeployment
from tests.helpers.event_loop import longest_hold
from tests.helpers.posts import post
from tests.helpers.running import until

# Two thirds of all letters, so that nearly every position begins a match, and no literal that a filter could look for.
SLOW_RULES = [f"[a-q][^u-z]{{{length}}}[xyz]{length}" for length in range(30, 60)]
HELD_SECONDS = 0.25
"""Far above what the loop is held for, 60 ms, and below what it is if the longest text is matched as a whole."""


def write_contents(deployment: TestDeployment, count: int, length: int) -> None:
    rng = random.Random(1)
    letters = "abcdefghijklmnopqrst "
    deployment.write_posts(
        [
            post(number, f"author {number}", "2020-06-01 00:00:00", content="".join(rng.choices(letters, k=length)))
            for number in range(count)
        ]
    )


async def label(deployment: TestDeployment, **values: str) -> None:
    """Run the label job of a new task in this process."""
    task_id = await services.create_task(deployment, deployment.request(predict_type="content", **values))
    await LabelLane(WorkerContext(deployment), deployment.ref(task_id)).run()


@pytest.mark.parametrize(("count", "length"), [(300, 100), (12, 2_000), (1, 60_000)])
async def test_slow_rules_do_not_hold_the_event_loop(deployment: TestDeployment, count: int, length: int) -> None:
    deployment.write_patterns({"slow": SLOW_RULES}, "content")
    write_contents(deployment, count, length)
    started = time.process_time()
    assert await longest_hold(lambda: label(deployment, model_type="rule_model"), HELD_SECONDS) < HELD_SECONDS
    assert time.process_time() - started > 4 * HELD_SECONDS, "the rules are not slow"
    assert all(task.length_receive_table == count for task in await services.task_list(deployment))


async def test_a_long_text_and_many_keywords_do_not_hold_the_event_loop(deployment: TestDeployment) -> None:
    rng = random.Random(2)
    han = [chr(0x4E00 + number) for number in range(3_000)]
    words = ["".join(rng.choices(han, k=3)) for _ in range(20_000)]
    deployment.write_patterns({"many": [(word, "partially") for word in words]}, "content")
    deployment.write_posts([])
    deployment.write_anything("ALTER TABLE {input}.{table} MODIFY content LONGTEXT")
    text = "".join(rng.choices(han, k=50_000))
    deployment.write_anything(
        "INSERT INTO {input}.{table} (id, s_id, author, content, post_time)"
        " VALUES ('1', 'WH_F0045', 'author', REPEAT(%s, 100), '2020-06-01')",
        text,
    )
    assert await longest_hold(lambda: label(deployment), HELD_SECONDS) < HELD_SECONDS
    labelled = any(word in text * 2 for word in words)
    assert all(task.length_output_table == labelled for task in await services.task_list(deployment))


async def test_a_worker_that_matches_by_slow_rules_records_heartbeats_and_ends_within_five_seconds_of_a_sigterm(
    deployment: TestDeployment,
) -> None:
    deployment.write_patterns({"slow": SLOW_RULES}, "content")
    write_contents(deployment, 1_000, 2_000)
    with deployment.workers() as (worker,):
        await services.create_task(deployment, deployment.request(predict_type="content", model_type="rule_model"))
        await until(lambda: deployment.count("stat = 'STARTED'"))
        for _ in range(3):
            ((before,),) = deployment.rows("SELECT heartbeat FROM {output}.state")
            await until(lambda: deployment.count(f"heartbeat > '{before}'"))  # noqa: B023
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(5) == 0
