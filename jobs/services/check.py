"""The check: is everything in place that a task will need, and what to do where it is not."""

import ipaddress
import os
import re
import stat
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jobs.deployment import Site
from jobs.errors import AudienceError, DatabaseError
from jobs.model.sources import read_sources
from jobs.queue.client import REDIS_ERRORS, open_redis, tls_version
from jobs.queue.permissions import missing_rights
from jobs.services.overview import look_at_workers
from jobs.settings import ENV_FILE
from jobs.storage.connection import Server, Session, connect
from jobs.storage.input_table import describe, is_indexed
from jobs.storage.schema import existing_columns
from patterns.files import PatternFileError, label_names, read_pattern_set
from patterns.matcher import PatternsTooLarge, build_matcher
from patterns.pattern_set import MODEL_TYPES, PREDICT_TYPES, ModelType

_LEAST_VERSION = (10, 6)  # the first that can skip locked rows

# Access denied to a database, a table, a column.
_NO_RIGHT = (1044, 1142, 1143)

OUTPUT_GRANTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `advice` says what to do about it, where there is anything."""

    subject: str
    verdict: Literal["ok", "warning", "error"]
    message: str
    advice: str = ""


async def check(site: Site) -> AsyncIterator[Finding]:
    """Looks at everything, one finding after the other. Changes nothing; raises nothing."""
    yield _check_env_file(ENV_FILE)
    async for finding in _check_input(site):
        yield finding
    async for finding in _check_output(site):
        yield finding
    async for finding in _check_redis(site):
        yield finding
    for model_type in MODEL_TYPES:
        yield _check_patterns(site.settings.patterns_dir, model_type)
    yield _check_sources(site.settings.sources_file)


def _check_env_file(path: Path) -> Finding:
    if not path.exists():
        return Finding("settings", "warning", "no .env in this folder", "copy .env.example to .env and fill it in")
    mode = path.stat().st_mode
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        return Finding("settings", "warning", "others can read .env and its passwords", "chmod 600 .env")
    if not os.access(path, os.R_OK):
        return Finding("settings", "error", ".env cannot be read", "make this user its owner")
    return Finding("settings", "ok", ".env is read, and by nobody else")


async def _check_input(site: Site) -> AsyncIterator[Finding]:
    try:
        async with connect(site.input) as session:
            yield await _check_input_table(session, site)
            yield await _check_encryption(session, site.input, "INPUT_TLS")
    except DatabaseError as error:
        yield Finding("input", "error", str(error), "check INPUT_HOST, INPUT_PORT, INPUT_USER, INPUT_PASSWORD")


async def _check_input_table(session: Session, site: Site) -> Finding:
    schema, table = site.settings.input_schema, site.settings.input_table
    if not schema:
        return Finding("input", "warning", "no default schema", "set INPUT_SCHEMA, or give --target-schema each time")
    grant = _grant(("SELECT",), schema, site.settings.input_user)
    try:
        await describe(session, schema, table, "author_name")
    except DatabaseError as error:
        if error.code not in _NO_RIGHT:
            raise
        return Finding("input", "error", str(error), grant)
    except AudienceError as error:
        return Finding("input", "error", str(error), f"check INPUT_SCHEMA and INPUT_TABLE; {grant}")
    if not await is_indexed(session, schema, table):
        advice = f"CREATE INDEX post_time ON `{table}` (post_time)"
        return Finding("input", "warning", f"{schema}.{table} can be read, always the whole table", advice)
    return Finding("input", "ok", f"{site.input}, {schema}.{table} can be read")


async def _check_encryption(session: Session, server: Server, setting: str) -> Finding:
    row = await session.row("SHOW SESSION STATUS LIKE 'Ssl_version'")
    return _encryption(str(server), server.host, str(row[1]) if row else "", f"set {setting}=required")


def _encryption(name: str, host: str, version: str, advice: str) -> Finding:
    """What a connection's TLS version, "" for none, means for a server on this host."""
    if version:
        return Finding("tls", "ok", f"{name}: {version}")
    if _is_loopback(host):
        return Finding("tls", "ok", f"{name}: not encrypted, does not leave this machine")
    return Finding("tls", "warning", f"{name}: not encrypted, can be read on the way", f"{advice}, see README")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _check_output(site: Site) -> AsyncIterator[Finding]:
    schema = site.settings.output_schema
    try:
        async with site.output_session() as session:
            yield await _check_version(session, site)
            yield await _check_encryption(session, site.output, "OUTPUT_TLS")
            yield await _check_output_grants(session, site)
            columns = await existing_columns(session, schema, "state")
            if not columns:
                yield Finding("state", "ok", f"no state table in {schema} yet; the first create_task makes it")
            elif "production_due" not in columns:
                yield Finding("state", "warning", f"the state table in {schema} is of v2.1", "create_task migrates it")
            else:
                yield Finding("state", "ok", f"the state table in {schema} is there")
    except DatabaseError as error:
        yield Finding("output", "error", str(error), "check OUTPUT_HOST, OUTPUT_PORT, OUTPUT_USER, OUTPUT_PASSWORD")


async def _check_version(session: Session, site: Site) -> Finding:
    row = await session.row("SELECT VERSION()")
    version = str(row[0]) if row else ""
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if "MariaDB" not in version or numbers < _LEAST_VERSION:
        return Finding("output", "error", f"{site.output} is {version}", "MariaDB 10.6 or later is needed")
    return Finding("output", "ok", f"{site.output} answers, MariaDB {version.split('-')[0]}")


async def _check_output_grants(session: Session, site: Site) -> Finding:
    schema = site.settings.output_schema
    grants = [str(row[0]) for row in await session.rows("SHOW GRANTS")]
    missing = [privilege for privilege in OUTPUT_GRANTS if privilege not in granted(grants, schema)]
    if missing:
        advice = _grant(OUTPUT_GRANTS, schema, site.settings.output_user)
        return Finding("grants", "error", f"no right to {', '.join(missing)} in {schema}", advice)
    return Finding("grants", "ok", f"all that is needed in {schema}")


def _grant(privileges: Sequence[str], schema: str, user: str) -> str:
    """The statement that grants these. In a grant _ and % of a schema's name are wildcards unless escaped."""
    name = re.sub(r"([\\_%])", r"\\\1", schema).replace("`", "``")
    return f"GRANT {', '.join(privileges)} ON `{name}`.* TO '{user}'@..."


def granted(grants: list[str], schema: str) -> set[str]:
    """The privileges on a whole schema that the lines of SHOW GRANTS give, of OUTPUT_GRANTS."""
    found: set[str] = set()
    for grant in grants:
        match = re.match(r"GRANT (.+?) ON (?:\*|`((?:[^`]|``)*)`)\.\* TO ", grant)
        if match is None or (match[2] is not None and not _name_matches(match[2].replace("``", "`"), schema)):
            continue
        names = set(match[1].split(", "))
        found |= set(OUTPUT_GRANTS) if "ALL PRIVILEGES" in names else names
    return found


def _name_matches(pattern: str, schema: str) -> bool:
    """Whether a grant's name of a schema, where % and _ are wildcards unless escaped, means this one."""
    places = {0}  # up to where in the schema the pattern so far may reach; a regex could search for ages
    for part in re.findall(r"\\.|.", pattern, re.DOTALL):
        if part == "%":
            places = set(range(min(places), len(schema) + 1))
        else:
            places = {at + 1 for at in places if at < len(schema) and part in ("_", schema[at], f"\\{schema[at]}")}
        if not places:
            return False
    return len(schema) in places


async def _check_redis(site: Site) -> AsyncIterator[Finding]:
    try:
        async with open_redis(site.settings) as redis:
            missing = await missing_rights(redis)
            version = await tls_version(redis)
    except AudienceError as error:
        yield Finding("redis", "error", str(error), "correct REDIS_URL")
        return
    except REDIS_ERRORS as error:
        yield Finding("redis", "error", f"Redis: {error}", "start Redis, or check REDIS_URL")
        return
    yield _encryption(f"Redis {site.redis_address}", site.redis_host, version, "begin REDIS_URL with rediss://")
    if missing:
        rules = " ".join(missing)
        yield Finding("redis", "error", f"answers, but does not allow {rules}", f"ACL SETUSER ... {rules}, see README")
        return
    yield Finding("redis", "ok", "answers, and allows all that is needed")
    try:
        fleet = await look_at_workers(site)
    except AudienceError as error:
        yield Finding("workers", "error", str(error))
        return
    queue = site.settings.queue
    count = sum(worker.queue == queue and not worker.stale for worker in fleet.workers)
    if count:
        yield Finding("workers", "ok", f"{count} on queue {queue}")
    else:
        yield Finding("workers", "warning", f"none on queue {queue}", "tasks wait until there is one: audience worker")


def _check_patterns(directory: Path, model_type: ModelType) -> Finding:
    try:
        label_names(directory, model_type)
        counts = []
        for predict_type in PREDICT_TYPES:
            if any((directory / model_type).glob(f"*/{predict_type}.txt")):
                pattern_set = read_pattern_set(directory, model_type, predict_type)
                build_matcher(pattern_set)
                labels = ", ".join(f"/{label.name} {len(label.patterns):,}" for label in pattern_set.labels)
                counts.append(f"{predict_type}: {labels}")
    except (PatternFileError, PatternsTooLarge) as error:
        faults = error.faults[:5] if isinstance(error, PatternFileError) else [error]
        return Finding(model_type, "error", "; ".join(map(str, faults)), "correct the file, or see PATTERNS_DIR")
    return Finding(model_type, "ok", "; ".join(counts) or "no pattern files")


def _check_sources(path: Path) -> Finding:
    try:
        sources = read_sources(path)
    except AudienceError as error:
        return Finding("sources", "error", str(error), "correct the file, or see SOURCES_FILE")
    count = len(sources.results)
    return Finding("sources", "ok", f"{count} sources named, the others go to {sources.default}")
