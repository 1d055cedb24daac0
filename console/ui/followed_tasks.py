"""The tasks that were launched or resumed in this console, until they end."""

from collections.abc import Iterable

from jobs.model.task import Task


class FollowedTasks:
    """Tasks whose end is reported, whichever screen is open."""

    def __init__(self) -> None:
        self._generations: dict[str, int] = {}

    def follow(self, task_id: str, generation: int = 0) -> None:
        """Follow a task from this generation on: a snapshot may be older than a resume."""
        self._generations[task_id] = generation

    def ended(self, tasks: Iterable[Task]) -> list[Task]:
        """Return those that have ended, once each."""
        ended = [
            task
            for task in tasks
            if task.finished
            and task.task_id in self._generations
            and (task.generation or 0) >= self._generations[task.task_id]
        ]
        for task in ended:
            del self._generations[task.task_id]
        return ended
