"""Explaining which label texts get, by the pattern files as they are or by the patterns that a task froze."""

import asyncio
from pathlib import Path

from jobs.deployment import Deployment
from jobs.errors import Conflict, StateUnreadable
from jobs.services.connections import find_task, state_session
from jobs.services.matchers import matcher_of
from jobs.services.patterns import patterns_readable
from jobs.storage import definitions
from patterns.explain import Explainer
from patterns.files import read_pattern_set
from patterns.pattern_set import ModelType, PatternSet, PredictType


def load_explainer(directory: Path, model_type: ModelType, predict_type: PredictType) -> Explainer:
    """Return the explainer for the pattern files of a model and a predict type. Raises UnreadablePatterns."""
    with patterns_readable():
        pattern_set = read_pattern_set(directory, model_type, predict_type)
        return Explainer(pattern_set, directory, matcher_of(pattern_set))


async def load_task_explainer(deployment: Deployment, task_id: str) -> Explainer:
    """Return the explainer for the patterns that a task froze.

    Raises InvalidTaskId, UnknownTask, StateUnreadable, and Conflict if the task's patterns are not kept.
    """
    return await asyncio.to_thread(Explainer, await frozen_patterns(deployment, task_id))


async def frozen_patterns(deployment: Deployment, task_id: str) -> PatternSet:
    """Return the patterns that a task froze. Raises what `load_task_explainer` raises."""
    async with state_session(deployment) as session:
        task = await find_task(deployment, session, task_id)
        try:
            if not task.legacy:
                return await definitions.find_patterns(session, task.ref)
        except LookupError:
            pass
        except (ValueError, TypeError) as error:
            raise StateUnreadable(f"cannot read the patterns of task {task.task_id}: {error}") from error
    raise Conflict(f"the patterns of task {task.task_id} are not kept; tasks of v2.1 have none")
