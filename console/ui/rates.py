"""The pace of each task, from the snapshots that the console has seen."""

from collections import deque
from dataclasses import dataclass, field

from jobs.model.task import Task, TaskStatus
from jobs.services.overview import Fleet, Worker

_SECONDS = 20.0
_POINTS = 240
_FLEET_POINTS = 600
"""Ten minutes of polls, one a second."""
_WORKER_POINTS = 120


@dataclass
class _Track:
    seen: deque[tuple[float, int, int]] = field(default_factory=deque)
    """Moment, rows received, windows done; of the last _SECONDS."""
    history: deque[float] = field(default_factory=lambda: deque(maxlen=_POINTS))


class Rates:
    """Rows a second and time left, by task."""

    def __init__(self) -> None:
        self._tracks: dict[str, _Track] = {}
        self.fleet_history: deque[float] = deque(maxlen=_FLEET_POINTS)
        """What all workers together read, in rows a second, oldest first: the last ten minutes."""
        self._workers: dict[str, deque[tuple[float, float]]] = {}

    def record(self, moment: float, tasks: tuple[Task, ...]) -> None:
        """Record how the tasks stand at a moment, in seconds of the monotonic clock."""
        for task in tasks:
            if task.status is not TaskStatus.STARTED:
                continue
            track = self._tracks.setdefault(task.task_id, _Track())
            track.seen.append((moment, task.length_receive_table or 0, task.windows_done or 0))
            while moment - track.seen[0][0] > _SECONDS and len(track.seen) > 2:
                track.seen.popleft()
            track.history.append(self._rate(track))
        known = {task.task_id for task in tasks}
        for task_id in self._tracks.keys() - known:
            del self._tracks[task_id]

    def record_fleet(self, fleet: Fleet) -> None:
        """Record what the workers say about themselves."""
        self.fleet_history.append(sum(worker.rows_per_second for worker in fleet.workers if not worker.silent))
        for worker in fleet.workers:
            history = self._workers.setdefault(worker.key, deque(maxlen=_WORKER_POINTS))
            history.append((worker.rows_per_second, worker.memory or worker.peak_memory))
        for key in self._workers.keys() - {worker.key for worker in fleet.workers}:
            del self._workers[key]

    def worker_history(self, worker: Worker) -> list[tuple[float, float]]:
        """Return the rows a second and the MB that a worker has published, oldest first."""
        return list(self._workers.get(worker.key, ()))

    def rows_per_second(self, task: Task) -> float | None:
        """Return the current rate of a running task, or the average rate of an ended one."""
        if task.status is TaskStatus.STARTED:
            track = self._tracks.get(task.task_id)
            return self._rate(track) if track and len(track.seen) > 1 else None
        if task.run_time and task.length_receive_table:
            return task.length_receive_table / (task.run_time * 60)
        return None

    def history(self, task: Task) -> list[float]:
        """Return the rates of the last minutes, oldest first."""
        track = self._tracks.get(task.task_id)
        return list(track.history) if track else []

    def seconds_left(self, task: Task) -> float | None:
        """Return the seconds until the label job is done at the pace of its windows, or None if unknown."""
        track = self._tracks.get(task.task_id)
        if task.status is not TaskStatus.STARTED or track is None or not task.windows or len(track.seen) < 2:
            return None
        (first, _, done_then), (last, _, done_now) = track.seen[0], track.seen[-1]
        if done_now == done_then:
            return None
        return (task.windows - done_now) * (last - first) / (done_now - done_then)

    @staticmethod
    def _rate(track: _Track) -> float:
        (first, rows_then, _), (last, rows_now, _) = track.seen[0], track.seen[-1]
        return max(rows_now - rows_then, 0) / (last - first) if last > first else 0.0
