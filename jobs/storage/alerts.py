"""The `alert` table: alerts that wait until they are delivered.

An alert is inserted in the transaction that it is about, so that neither exists without the other. Claiming one
postpones its next attempt, and commits before it is sent: no transaction is open meanwhile, no other worker sends
it meanwhile, and one whose worker dies is sent again. A receiver drops what arrives twice by its id.
"""

import json
from dataclasses import dataclass
from uuid import uuid4

from jobs.errors import NO_SUCH_TABLE, DatabaseError
from jobs.model.alert import KEEP_DAYS, Alert, StoredAlert
from jobs.storage.connection import Session, quote
from jobs.storage.schema import schemas_with

# The first attempts follow each other after 30 s, 1, 2, 4, 8 minutes, the others after a quarter of an hour. The
# shortest is longer than sending an alert may take.
RETRY_SECONDS = 30
_MOST_RETRY_SECONDS = 900

_COLUMNS = ("alert_id", "deployment", "document", "created", "attempts", "due_at", "answer")


@dataclass(frozen=True)
class Undelivered:
    """The alerts of a deployment that wait in a schema."""

    count: int
    oldest_seconds: float
    """The age of the oldest; 0 if there is none."""
    attempts: int
    """The most attempts of one of them."""
    answer: str | None
    """The reason why the latest attempt at one of them failed."""


async def add(session: Session, schema: str, alert: Alert) -> None:
    """Store an alert. Call this in the transaction that it is about.

    A schema of an earlier release has no table for it: there, nothing is stored.
    """
    try:
        await session.execute(
            f"""
            INSERT INTO {_table(schema)} (alert_id, deployment, document, created, due_at)
            VALUES (%(alert_id)s, %(deployment)s, %(document)s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))
            """,
            {"alert_id": uuid4().hex, "deployment": alert.deployment, "document": json.dumps(alert.document())},
        )
    except DatabaseError as error:
        if error.code != NO_SUCH_TABLE:
            raise


async def schemas(session: Session) -> list[str]:
    """Return the schemas visible to this account that keep alerts."""
    return await schemas_with(session, "alert", _COLUMNS)


async def claim(session: Session, schema: str, deployment: str) -> StoredAlert | None:
    """Claim the alert that has been due for the longest. Its next attempt is later, unless it is deleted first."""
    async with session.transaction():
        row = await session.row(
            f"""
            SELECT alert_id, created, document FROM {_table(schema)}
            WHERE deployment = %(deployment)s AND due_at <= UTC_TIMESTAMP(6)
            ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
            """,
            {"deployment": deployment},
        )
        if row is None:
            return None
        await session.execute(
            f"""
            UPDATE {_table(schema)} SET
              due_at = UTC_TIMESTAMP(6)
                + INTERVAL LEAST({RETRY_SECONDS} * POW(2, LEAST(attempts, 20)), {_MOST_RETRY_SECONDS}) SECOND,
              attempts = attempts + 1
            WHERE alert_id = %(alert_id)s
            """,
            {"alert_id": row[0]},
        )
    return StoredAlert(row[0], row[1], json.loads(row[2]))


async def delete(session: Session, schema: str, alert_id: str) -> None:
    """Delete an alert that has been delivered."""
    await session.execute(f"DELETE FROM {_table(schema)} WHERE alert_id = %(alert_id)s", {"alert_id": alert_id})


async def record_answer(session: Session, schema: str, alert_id: str, answer: str) -> None:
    """Record why an alert was not delivered."""
    await session.execute(
        f"UPDATE {_table(schema)} SET answer = %(answer)s WHERE alert_id = %(alert_id)s",
        {"alert_id": alert_id, "answer": answer[:1_000]},
    )


async def delete_old(session: Session, schema: str, deployment: str, *, untried: bool) -> int:
    """Delete the alerts that no receiver has accepted for KEEP_DAYS, and return their number.

    Those that no worker has tried to send yet are kept, unless `untried`.
    """
    return await session.execute(
        f"""
        DELETE FROM {_table(schema)}
        WHERE deployment = %(deployment)s AND (attempts > 0 OR %(untried)s)
          AND created < UTC_TIMESTAMP(6) - INTERVAL {KEEP_DAYS} DAY
        """,
        {"deployment": deployment, "untried": untried},
    )


async def undelivered(session: Session, schema: str, deployment: str) -> Undelivered:
    """Return how many alerts wait in a schema, and why."""
    row = await session.row(
        f"""
        SELECT COUNT(*), COALESCE(TIMESTAMPDIFF(MICROSECOND, MIN(created), UTC_TIMESTAMP(6)) / 1e6, 0),
          COALESCE(MAX(attempts), 0), (
            SELECT answer FROM {_table(schema)} WHERE deployment = %(deployment)s AND answer IS NOT NULL
            ORDER BY due_at DESC LIMIT 1)
        FROM {_table(schema)} WHERE deployment = %(deployment)s
        """,
        {"deployment": deployment},
    )
    assert row is not None
    return Undelivered(int(row[0]), float(row[1]), int(row[2]), row[3])


def _table(schema: str) -> str:
    return quote(schema, "alert")
