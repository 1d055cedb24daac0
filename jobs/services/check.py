"""The check: whether everything that a task needs is in place, and what to do if it is not."""

import os
import re
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from jobs.deployment import Deployment
from jobs.errors import AudienceError, DatabaseError
from jobs.model.sources import read_sources
from jobs.notify import reach
from jobs.queue.client import REDIS_ERRORS, open_redis, tls_version
from jobs.queue.permissions import missing_permissions
from jobs.services.firing import obstacle
from jobs.services.notify import Notifications, count_undelivered
from jobs.services.overview import read_fleet
from jobs.services.schedules import list_schedules
from jobs.settings import ENV_FILE
from jobs.storage import task_search
from jobs.storage.connection import Session, connect
from jobs.storage.endpoint import Server, is_loopback
from jobs.storage.grants import OUTPUT_PRIVILEGES, grant_statement, granted_privileges, read_grants
from jobs.storage.input_table import describe_input, is_indexed
from jobs.storage.schema import existing_columns
from jobs.storage.server import read_tls_version, read_variables, read_version, stored_name
from patterns.files import PatternFileError, label_names, present_models, read_pattern_set
from patterns.matcher import PatternsTooLarge, build_matcher
from patterns.pattern_set import MODEL_TYPES, PREDICT_TYPES, ModelType

_MIN_VERSION = (10, 6)  # the first with SKIP LOCKED

# Access denied to a database, a table, a column.
_ACCESS_DENIED = (1044, 1142, 1143)


@dataclass(frozen=True)
class Finding:
    """The verdict about one thing. `advice` says what to do about it, if anything."""

    subject: str
    verdict: Literal["ok", "warning", "error"]
    message: str
    advice: str = ""


async def check_deployment(deployment: Deployment) -> AsyncIterator[Finding]:
    """Check everything, and yield one finding after the other. Changes nothing and raises nothing."""
    yield _check_env_file(ENV_FILE)
    async for finding in _check_input(deployment):
        yield finding
    async for finding in _check_output(deployment):
        yield finding
    async for finding in _check_redis(deployment):
        yield finding
    async for finding in _check_alerts(deployment):
        yield finding
    for model_type in MODEL_TYPES:
        yield _check_patterns(deployment.settings.patterns_dir, model_type)
    yield _check_sources(deployment.settings.sources_file)
    async for finding in _check_schedules(deployment):
        yield finding


def _check_env_file(path: Path) -> Finding:
    if not path.exists():
        return Finding("settings", "warning", "no .env in this folder", "copy .env.example to .env and fill it in")
    mode = path.stat().st_mode
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        return Finding("settings", "warning", "others can read .env and its passwords", "chmod 600 .env")
    if not os.access(path, os.R_OK):
        return Finding("settings", "error", ".env cannot be read", "make this user its owner")
    return Finding("settings", "ok", ".env is readable, and by this user only")


async def _check_input(deployment: Deployment) -> AsyncIterator[Finding]:
    try:
        async with connect(deployment.input) as session:
            yield await _check_input_table(session, deployment)
            yield await _check_encryption(session, deployment.input, "INPUT_TLS")
    except DatabaseError as error:
        yield Finding("input", "error", str(error), "check INPUT_HOST, INPUT_PORT, INPUT_USER, INPUT_PASSWORD")


async def _check_input_table(session: Session, deployment: Deployment) -> Finding:
    schema, table = deployment.settings.input_schema, deployment.settings.input_table
    if not schema:
        return Finding("input", "warning", "no default schema", "set INPUT_SCHEMA, or give --target-schema each time")
    grant = grant_statement(("SELECT",), schema, deployment.settings.input_user)
    try:
        await describe_input(session, schema, table, "author_name")
    except DatabaseError as error:
        if error.code not in _ACCESS_DENIED:
            raise
        return Finding("input", "error", str(error), grant)
    except AudienceError as error:
        return Finding("input", "error", str(error), f"check INPUT_SCHEMA and INPUT_TABLE; {grant}")
    if not await is_indexed(session, schema, table):
        advice = f"CREATE INDEX post_time ON `{table}` (post_time)"
        return Finding("input", "warning", f"{schema}.{table} can be read, but only as a whole", advice)
    return Finding("input", "ok", f"{deployment.input}, {schema}.{table} can be read")


async def _check_encryption(session: Session, server: Server, setting: str) -> Finding:
    version = await read_tls_version(session)
    return _encryption(str(server), server.host, version, f"set {setting}=required")


def _encryption(name: str, host: str, version: str, advice: str) -> Finding:
    """Return the finding for a connection's TLS version, "" for none, to a server on this host."""
    if version:
        return Finding("tls", "ok", f"{name}: {version}")
    if is_loopback(host):
        return Finding("tls", "ok", f"{name}: not encrypted, but local to this machine")
    return Finding(
        "tls", "warning", f"{name}: not encrypted, so it can be read on the network", f"{advice}; see docs/security.md"
    )


async def _check_output(deployment: Deployment) -> AsyncIterator[Finding]:
    schema = deployment.settings.output_schema
    try:
        async with deployment.output_session() as session:
            yield await _check_version(session, deployment)
            yield await _check_encryption(session, deployment.output, "OUTPUT_TLS")
            async for finding in _check_output_variables(session):
                yield finding
            yield await _check_output_grants(session, deployment)
            columns = await existing_columns(session, schema, "state")
            if not columns:
                yield Finding("state", "ok", f"no state table in {schema} yet; the first create_task creates it")
            elif "production_due" not in columns:
                yield Finding("state", "warning", f"the state table in {schema} is of v2.1", "create_task migrates it")
            else:
                yield Finding("state", "ok", f"the state table in {schema} exists")
                async for finding in _check_tasks(session, schema):
                    yield finding
    except DatabaseError as error:
        yield Finding("output", "error", str(error), "check OUTPUT_HOST, OUTPUT_PORT, OUTPUT_USER, OUTPUT_PASSWORD")


async def _check_tasks(session: Session, schema: str) -> AsyncIterator[Finding]:
    """Yield a finding for each task that waits forever."""
    for task in await task_search.find_unclaimable(session, schema):
        yield Finding(
            "task",
            "warning",
            f"{task.task_id} is {task.stat}, but an earlier release created it, so no worker takes it",
            f"audience abort {task.task_id}; create a task with its range: {task.date_range}",
        )


async def _check_version(session: Session, deployment: Deployment) -> Finding:
    version = await read_version(session)
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if "MariaDB" not in version or numbers < _MIN_VERSION:
        return Finding("output", "error", f"{deployment.output} is {version}", "MariaDB 10.6 or later is needed")
    return Finding("output", "ok", f"{deployment.output} answers, MariaDB {version.split('-')[0]}")


async def _check_output_variables(session: Session) -> AsyncIterator[Finding]:
    """Yield a finding for each variable of the server by which it refuses what a task writes."""
    found = await read_variables(session, "log_bin", "binlog_format", "innodb_force_primary_key")
    if found.get("log_bin") == "ON" and found.get("binlog_format") == "STATEMENT":
        yield Finding(
            "output",
            "error",
            "binlog_format is STATEMENT, with which the server refuses READ COMMITTED transactions",
            "SET GLOBAL binlog_format = 'MIXED', and set it in the server's configuration",
        )
    if found.get("innodb_force_primary_key") == "ON":
        yield Finding(
            "output",
            "error",
            "innodb_force_primary_key is ON, with which the server refuses the result tables: they have no primary key",
            "SET GLOBAL innodb_force_primary_key = OFF, and set it in the server's configuration",
        )


async def _check_output_grants(session: Session, deployment: Deployment) -> Finding:
    schema = await stored_name(session, deployment.settings.output_schema)
    granted = granted_privileges(await read_grants(session), schema)
    missing = [privilege for privilege in OUTPUT_PRIVILEGES if privilege not in granted]
    if missing:
        advice = grant_statement(OUTPUT_PRIVILEGES, schema, deployment.settings.output_user)
        return Finding("grants", "error", f"no privilege to {', '.join(missing)} in {schema}", advice)
    return Finding("grants", "ok", f"all privileges that are needed in {schema}")


async def _check_redis(deployment: Deployment) -> AsyncIterator[Finding]:
    try:
        async with open_redis(deployment.settings) as redis:
            missing = await missing_permissions(redis)
            version = await tls_version(redis)
    except AudienceError as error:
        yield Finding("redis", "error", str(error), "correct REDIS_URL")
        return
    except REDIS_ERRORS as error:
        yield Finding("redis", "error", f"Redis: {error}", "start Redis, or check REDIS_URL")
        return
    yield _encryption(
        f"Redis {deployment.redis_address}", deployment.redis_host, version, "begin REDIS_URL with rediss://"
    )
    if missing:
        rules = " ".join(missing)
        yield Finding(
            "redis", "error", f"answers, but does not allow {rules}", f"ACL SETUSER ... {rules}; see docs/security.md"
        )
        return
    yield Finding("redis", "ok", "answers, and allows everything that is needed")
    try:
        fleet = await read_fleet(deployment)
    except AudienceError as error:
        yield Finding("workers", "error", str(error))
        return
    queue = deployment.settings.queue
    count = sum(worker.queue == queue and not worker.stale for worker in fleet.workers)
    if count:
        yield Finding("workers", "ok", f"{count} on queue {queue}")
    else:
        yield Finding("workers", "warning", f"none on queue {queue}", "tasks wait until one runs: audience worker")


async def _check_alerts(deployment: Deployment) -> AsyncIterator[Finding]:
    waiting = Notifications(0, 0.0, None)
    with suppress(DatabaseError):  # reported above
        async with deployment.output_session() as session:
            waiting = await count_undelivered(session, deployment)
    host, url = deployment.notify_host, deployment.settings.notify_url
    if not host:
        if waiting.undelivered:
            message = f"{waiting.undelivered} wait for a receiver, but NOTIFY_URL is not set"
            yield Finding("alerts", "warning", message, "set it to send them; workers drop each after seven days")
        else:
            yield Finding("alerts", "ok", "not used: NOTIFY_URL is not set")
        return
    parts = urlsplit(url.get_secret_value())
    fault = await reach(url)
    if fault is not None:
        yield Finding("alerts", "warning", f"{host}: {fault}", "alerts wait; check NOTIFY_URL")
    elif parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        yield Finding(
            "alerts", "warning", f"{host}: not encrypted, so NOTIFY_URL can be read on the network", "use https"
        )
    else:
        yield Finding("alerts", "ok", f"{host} can be reached; audience notify --test posts a test")
    if waiting.answer is not None:
        message = f"{waiting.undelivered} not delivered: {waiting.answer}"
        yield Finding("alerts", "warning", message, "workers go on trying; see docs/alerts.md")


async def _check_schedules(deployment: Deployment) -> AsyncIterator[Finding]:
    """Yield whether a worker on this host could fire the schedules, and which of them are late."""
    try:
        statuses = await list_schedules(deployment)
    except AudienceError:
        return  # said of the output server
    if not statuses:
        return
    obstacles = {status.schedule.name: await obstacle(deployment, status.schedule) for status in statuses}
    for reason in sorted({reason for reason in obstacles.values() if reason is not None}):
        names = ", ".join(name for name, found in obstacles.items() if found == reason)
        advice = "see docs/schedules.md; workers on other hosts may fire them"
        yield Finding("schedules", "warning", f"{names}: cannot be fired here: {reason}", advice)
    fit = sum(reason is None for reason in obstacles.values())
    if fit:
        settings = deployment.settings
        files = f"{settings.patterns_dir} and {settings.sources_file}"
        yield Finding("schedules", "ok", f"a worker on this host could fire {fit} of {len(statuses)}, with {files}")
    late = ", ".join(status.schedule.name for status in statuses if status.late)
    if late:
        advice = "start a worker of this deployment on a host that has the pattern files"
        yield Finding("schedules", "warning", f"{late}: late, because no worker has fired it", advice)


def _check_patterns(directory: Path, model_type: ModelType) -> Finding:
    if model_type not in present_models(directory):
        return Finding(model_type, "ok", f"not used: {directory} has no such folder")
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
    return Finding("sources", "ok", f"{count} sources named; the others go to {sources.default}")
