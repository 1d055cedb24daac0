"""The command that creates a task."""

from importlib import import_module
from typing import Annotated

import typer

from console.cli.output import print_envelope, print_fields, print_warning
from console.cli.parameters import Values, with_parameters
from console.cli.progress import follow
from console.cli.run import AsJson, run, still_running
from jobs import services
from jobs.deployment import Deployment
from jobs.model.task import Task
from jobs.model.task_request import TaskRequest


@with_parameters(TaskRequest)
def create(
    values: Values,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is finished; status 1 if it fails.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create a task: label the posts of a range, then produce."""
    warnings: list[str] = []
    interrupted = "stopped; no task was created"

    def warn(warning: str) -> None:
        warnings.append(warning)
        print_warning(warning)

    def begin(task_id: str) -> None:
        nonlocal interrupted
        interrupted = f"stopped while task {task_id} was being created; audience status {task_id} says if it exists"

    async def service(deployment: Deployment) -> tuple[TaskRequest, str, Task | None]:
        nonlocal interrupted
        request = TaskRequest.from_values(deployment.settings, values)
        task_id = await services.create_task(deployment, request, warn, begin)
        interrupted = still_running(task_id)
        if not wait:
            return request, task_id, None
        if not as_json:
            print(task_id, flush=True)
        import_module("console.cli.task_output")  # for the end, while the workers are busy
        return request, task_id, await follow(services.watch_status(deployment, task_id))

    request, task_id, task = run(service, as_json, lambda: interrupted)
    configuration = {
        **request.model_dump(mode="json"),
        "date_range": request.date_range,
        "task_id": task_id,
    }
    if task is not None:
        from console.cli.task_output import print_end

        print_end(task, as_json, configuration, warnings=warnings)
    elif as_json:
        print_envelope(200, configuration, warnings=warnings)
    else:
        print_fields(configuration.items())
        print(f"\nFollow it with: audience status {task_id} --watch")
