"""Two hosts: workers in two network namespaces, the servers in a third. One host is cut off in the middle of a task.

The fault runs in a process of its own inside the servers' namespace: `python -m tests.faults.hosts <seed>`, with the
names of the namespaces as further arguments. Addresses exist only inside the namespaces.
"""

import asyncio
import dataclasses
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.faults.deployment import Fault, FaultDeployment, NotTried, Trial, fault_deployment, other_time
from tests.helpers.running import until

_SERVERS = "10.83.0.1"
_ALL_ADDRESSES = "10.83.0.0/255.255.0.0"
_WORKERS_A_HOST = 2
_LIMIT_SECONDS = 90.0
_CUTS_SECONDS = (20.0, 45.0, 75.0)

# The hosts' clocks and time zones, the latter in the form that needs no time zone files.
_CLOCKS = (("+37m", "CST-8"), ("-3h", "EST5EDT,M3.2.0,M11.1.0"))

_DROP_ALL = (
    "add table inet cut; add chain inet cut input {{ type filter hook input priority 0; }};"
    " add rule inet cut input iifname {interface} counter drop"
)


async def cut_off(_: FaultDeployment, rng: random.Random, trial: int) -> Trial:
    """All packets to and from one host are dropped in the middle of a task, and pass again after a while."""
    missing = [program for program in ("ip", "nft") if shutil.which(program) is None]
    if os.geteuid() != 0 or missing:
        raise NotTried(f"it needs {' and '.join(missing) or 'root'}")
    with _namespaces() as names:
        command = ["ip", "netns", "exec", names[0], sys.executable, "-m", "tests.faults.hosts"]
        command += [str(rng.random()), str(_CUTS_SECONDS[trial % len(_CUTS_SECONDS)]), *names[1:]]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    if done.returncode:
        return Trial(False, 0, f"exit status {done.returncode}: {done.stderr[-500:]}")
    return Trial(**json.loads(done.stdout))


@contextmanager
def _namespaces() -> Iterator[list[str]]:
    """Make a namespace for the servers and one for each host, connected to it; yield their names."""
    names = [f"audience-{os.getpid()}-{name}" for name in ("servers", "host1", "host2")]
    servers, *hosts = names
    with ExitStack() as stack:
        for name in names:
            try:
                _run("ip", "netns", "add", name)
            except subprocess.CalledProcessError as error:
                raise NotTried(f"no network namespace can be made: {error.stderr.strip()}") from error
            stack.callback(_remove, name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        _run("ip", "-n", servers, "address", "add", _SERVERS, "dev", "lo")
        for number, host in enumerate(hosts, start=1):
            near, far = f"10.83.{number}.1", f"10.83.{number}.2"
            _run("ip", "-n", servers, "link", "add", f"host{number}", "type", "veth", "peer", "eth0", "netns", host)
            for name, interface, address in ((servers, f"host{number}", near), (host, "eth0", far)):
                _run("ip", "-n", name, "address", "add", f"{address}/24", "dev", interface)
                _run("ip", "-n", name, "link", "set", interface, "up")
            _run("ip", "-n", host, "route", "add", "default", "via", near)
        yield names


def _remove(namespace: str) -> None:
    """Remove a namespace, with the processes that a killed trial has left in it."""
    for pid in _run("ip", "netns", "pids", namespace).split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    _run("ip", "netns", "del", namespace)


async def _try_between(
    deployment: FaultDeployment, rng: random.Random, cut_seconds: float, hosts: Sequence[str]
) -> Trial:
    """Cut off one of the hosts, both of which run workers. Runs inside the servers' namespace."""
    with ExitStack() as stack:
        for host, (offset, zone) in zip(hosts, _CLOCKS, strict=True):
            for _ in range(_WORKERS_A_HOST):
                environment = other_time(offset) | {"TZ": zone}
                wrapper = ("ip", "netns", "exec", host)
                stack.enter_context(deployment.worker_with(wrapper=wrapper, **environment))
        await until(lambda: deployment.log().count(": ready") == _WORKERS_A_HOST * len(hosts), 60)
        number = rng.randrange(len(hosts)) + 1
        link = Link(f"host{number}", hosts[number - 1])
        claims = 0
        while not claims:
            task_id = await deployment.create(countdown=1)
            await deployment.progress(task_id, rng.randrange(3, 30))
            claims = _cut_while_claiming(deployment, link, f"10.83.{number}.2")
        cut = time.monotonic()
        healing = asyncio.create_task(_heal_after(link, cut_seconds))
        trial = await deployment.finished(task_id, cut, _LIMIT_SECONDS)
        dropped = await healing
        if not dropped:
            return Trial(False, trial.seconds, "no packet was dropped")
        # The host is back: what its workers still try to write must change nothing, and they take other tasks.
        again = await deployment.finished(await deployment.create(), time.monotonic())
        await asyncio.sleep(5)
        later = deployment.compared(await deployment.look(task_id), trial.seconds)
    inexact = [one.note for one in (trial, again, later) if not one.exact]
    note = f"host {number} cut off for {cut_seconds:.0f} s with {claims} open claims, {dropped} packets dropped"
    return Trial(not inexact, trial.seconds, "; ".join([note, *inexact]))


@dataclasses.dataclass(frozen=True)
class Link:
    """The link between the servers' namespace and a host. `interface` is its end at the servers."""

    interface: str
    host: str

    def cut(self) -> None:
        """Drop all packets where they arrive: no end hears of it."""
        _run("nft", _DROP_ALL.format(interface=self.interface))
        _run("ip", "netns", "exec", self.host, "nft", _DROP_ALL.format(interface="eth0"))

    def heal(self) -> int:
        """Let packets pass again. Returns how many the servers' end has dropped."""
        rules = _run("nft", "list", "table", "inet", "cut")
        _run("nft", "delete", "table", "inet", "cut")
        _run("ip", "netns", "exec", self.host, "nft", "delete", "table", "inet", "cut")
        return int(re.findall(r"packets (\d+)", rules)[0])


def _cut_while_claiming(deployment: FaultDeployment, link: Link, address: str) -> int:
    """Cut the link while the host has open claims, and return how many. 0: it has none, and the link is as before."""
    sql = (
        "SELECT COUNT(*) FROM information_schema.innodb_trx JOIN information_schema.processlist"
        " ON trx_mysql_thread_id = id WHERE host LIKE %s"
    )
    for _ in range(10):
        link.cut()
        if claims := int(deployment.rows(sql, f"{address}:%")[0][0]):
            return claims
        link.heal()
    return 0


async def _heal_after(link: Link, seconds: float) -> int:
    await asyncio.sleep(seconds)
    return link.heal()


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _main() -> None:
    seed, cut_seconds, *hosts = sys.argv[1:]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="audience-hosts-")))
        deployment = stack.enter_context(
            fault_deployment(
                folder, "--bind-address=0.0.0.0", redis_options=("bind 0.0.0.0",), host=_SERVERS, clients=_ALL_ADDRESSES
            )
        )
        trial = asyncio.run(_try_between(deployment, random.Random(seed), float(cut_seconds), hosts))
    print(json.dumps(dataclasses.asdict(trial)))


FAULTS = [Fault("a host cut off for 20 to 75 s (seconds since the cut)", cut_off, trials=3, short=0)]

if __name__ == "__main__":
    _main()
