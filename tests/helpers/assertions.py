"""Assertions about whole tasks, and the sets of characters that no output may hold."""

from jobs.model.task import Task
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import Outcome

RAW_CHARACTERS = {"\x1b", "\x07", "\x00", "\x9b", "\r", "\u202e", "\u2066", "\u200b", "\ufeff", "\U000e0041"}
"""Characters on which a terminal or a reader acts; each kind once."""
HOSTILE_TEXT = (
    "\x1b]0;owned\x07\x1b[2J\n2026-01-01 00:00:00 1 INFO forged"
    " [/red] [bold]x \u202e\u2066\u200b\ufeff\U000e0041\x00=cmd()|\x9b"
)
"""Text that attacks terminals, logs, Rich markup and spreadsheets."""


def assert_outcome(deployment: TestDeployment, task: Task, expected: Outcome) -> None:
    """Assert that a task has finished with exactly the expected numbers and rows."""
    assert (task.stat, task.prod_stat, task.error) == ("SUCCESS", "finish", None)
    assert task.length_receive_table == expected.received
    assert task.length_output_table == expected.labelled
    assert task.result == expected.result
    assert task.uniq_source_author == expected.uniq_source_author
    assert task.length_prod_table == expected.length_prod_table
    assert task.rate_of_label == expected.rate_of_label
    assert deployment.production() == expected.production
    for result in task.results:
        assert deployment.rows(f"SELECT 1 FROM {{output}}.`{result}` WHERE votes < 1") == []
        assert deployment.rows(f"SELECT SUM(votes) FROM {{output}}.`{result}`") == [(expected.votes[result],)]


def assert_inert(text: str, source: object = None) -> None:
    """Assert that a text holds no raw character. `source` is shown if it does."""
    assert not RAW_CHARACTERS & set(text), source
