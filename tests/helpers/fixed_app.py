"""The console over one snapshot of fixed data: tasks in every state, workers, queues."""

import time
from datetime import datetime, timedelta
from typing import Any

from console.ui.app import AudienceApp
from console.ui.snapshot import PolledServer, ServerStatus, Snapshot
from jobs.deployment import Deployment
from jobs.model.task import Task
from jobs.services.overview import Fleet, QueueDepth, TaskBoard, Worker
from jobs.settings import Settings

NOW = datetime(2021, 11, 9, 15, 0, 0)


def task(number: int, stat: str, author: str = "author_name", **values: Any) -> Task:
    blank: dict[str, Any] = dict.fromkeys(Task.__dataclass_fields__)
    return Task(
        **blank
        | {
            "task_id": f"{number:02d}c5762412c11ec836d04ea56825ba"[:32],
            "stat": stat,
            "model_type": "keyword_model",
            "predict_type": author,
            "date_range": "2020-01-01 00:00:00 - 2021-01-01 00:00:00",
            "target_table": "wh_fb_ex",
            "source_table": "ts_page_content",
            "create_time": NOW - timedelta(minutes=number**3),
            "queue": "queue1",
            "windows": 24,
            "generation": 1,
            "deployment": "default",
        }
        | values
    )


TASKS = (
    task(1, "PENDING"),
    task(2, "STARTED", "content", windows_done=7, length_receive_table=693_011, length_output_table=81_230),
    task(
        3,
        "SUCCESS",
        prod_stat="finish",
        windows_done=24,
        length_receive_table=2_376_186,
        length_output_table=470_485,
        result="Dcard,fbfans",
        length_prod_table="2905,3289",
        uniq_source_author="12031,13370",
        run_time=0.21,
    ),
    task(4, "FAILURE", "title", windows_done=2, length_receive_table=198_000, length_output_table=1, error="disk full"),
    task(5, "ABORTED", windows_done=11, length_receive_table=1_089_000, length_output_table=200_104),
)
ANSWERED = ServerStatus(at=time.monotonic() + 1e6)  # never old
FLEET = Fleet(
    workers=(
        Worker("default", "alpha", 4711, "queue1", ("02",), 212_345.0, 79.6, 0.4),
        Worker("default", "beta", 815, "queue1", (), 0.0, 61.0, 1.9),
        Worker("default", "gamma", 99, "late", (), 0.0, 61.0, 31.0),
    ),
    queues=(QueueDepth("late", 0, ("03c5762412c11ec836d04ea56825ba",), 95.0), QueueDepth("queue1", 2, (), None)),
)


class FixedApp(AudienceApp):
    """The app over one snapshot that never changes."""

    def __init__(self, tasks: tuple[Task, ...] = TASKS, turns: int = 0) -> None:
        """Publish the snapshot after this many turns of the event loop, as a server answers sooner or later."""
        super().__init__(Deployment(Settings(input_schema="wh_fb_ex")))
        self._tasks = tasks
        self._turns = turns

    def _poll(self, server: PolledServer) -> None:  # type: ignore[override]
        self._publish(self._turns)

    def _publish(self, turns: int) -> None:
        if turns:
            self.call_next(self._publish, turns - 1)
            return
        self.snapshot = Snapshot(
            board=TaskBoard(NOW, NOW - timedelta(hours=8), self._tasks),
            fleet=FLEET,
            input=ANSWERED,
            output=ANSWERED,
            redis=ANSWERED,
        )
