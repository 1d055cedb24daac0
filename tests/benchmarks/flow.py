"""What wide texts and slow rules do to a worker: its peak memory, and how long its event loop is held."""

import asyncio
import random
import time

from console.demo import posts
from jobs.model.task import TaskRef
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from tests.benchmarks.deployment import OUTPUT_SCHEMA, BenchDeployment

WIDE_TEXTS = 2_100
WIDE_CHARACTERS = 2**20
SLOW_RULES = 1_000
SLOW_TEXTS = 2_000
SLOW_CHARACTERS = 2_000

_TABLE = "flow"
_WATCH_SECONDS = 0.001
_HAN = [chr(0x4E00 + number) for number in range(3_000)]


def wide_texts_mb(deployment: BenchDeployment, texts: int = WIDE_TEXTS) -> float:
    """Return the peak memory of a worker that labels contents of 1 MB. Every other one gets a label."""
    statements = (
        f"INSERT INTO {posts.SCHEMA}.{_TABLE} (id, s_id, author, content, post_time)"
        f" SELECT seq, 'WH_F0045', CONCAT('author ', seq), {content}, '{posts.START}' + INTERVAL seq SECOND"
        f" FROM mysql.seq_{first}_to_{texts}_step_2"
        for first, content in (
            (1, f"CONCAT(REPEAT('今天', {WIDE_CHARACTERS // 6}), '我老公')"),
            (2, f"REPEAT('x', {WIDE_CHARACTERS})"),
        )
    )
    deployment.servers.execute(f"DROP DATABASE IF EXISTS {OUTPUT_SCHEMA}", *_new_table(), *statements)
    with deployment.workers(1) as workers:
        run = asyncio.run(deployment.run(workers, target_table=_TABLE, predict_type="content", model_type="rule_model"))
    deployment.servers.execute(f"DROP TABLE {posts.SCHEMA}.{_TABLE}")
    assert run.rows == texts
    return run.worker_peak_mb


def slow_rules_longest_pause_s(deployment: BenchDeployment, texts: int = SLOW_TEXTS) -> float:
    """Return the longest time that the event loop was held while a lane labelled by 1,000 rules with gaps."""
    rng = random.Random(1)

    def end(number: int) -> str:
        # One in twenty is a class of characters, so that no filter on literals makes the rule quick.
        characters = "".join(rng.choices(_HAN, k=12 if number % 20 == 0 else rng.choice((1, 2))))
        return f"[{characters}]" if number % 20 == 0 else characters

    patterns = deployment.folder / "slow-patterns"
    file = patterns / "rule_model" / "slow" / "content.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{end(number)}.{{0,20}}{end(number)}\n" for number in range(SLOW_RULES)), encoding="utf-8")
    deployment.servers.execute(f"DROP DATABASE IF EXISTS {OUTPUT_SCHEMA}", *_new_table())
    with deployment.servers.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {posts.SCHEMA}.{_TABLE} (id, s_id, author, content, post_time) VALUES (%s, %s, %s, %s, %s)",
            [
                (number, "WH_F0045", f"author {number}", "".join(rng.choices(_HAN, k=SLOW_CHARACTERS)), posts.START)
                for number in range(texts)
            ],
        )
    pause = asyncio.run(_longest_pause(BenchDeployment(deployment.servers, deployment.folder, patterns)))
    deployment.servers.execute(f"DROP TABLE {posts.SCHEMA}.{_TABLE}")
    return pause


def _new_table() -> tuple[str, str]:
    name = f"{posts.SCHEMA}.{_TABLE}"
    return (
        f"CREATE OR REPLACE TABLE {name} (id VARCHAR(64) PRIMARY KEY, s_id VARCHAR(32) NOT NULL, author VARCHAR(255),"
        " content LONGTEXT, post_time DATETIME NOT NULL, INDEX (post_time))",
        f"ANALYZE TABLE {name}",
    )


async def _longest_pause(deployment: BenchDeployment) -> float:
    # In a queue without workers, because the lane runs in this process.
    task_id = await deployment.create(
        target_table=_TABLE, predict_type="content", model_type="rule_model", queue="in-process"
    )
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            due = time.perf_counter() + _WATCH_SECONDS
            await asyncio.sleep(_WATCH_SECONDS)
            longest = max(longest, time.perf_counter() - due)

    watching = asyncio.create_task(watch())
    await LabelLane(WorkerContext(deployment), TaskRef(OUTPUT_SCHEMA, task_id)).run()
    watching.cancel()
    return longest
