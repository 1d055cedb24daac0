"""The command about alerts."""

from typing import Annotated

import typer

from console.cli.output import print_envelope, print_fields
from console.cli.run import AsJson, run
from jobs import services
from jobs.deployment import Deployment
from jobs.model.alert import KEEP_DAYS
from jobs.model.wording import counted


def notify(
    test: Annotated[bool, typer.Option("--test", help="Post a test now, and say what was answered.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show which alerts wait for their receiver, or post a test to it."""
    if test:
        host = run(_send_test, as_json)
        if as_json:
            print_envelope(200, "OK", receiver=host)
        else:
            print(f"accepted by {host}")
        return
    deployment, waiting = run(_read, as_json)
    if as_json:
        print_envelope(200, "OK", receiver=deployment.notify_host, **vars(waiting))
        return
    more = deployment.settings.notify_on == "all"
    print_fields(
        [
            ("receiver", deployment.notify_host or "none: NOTIFY_URL is not set, so no alerts are stored"),
            ("alerts of", f"failed tasks, schedules that cannot fire{', finished tasks' if more else ''}"),
            ("not delivered", _undelivered(waiting)),
            ("latest failure", waiting.answer),
        ]
    )


async def _send_test(deployment: Deployment) -> str:
    await services.send_test(deployment)
    return deployment.notify_host


async def _read(deployment: Deployment) -> tuple[Deployment, services.Notifications]:
    return deployment, await services.read_notifications(deployment)


def _undelivered(waiting: services.Notifications) -> str:
    if not waiting.undelivered:
        return "none"
    minutes = counted(round(waiting.oldest_seconds / 60), "minute")
    return f"{waiting.undelivered:,}, the oldest for {minutes}; kept for {KEEP_DAYS} days"
