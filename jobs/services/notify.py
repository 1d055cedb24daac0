"""Whether alerts reach their receiver: what waits, and a test."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from jobs.deployment import Deployment
from jobs.errors import InvalidValue, NotDelivered
from jobs.model.alert import StoredAlert, trial_alert
from jobs.notify import post
from jobs.services.connections import state_session
from jobs.storage import alerts, server, state_tables
from jobs.storage.connection import Session


@dataclass(frozen=True)
class Notifications:
    """The alerts of a deployment that have not been delivered."""

    undelivered: int
    oldest_seconds: float
    """The age of the oldest; 0 if there is none."""
    answer: str | None
    """Why the latest attempt at one of them failed, if one has."""


async def read_notifications(deployment: Deployment) -> Notifications:
    """Return the alerts that have not been delivered. Raises StateUnreadable."""
    async with state_session(deployment, "cannot read the alerts") as session:
        return await count_undelivered(session, deployment)


async def count_undelivered(session: Session, deployment: Deployment) -> Notifications:
    """Return the same, by a session. Raises DatabaseError."""
    name = deployment.settings.deployment
    own = await server.stored_name(session, deployment.settings.output_schema)
    found = []
    for schema in await alerts.schemas(session):
        with state_tables.skip_unreadable(schema, own):
            found.append(await alerts.undelivered(session, schema, name))
    return Notifications(
        sum(waiting.count for waiting in found),
        max((waiting.oldest_seconds for waiting in found), default=0.0),
        next((waiting.answer for waiting in found if waiting.answer), None),
    )


async def send_test(deployment: Deployment) -> None:
    """Post a test to the receiver, once. Raises InvalidValue without NOTIFY_URL, NotDelivered."""
    if not deployment.notify_host:
        raise InvalidValue("NOTIFY_URL is not set, so no alerts are sent; set it in .env")
    document = trial_alert(deployment.settings.deployment).document()
    now = datetime.now(UTC).replace(tzinfo=None)
    answer = await post(deployment.settings.notify_url, StoredAlert(uuid4().hex, now, document).body())
    if answer is not None:
        raise NotDelivered(f"not accepted by {deployment.notify_host}: {answer}; correct NOTIFY_URL, or the receiver")
