"""The filter of the task table: words that must all match, as users of k9s and flower type them."""

from collections.abc import Callable, Collection

from console.ui.task_words import predict_words, range_words, standing
from jobs.model.task import Task

_Texts = Callable[[Task], tuple[str | None, ...]]

_FIELDS: dict[str, _Texts] = {
    "state": lambda task: (standing(task).word, task.stat),
    "model": lambda task: (task.model_type,),
    "predict": lambda task: (task.predict_type, predict_words(task)),
    "queue": lambda task: (task.queue,),
    "schedule": lambda task: (task.schedule,),
    "result": lambda task: (task.result,),
    "range": lambda task: (range_words(task), task.date_range),
    "table": lambda task: (task.target_table, task.source_table),
    "output": lambda task: (task.output_schema,),
    "error": lambda task: (task.error,),
    "id": lambda task: (task.task_id,),
}
# Where a word without a field is looked for: not in the table's name, which most tasks share.
_ANYWHERE = ("state", "model", "predict", "queue", "schedule", "result", "range", "error", "id")


class TaskFilter:
    """Words such as `failed`, `model:rule`, `!queue:late`: a task matches if each of them does.

    `!` turns a word. A word matches any part of a text; letters are compared in lower case.
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._words = [_parse(word) for word in self.text.lower().split() if word != "!"]

    def __bool__(self) -> bool:
        return bool(self._words)

    def matches(self, task: Task, stale: Collection[str] = ()) -> bool:
        """Return whether a task matches. `stale` has the ids of the tasks that match the word stale."""
        for fields, part, wanted in self._words:
            found = _has(task, fields, part) or ("state" in fields and part == "stale" and task.task_id in stale)
            if found is not wanted:
                return False
        return True


def _parse(word: str) -> tuple[tuple[str, ...], str, bool]:
    """Return the fields to look at, what to find in one of them, and whether it must be there."""
    wanted, word = not word.startswith("!"), word.removeprefix("!")
    field, colon, part = word.partition(":")
    return ((field,), part, wanted) if colon and field in _FIELDS else (_ANYWHERE, word, wanted)


def _has(task: Task, fields: tuple[str, ...], part: str) -> bool:
    return any(part in (text or "").lower() for field in fields for text in _FIELDS[field](task))
