"""Grants: the privileges that the output account needs, and those that it has."""

import re
from collections.abc import Sequence

from jobs.storage.connection import Session

OUTPUT_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER")
"""The privileges on the output schema that services and workers use."""


async def read_grants(session: Session) -> list[str]:
    """Return the lines of SHOW GRANTS for the session's account."""
    return [str(row[0]) for row in await session.rows("SHOW GRANTS")]


def grant_statement(privileges: Sequence[str], schema: str, user: str) -> str:
    """Return the statement that grants these. An unescaped _ or % in the schema name of a grant is a wildcard."""
    name = re.sub(r"([\\_%])", r"\\\1", schema).replace("`", "``")
    return f"GRANT {', '.join(privileges)} ON `{name}`.* TO '{user}'@..."


def granted_privileges(grants: Sequence[str], schema: str) -> set[str]:
    """Return the privileges on a whole schema that the lines of SHOW GRANTS give."""
    found: set[str] = set()
    for grant in grants:
        match = re.match(r"GRANT (.+?) ON (?:\*|`((?:[^`]|``)*)`)\.\* TO ", grant)
        if match is None or (match[2] is not None and not _name_matches(match[2].replace("``", "`"), schema)):
            continue
        names = set(match[1].split(", "))
        found |= set(OUTPUT_PRIVILEGES) if "ALL PRIVILEGES" in names else names
    return found


def ignores_read_only(grants: Sequence[str]) -> bool:
    """Return whether the lines of SHOW GRANTS let the account write where read_only is ON."""
    found = [re.match(r"GRANT (.+?) ON \*\.\* TO ", grant) for grant in grants]
    names = {name for match in found if match for name in match[1].split(", ")}
    return not names.isdisjoint({"ALL PRIVILEGES", "READ_ONLY ADMIN", "SUPER"})


def _name_matches(pattern: str, schema: str) -> bool:
    """Return whether the schema name of a grant, in which unescaped % and _ are wildcards, matches a schema."""
    # The positions in the schema name that the pattern so far can reach. A regex could take exponential time.
    places = {0}
    for part in re.findall(r"\\.|.", pattern, re.DOTALL):
        if part == "%":
            places = set(range(min(places), len(schema) + 1))
        else:
            places = {at + 1 for at in places if at < len(schema) and part in ("_", schema[at], f"\\{schema[at]}")}
        if not places:
            return False
    return len(schema) in places
