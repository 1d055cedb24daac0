"""The command that checks the site."""

import typer
from rich.console import Console
from rich.text import Text

from console.cli.output import envelope
from console.cli.tasks import AsJson, run
from console.sanitize import harmless
from jobs.deployment import Site
from jobs.services.check import Finding
from jobs.services.check import check as look

_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}


def check(as_json: AsJson = False) -> None:
    """Check that everything a task needs is in place, and say what to do where it is not."""

    async def service(site: Site) -> list[Finding]:
        findings = []
        async for finding in look(site):
            findings.append(finding)
            if not as_json:
                _print(finding)
        return findings

    findings = run(service, as_json)
    failed = any(finding.verdict == "error" for finding in findings)
    if as_json:
        envelope(500 if failed else 200, "see content" if failed else "OK", content=[vars(each) for each in findings])
    if failed:
        raise typer.Exit(1)


def _print(finding: Finding) -> None:
    advice = f"; {finding.advice}" if finding.advice else ""
    line = Text.assemble((f"{finding.verdict:8}", _STYLES[finding.verdict]), f"{finding.subject:14}")
    line.append(harmless(finding.message + advice))
    Console(soft_wrap=True).print(line)
