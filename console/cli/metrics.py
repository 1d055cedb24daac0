"""The command that prints or serves metrics."""

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry, Metric, generate_latest, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from console.cli.output import exit_with, print_error
from console.cli.run import run
from console.sanitize import sanitize
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import InvalidValue

LOOPBACK = "127.0.0.1"


def metrics(
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT", help="Serve them over HTTP until Ctrl-C; on the loopback if no host is given."
        ),
    ] = None,
) -> None:
    """Print metrics in the text format of Prometheus, or serve them."""
    if listen is not None:
        _serve(*_parse(listen))
        return
    deployment, found = run(_read, as_json=False)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(deployment, found))
    sys.stdout.write(generate_latest(registry).decode())
    for fault in found.faults:
        print_error(fault)
    if found.faults:
        raise typer.Exit(1)


async def _read(deployment: Deployment) -> tuple[Deployment, services.Metrics]:
    services.require_redis_url(deployment)
    return deployment, await services.read_metrics(deployment)


class _Collected(Collector):
    """Metrics that have been read, each with the name of the deployment as a label."""

    def __init__(self, deployment: Deployment, found: services.Metrics) -> None:
        self._deployment = deployment
        self._found = found

    def collect(self) -> Iterator[Metric]:
        for metric in self._found.metrics:
            family = GaugeMetricFamily(metric.name, metric.help, labels=["deployment", *metric.labels])
            for labels, value in sorted(metric.values.items()):
                # Who can write to Redis can name a queue as they like.
                family.add_metric([self._deployment.settings.deployment, *map(sanitize, labels)], value)
            yield family


class _Collecting(Collector):
    """Reads the metrics for each request, one request after the other."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._turn = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        with self._turn:
            _, found = asyncio.run(_read(self._deployment))
        yield from _Collected(self._deployment, found).collect()


def _serve(host: str, port: int) -> None:
    deployment = run(_load, as_json=False)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collecting(deployment))
    try:
        server, thread = start_http_server(port, host, registry)
    except (OSError, OverflowError) as error:
        exit_with(InvalidValue(f"--listen: cannot listen on {host}:{port}: {error}"), as_json=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    address = f"[{host}]" if ":" in host else host
    print(f"serving http://{address}:{server.server_port}/metrics until Ctrl-C", file=sys.stderr, flush=True)
    thread.join()
    server.server_close()


async def _load(deployment: Deployment) -> Deployment:
    services.require_redis_url(deployment)
    return deployment


def _parse(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise typer.BadParameter(f"{listen!r} is not [HOST:]PORT", param_hint="--listen")
    return host.removeprefix("[").removesuffix("]") or LOOPBACK, int(port)
