"""The check: whether everything that a task needs is in place, and what to do if it is not."""

import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path
from urllib.parse import urlsplit

from jobs.deployment import Deployment
from jobs.errors import AudienceError, DatabaseError
from jobs.model.alert import KEEP_DAYS
from jobs.model.finding import Finding
from jobs.model.sources import read_sources
from jobs.model.wording import counted
from jobs.notify import reach
from jobs.services.check_servers import check_input, check_output, check_redis
from jobs.services.firing import obstacle
from jobs.services.notify import Notifications, count_undelivered
from jobs.services.schedules import list_schedules
from jobs.settings import ENV_FILE
from jobs.storage.endpoint import is_loopback
from patterns.files import PatternFileError, label_names, present_models, read_pattern_set
from patterns.match import PatternsTooLarge
from patterns.matcher import build_matcher
from patterns.pattern_set import MODEL_TYPES, PREDICT_TYPES, ModelType


async def check_deployment(deployment: Deployment) -> AsyncGenerator[Finding, None]:
    """Check everything, and yield one finding after the other. Changes nothing and raises nothing.

    Close it if you leave it early: it has connections open.
    """
    yield _check_env_file(ENV_FILE)
    for check in (check_input, check_output, check_redis, _check_alerts):
        async with aclosing(check(deployment)) as findings:
            async for finding in findings:
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


async def _check_alerts(deployment: Deployment) -> AsyncGenerator[Finding, None]:
    waiting = Notifications(0, 0.0, None)
    with suppress(DatabaseError):  # reported above
        async with deployment.output_session() as session:
            waiting = await count_undelivered(session, deployment)
    host, url = deployment.notify_host, deployment.settings.notify_url
    if not host:
        if waiting.undelivered:
            message = f"{waiting.undelivered} wait for a receiver, but NOTIFY_URL is not set"
            yield Finding(
                "alerts", "warning", message, f"set it to send them; workers drop each after {KEEP_DAYS} days"
            )
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
        return  # reported above
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
    return Finding("sources", "ok", f"{counted(count, 'source')} named; the others go to {sources.default}")
