"""Metrics: what they count, what they leave out if a server is away, and how they are served."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from jobs import services
from jobs.model.alert import Alert, AlertEvent
from jobs.queue.client import open_redis
from jobs.queue.presence import Worker, publish
from jobs.storage import alerts
from tests.helpers.deployment import TestDeployment
from tests.helpers.posts import RANGE
from tests.helpers.running import run_in_process

Samples = dict[tuple[str, ...], float]


def samples(text: str) -> Samples:
    """Return the values in a text of Prometheus, by name and the values of its labels in their order."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def printed(deployment: TestDeployment, **changes: str) -> Samples:
    done = deployment.command("metrics", **changes)
    assert (done.returncode, done.stderr) == (0, "")
    return samples(done.stdout)


def assert_values(found: Mapping[tuple[str, ...], float], expected: Mapping[tuple[str, ...], float]) -> None:
    assert {key: found.get(key) for key in expected} == expected


async def test_they_count_tasks_windows_units_jobs_workers_and_alerts(few_posts: TestDeployment) -> None:
    deployment, queue = few_posts, few_posts.settings.queue
    assert printed(deployment)["audience_tasks", "default", "done"] == 0  # without an output schema too
    small = deployment.with_settings(window_rows=200)
    await run_in_process(deployment, deployment.request(**RANGE))
    aborted = await services.create_task(deployment, deployment.request(**RANGE))
    await services.abort_task(deployment, aborted)
    waiting = await services.create_task(small, deployment.request(**RANGE))
    deployment.write_anything(
        "UPDATE {output}.state SET heartbeat = heartbeat - INTERVAL 1 HOUR, waiting_for = 'an input'"
        " WHERE task_id = %s",
        waiting,
    )
    other = deployment.with_settings(deployment="other")
    await services.create_task(other, deployment.request(**RANGE))
    deployment.write_anything(
        "INSERT INTO {output}.state (task_id, stat, deployment, units, units_done, heartbeat)"
        " VALUES ('x', 'SUCCESS', 'default', 7, 2, NULL), ('y', 'STARTED', 'default', NULL, NULL, UTC_TIMESTAMP(6))"
    )
    async with deployment.output_session() as session, open_redis(deployment.settings) as redis:
        await alerts.add(session, deployment.output_schema, Alert(AlertEvent.TEST, "default", "text"))
        for pid in (1, 2):
            await publish(redis, Worker("default", "host-of-metrics", pid, queue, (), 1_000.0 * pid, 50.0 + pid))
    windows = (await services.check_status(deployment, waiting)).windows or 0
    assert windows > 1
    found = printed(deployment)
    assert_values(
        found,
        {
            ("audience_up", "default", "mariadb"): 1,
            ("audience_up", "default", "redis"): 1,
            **{
                ("audience_tasks", "default", standing): 1
                for standing in ("waiting", "running", "producing", "done", "aborted")
            },
            ("audience_tasks", "default", "failed"): 0,
            ("audience_tasks_blocked", "default"): 1,
            ("audience_windows_waiting", "default"): windows,
            ("audience_units_waiting", "default"): 5,
            ("audience_alerts_undelivered", "default"): 1,
            ("audience_queue_jobs", "default", "label", queue, "ready"): 2,  # no worker has taken one
            ("audience_queue_jobs", "default", "produce", queue, "ready"): 0,
            ("audience_workers", "default", queue): 2,
            ("audience_rows_per_second", "default", queue): 3_000,
            ("audience_worker_peak_memory_bytes", "default", queue): 52 * 2**20,
        },
    )
    assert 3_600 <= found["audience_oldest_waiting_task_seconds", "default"] < 3_900
    assert 0 <= found["audience_oldest_alert_seconds", "default"] < 300
    assert printed(deployment, DEPLOYMENT="other")["audience_tasks", "other", "waiting"] == 1


def test_a_server_that_is_away_is_down_and_the_other_one_is_read(one_post: TestDeployment) -> None:
    for server, changes, gone, kept in (
        ("mariadb", {"OUTPUT_PORT": "1"}, "audience_tasks", "audience_workers"),
        ("redis", {"REDIS_URL": "redis://127.0.0.1:1/0"}, "audience_workers", "audience_tasks"),
    ):
        done = one_post.command("metrics", **changes)
        assert done.returncode == 1 and "audience: " in done.stderr and "Traceback" not in done.stderr
        found = samples(done.stdout)
        assert found["audience_up", "default", server] == 0
        names = {name for name, *_ in found}
        assert gone not in names and kept in names


def test_they_are_served_until_ctrl_c(one_post: TestDeployment) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "console", "metrics", "--listen", "0"],
        env=one_post.environment() | {"PYTHONPATH": os.getcwd()},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "serving http://127.0.0.1:" in line
        url = line.split()[1]
        for _ in range(2):
            with urllib.request.urlopen(url) as response:
                assert response.headers["Content-Type"].startswith("text/plain")
                assert samples(response.read().decode())["audience_up", "default", "mariadb"] == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize(("listen", "status", "words"), [("nowhere", 2, "[HOST:]PORT"), ("192.0.2.1:0", 1, "listen")])
def test_an_address_that_cannot_be_served_is_refused(
    one_post: TestDeployment, listen: str, status: int, words: str
) -> None:
    done = one_post.command("metrics", "--listen", listen)
    assert done.returncode == status and words in done.stderr and "Traceback" not in done.stderr
