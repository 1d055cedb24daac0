"""The words that filter the task table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.ui.task_filter import TaskFilter
from tests.helpers.fixed_app import task

FAILED = task(4, "FAILURE", "title", model_type="rule_model", queue="late", error="disk full")
DONE = task(3, "SUCCESS", "content", prod_stat="finish", result="Dcard,fbfans")
PRODUCING = task(2, "SUCCESS", result="Dcard")


@pytest.mark.parametrize(
    "words",
    [
        *("failed", "FAILED", "failure", "state:failed", "state:fail", "model:rule", "rule", "title", "predict:title"),
        *("queue:late", "late", "disk", "error:full", "id:04c5", "04c57624", "table:ts_page", "failed rule !keyword"),
        *("!done", "!state:done", "!queue:queue1", "output:", "!", ""),
    ],
)
def test_a_task_matches_words_about_it(words: str) -> None:
    assert TaskFilter(words).matches(FAILED)


@pytest.mark.parametrize(
    "words", ["done", "keyword", "!failed", "!rule", "state:running", "failed done", "queue:queue1", "model:late"]
)
def test_a_task_does_not_match_words_about_others(words: str) -> None:
    assert not TaskFilter(words).matches(FAILED)


def test_a_word_does_not_match_the_name_of_the_table_which_most_tasks_share() -> None:
    assert "content" in str(FAILED.source_table)
    assert not TaskFilter("content").matches(FAILED)
    assert TaskFilter("content").matches(DONE)
    assert TaskFilter("table:content").matches(FAILED)


def test_a_task_that_waits_for_its_production_is_not_done() -> None:
    assert TaskFilter("producing").matches(PRODUCING) and not TaskFilter("done").matches(PRODUCING)
    assert TaskFilter("state:success").matches(PRODUCING)  # what the state table says matches too


@given(st.text(alphabet="afidelrstc:! ", max_size=20))
def test_all_words_must_match_and_an_exclamation_mark_turns_one(text: str) -> None:
    words = [word for word in text.lower().split() if word != "!"]
    for one in (FAILED, DONE, PRODUCING):
        assert TaskFilter(text).matches(one) == all(TaskFilter(word).matches(one) for word in words)
    for word in words:
        if not word.startswith("!"):
            assert TaskFilter("!" + word).matches(DONE) != TaskFilter(word).matches(DONE)
