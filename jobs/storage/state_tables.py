"""The state tables that an account can see: one in each output schema, some of v2.1, some perhaps foreign."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from jobs.errors import DatabaseError
from jobs.storage.connection import Session

_COLUMNS_OF_V2_1 = ("task_id", "stat", "prod_stat", "date_range", "target_table", "create_time")
_MIGRATED_COLUMNS = (*_COLUMNS_OF_V2_1, "generation", "heartbeat", "production_due", "deployment", "units")


async def schemas(session: Session, *, migrated: bool = False) -> list[str]:
    """Return the schemas visible to this account that have a state table; with `migrated`, not one of v2.1."""
    found = await read_columns(session)
    return [schema for schema, columns in found.items() if not migrated or is_migrated(columns)]


async def read_columns(session: Session) -> dict[str, list[str]]:
    """Return the columns of each state table that this account can see, by schema, sorted by its name."""
    rows = await session.rows(
        """
        SELECT table_schema, column_name FROM information_schema.columns
        WHERE table_name = 'state' ORDER BY table_schema
        """
    )
    columns: dict[str, list[str]] = {}
    for schema, name in rows:
        columns.setdefault(schema, []).append(name.lower())
    return {schema: names for schema, names in columns.items() if set(_COLUMNS_OF_V2_1) <= set(names)}


def is_migrated(columns: Collection[str]) -> bool:
    """Return whether a state table with these columns has ours: then its ids are unique."""
    return set(_MIGRATED_COLUMNS) <= set(columns)


@contextmanager
def skip_unreadable(schema: str, own: str) -> Iterator[None]:
    """Skip a state table that cannot be read, unless it is the deployment's own: others may be foreign."""
    try:
        yield
    except DatabaseError as error:
        if error.unreachable or schema == own:
            raise
