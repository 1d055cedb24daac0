"""The sender of alerts: posts those that are due to NOTIFY_URL, and deletes those that the receiver has accepted.

Every worker of a deployment sends. A lane never waits for it, and no transaction is open while it posts.
"""

import logging

from jobs.deployment import Deployment
from jobs.errors import DatabaseError
from jobs.model.alert import KEEP_DAYS
from jobs.notify import post
from jobs.storage import alerts
from jobs.storage.connection import Session

_logger = logging.getLogger(__name__)

SEND_SECONDS = 5.0


async def send_alerts(deployment: Deployment) -> None:
    """Send every alert of the deployment that is due, in every schema that the account can see.

    It ends at the first that is not accepted: the receiver would probably not accept the others either.
    Raises DatabaseError.
    """
    async with deployment.output_session() as session:
        for schema in await alerts.schemas(session):
            try:
                if not await _send(session, deployment, schema):
                    return
            except DatabaseError as error:
                if error.unreachable:
                    raise
                _logger.warning("alerts, schema %s: %s", schema, error)


async def drop_old_alerts(session: Session, deployment: Deployment, schema: str) -> None:
    """Drop the alerts of a schema that no receiver has accepted for too long, and say so. Raises DatabaseError."""
    # With a receiver, those that no worker has tried to send yet, because none was running, still have their turn.
    untried = not deployment.notify_host
    dropped = await alerts.delete_old(session, schema, deployment.settings.deployment, untried=untried)
    if dropped:
        reason = "NOTIFY_URL is not set" if untried else "the receiver has not accepted them"
        _logger.error("%s alerts of more than %s days ago are dropped: %s", dropped, KEEP_DAYS, reason)


async def _send(session: Session, deployment: Deployment, schema: str) -> bool:
    """Send the alerts of a schema that are due. Returns False if one is not accepted."""
    name = deployment.settings.deployment
    await drop_old_alerts(session, deployment, schema)
    while (alert := await alerts.claim(session, schema, name)) is not None:
        answer = await post(deployment.settings.notify_url, alert.body())
        if answer is not None:
            await alerts.record_answer(session, schema, alert.alert_id, answer)
            _logger.warning("alert %s: not sent to %s: %s", alert.alert_id, deployment.notify_host, answer)
            return False
        await alerts.delete(session, schema, alert.alert_id)
        _logger.info("alert %s: sent to %s", alert.alert_id, deployment.notify_host)
    return True
