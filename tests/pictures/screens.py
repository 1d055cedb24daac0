"""The screens that there are pictures of: over which deployment, by which keys, and how long each takes to settle."""

from dataclasses import dataclass

_DONE = ("slash", *"done", "enter")
_FAILED = ("slash", *"failed", "enter")
_DOWN = ("down", "down")  # to nightly
_PATTERNS = ("p", 1.5, *("down",) * 5)  # to author_name.txt of rule_model/female


@dataclass(frozen=True)
class Picture:
    """A state of a screen."""

    keys: tuple[str | float, ...] = ()
    """Lead to it from the task table, whose first task runs. A number waits for as many seconds."""
    over: str = ""
    """The variant of the deployment: `no-tasks`, `empty`, `away`, `read-only`, `faulty` pattern files."""
    settles: float = 2.0
    """Seconds before the first key, in which graphs grow."""
    leaving: str = ""
    """What else ends with the console."""


PICTURES = {
    "tasks": Picture(settles=12),
    "tasks-failed": Picture(_DOWN),
    "tasks-empty": Picture(over="no-tasks"),
    "tasks-away": Picture(over="away", settles=6),
    "tasks-read-only": Picture(over="read-only"),
    "tasks-filter": Picture(("slash", *"done")),
    "tasks-no-match": Picture(("slash", *"nothing", "enter")),
    "tasks-marked": Picture(("space", "space", "space", "space")),
    "tasks-abort": Picture(("a",)),
    "tasks-abort-marked": Picture(("asterisk", "a")),
    "sort": Picture(("o",)),
    "palette": Picture(("ctrl+p",)),
    "quit": Picture(("q",), leaving="The demo's worker and servers end with it."),
    "task": Picture((*_DONE, "enter", "1")),
    "task-windows": Picture(("enter", "2")),
    "task-windows-failed": Picture((*_FAILED, "enter", "2")),
    "task-pace": Picture(("enter", "3"), settles=15),
    "task-patterns": Picture((*_DONE, "enter", "4")),
    "task-facts": Picture(("enter", "5")),
    "task-events": Picture((*_FAILED, "enter", "6")),
    "new": Picture(("n",)),
    "new-faults": Picture(("n", 1.0, "x", "down", "x")),
    "new-range": Picture(("n", 1.0, "ctrl+r")),
    "new-preset": Picture(("n", 1.0, "ctrl+s")),
    "presets": Picture(("n", 1.0, "ctrl+s", 0.5, *"authors", "enter", "ctrl+o")),
    "rerun": Picture((*_FAILED, "e")),
    "samples": Picture((*_DONE, "s")),
    "samples-content": Picture(("slash", *"done", "space", *"content", "enter", "s")),
    "export": Picture((*_DONE, "x")),
    "workers": Picture(("w",), settles=20),
    "workers-none": Picture(("w",), over="empty"),
    "schedules": Picture(("c", *_DOWN)),
    "schedules-empty": Picture(("c",), over="empty"),
    "schedule-form": Picture(("c", *_DOWN, "e")),
    "schedule-new": Picture(("c", "n")),
    "patterns": Picture(("p", 1.5, "tab")),
    "patterns-file": Picture((*_PATTERNS, 1.0, "tab")),
    "patterns-faults": Picture(("p", 1.5, "down"), over="faulty"),
    "patterns-preview": Picture((*_PATTERNS, "v", 8.0, "tab")),
    "patterns-evaluation": Picture((*_PATTERNS, "l", 3.0, "tab")),
    "patterns-try": Picture((*_PATTERNS, "t", *"annie", "space", *"lin")),
    "workbench": Picture((*_PATTERNS, "v", 8.0, "l", 3.0, "h", 1.0, "enter", 3.0, "tab")),
    "comparison": Picture((*_PATTERNS, "c", 1.0, "enter", 8.0)),
    "suggestions": Picture((*_PATTERNS, "s", 8.0)),
    "suggestions-sample": Picture((*_PATTERNS, "f", 8.0)),
    "matrix": Picture((*_PATTERNS, "l", 3.0, "x")),
    "messages": Picture(("y", "slash", *"failed", "enter", "s", "m")),
    "messages-empty": Picture(("m",)),
    "help": Picture(("question_mark",)),
}
DOCUMENTED = ("tasks", "task", "samples", "workers", "schedules", "workbench")
