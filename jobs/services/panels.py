"""The panels of a task's production: how many rows each has, in each result."""

from jobs.deployment import Deployment
from jobs.errors import ResultUnreadable
from jobs.model.sources import production_table
from jobs.model.task import Task
from jobs.services.connections import output_session
from jobs.storage import production

PanelCounts = dict[str, dict[str, int]]
"""Rows by result and panel, the largest panels first."""


async def panel_counts(deployment: Deployment, task: Task) -> PanelCounts:
    """Return how many production rows each panel of a task has. Empty before production is finished.

    Raises ResultUnreadable.
    """
    if not task.produced:
        return {}
    async with output_session(deployment, ResultUnreadable, "cannot read the result tables") as session:
        return {
            result: await production.count_panels(session, task.ref, production_table(result))
            for result in task.results
        }
