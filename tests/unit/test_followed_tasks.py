"""The tasks whose end the console reports."""

from dataclasses import replace

from console.ui.followed_tasks import FollowedTasks
from tests.helpers.fixed_app import task


def test_a_task_is_reported_once_when_it_has_ended() -> None:
    followed, running = FollowedTasks(), task(1, "STARTED")
    followed.follow(running.task_id)
    assert followed.ended([running, task(2, "FAILURE")]) == []
    done = replace(running, stat="SUCCESS", prod_stat="finish")
    assert followed.ended([done]) == [done]
    assert followed.ended([done]) == []


def test_the_end_before_a_resume_is_not_reported() -> None:
    followed, failed = FollowedTasks(), task(1, "FAILURE", generation=1)
    followed.follow(failed.task_id, 2)
    assert followed.ended([failed]) == []
    again = replace(failed, generation=2)
    assert followed.ended([again]) == [again]
