"""What a database server says about itself and the current connection."""

from datetime import datetime

from jobs.storage.connection import Session


async def ping(session: Session) -> None:
    """Make the server answer. Raises DatabaseError."""
    await session.row("SELECT 1")


async def read_times(session: Session) -> tuple[datetime, datetime]:
    """Return the server's time, in its own time zone and in UTC."""
    row = await session.row("SELECT NOW(6), UTC_TIMESTAMP(6)")
    assert row is not None
    return row[0], row[1]


async def read_version(session: Session) -> str:
    """Return the server's version, such as 10.11.6-MariaDB."""
    row = await session.row("SELECT VERSION()")
    return str(row[0]) if row else ""


async def read_variables(session: Session, *names: str) -> dict[str, str]:
    """Return those of the variables that the server has, as this session sees them, such as ON or STATEMENT."""
    return dict(await session.rows("SHOW SESSION VARIABLES WHERE variable_name IN %(names)s", {"names": names}))


async def stored_name(session: Session, schema: str) -> str:
    """Return the name under which the server stores a schema: in lower case, if it ignores the case of names."""
    folds = await session.row("SELECT @@lower_case_table_names = 1")
    return schema.lower() if folds == (1,) else schema


async def read_tls_version(session: Session) -> str:
    """Return the TLS version of the connection, "" if it is not encrypted."""
    row = await session.row("SHOW SESSION STATUS LIKE 'Ssl_version'")
    return str(row[1]) if row else ""


async def read_identity(session: Session) -> str:
    """Return what tells this server from any other, however it is reached."""
    rows = await session.rows("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('hostname', 'port', 'server_uid')")
    return " ".join(str(value) for _, value in sorted(rows))
