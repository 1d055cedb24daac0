"""The command that checks the deployment."""

from contextlib import aclosing

import typer
from rich.console import Console
from rich.text import Text

from console.cli.output import print_envelope
from console.cli.run import AsJson, run
from console.sanitize import sanitize
from jobs.deployment import Deployment
from jobs.model.finding import Finding
from jobs.services.check import check_deployment

_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}


def check(as_json: AsJson = False) -> None:
    """Check that everything is in place, and say what to do if not."""

    async def service(deployment: Deployment) -> list[Finding]:
        found = []
        async with aclosing(check_deployment(deployment)) as findings:
            async for finding in findings:
                found.append(finding)
                if not as_json:
                    _print(finding)
        return found

    findings = run(service, as_json)
    failed = any(finding.verdict == "error" for finding in findings)
    if as_json:
        content = [vars(finding) for finding in findings]
        print_envelope(500 if failed else 200, "see content" if failed else "OK", content=content)
    if failed:
        raise typer.Exit(1)


def _print(finding: Finding) -> None:
    advice = f"; {finding.advice}" if finding.advice else ""
    line = Text.assemble((f"{finding.verdict:8}", _STYLES[finding.verdict]), f"{finding.subject:14}")
    line.append(sanitize(finding.message + advice))
    Console(soft_wrap=True).print(line)
