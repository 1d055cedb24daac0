"""The command that checks the pattern files."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Annotated

import typer
from rich.text import Text

from console.cli.output import exit_with, print_envelope, print_lines, print_table
from console.cli.parameters import option
from console.cli.run import AsJson
from console.highlight import pattern_line
from console.sanitize import sanitize
from jobs import services
from jobs.errors import AudienceError
from jobs.model.wording import counted
from jobs.services import LintFinding

# A terminal shows this many warnings of a kind about a file; a pipe and JSON get them all.
_SHOWN_OF_A_KIND = 10

_COLUMNS: dict[str, Callable[[LintFinding], object]] = {
    "kind": lambda finding: finding.kind,
    "file": lambda finding: finding.file,
    "line": lambda finding: finding.line,
    "pattern": lambda finding: finding.pattern.text if finding.pattern else None,
    "match_type": lambda finding: finding.pattern.match_type if finding.pattern else None,
    "message": lambda finding: finding.message,
}
_TERMINAL_COLUMNS: dict[str, Callable[[LintFinding], object]] = {
    "line": lambda finding: Text(str(finding.line or ""), justify="right"),
    "pattern": lambda finding: _pattern(finding),
    "message": lambda finding: Text(sanitize(finding.message), "red" if finding.is_fault else "yellow"),
}


def lint(
    model_type: Annotated[str | None, option("model_type", default="both")] = None,
    predict_type: Annotated[str | None, option("predict_type", default="all")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with status 1 for warnings too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the pattern files for faults and doubtful lines.

    A doubtful line probably does not do what it seems to.
    """
    try:
        directory = services.load_deployment().settings.patterns_dir
        findings = services.lint_patterns(directory, model_type, predict_type)
    except AudienceError as error:
        exit_with(error, as_json)
    faults = sum(finding.is_fault for finding in findings)
    failed = bool(findings) if strict else faults > 0
    summary = f"{counted(faults, 'fault')}, {counted(len(findings) - faults, 'warning')}"
    if as_json:
        content = [{name: _json_value(read(finding)) for name, read in _COLUMNS.items()} for finding in findings]
        print_envelope(501 if failed else 200, f"{summary}; see content" if failed else "OK", content=content)
    elif sys.stdout.isatty():
        _print(findings)
        print_lines(Text(summary, "bold red" if faults else "bold yellow" if findings else "bold green"))
    else:
        print_table(_COLUMNS, findings)
    if failed:
        raise typer.Exit(1)


def _print(findings: list[LintFinding]) -> None:
    for file, group in groupby(findings, key=lambda finding: finding.file):
        print_lines(Text(sanitize(file), "bold"))
        about_file = list(group)
        print_table(_TERMINAL_COLUMNS, _first_of_each_kind(about_file), header=False, indent=2)
        for kind, count in Counter(finding.kind for finding in about_file).items():
            if count > _SHOWN_OF_A_KIND:
                print_lines(Text(f"  and {count - _SHOWN_OF_A_KIND:,} more: {kind} (all are in --json)", "dim"))


def _first_of_each_kind(findings: list[LintFinding]) -> Iterator[LintFinding]:
    seen: Counter[str] = Counter()
    for finding in findings:
        seen[finding.kind] += 1
        if seen[finding.kind] <= _SHOWN_OF_A_KIND:
            yield finding


def _pattern(finding: LintFinding) -> str | None:
    return pattern_line(finding.pattern) if finding.pattern else None


def _json_value(value: object) -> object:
    return value if value is None or isinstance(value, int) else str(value)
