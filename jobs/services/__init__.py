"""The services: what an operator can ask for, on the screen and on the command line alike.

Each is one typed async function. What it returns is typed; what goes wrong is an AudienceError with
its code (docs/contract.md, "Codes").
"""

from jobs.services.connections import MAX_ROWS, load_deployment
from jobs.services.create import Plan, create_task, plan_task
from jobs.services.samples import SampleRow, sample_result, save_sample
from jobs.services.tasks import abort_task, check_status, resume_task, task_list, watch_status

__all__ = [
    "MAX_ROWS",
    "Plan",
    "SampleRow",
    "abort_task",
    "check_status",
    "create_task",
    "load_deployment",
    "plan_task",
    "resume_task",
    "sample_result",
    "save_sample",
    "task_list",
    "watch_status",
]
