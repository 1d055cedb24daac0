"""The command that explains which label a text gets, and why."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.text import Text

from console.cli.completion import complete_task_id
from console.cli.output import print_content, print_lines, print_table
from console.cli.parameters import option
from console.cli.run import AsJson, run
from console.highlight import highlight, visible
from console.sanitize import sanitize
from jobs import services
from jobs.deployment import Deployment
from jobs.errors import InvalidValue
from jobs.model.task_request import TaskRequest
from patterns.explain import Explainer, Explanation, Hit

_DEFAULTS = {name: TaskRequest.model_fields[name].default for name in ("model_type", "predict_type")}


def explain(
    texts: Annotated[
        list[str], typer.Argument(metavar="TEXT...", help="Texts, or - for a text a line from standard input.")
    ],
    model_type: Annotated[str | None, option("model_type", default=_DEFAULTS["model_type"])] = None,
    predict_type: Annotated[str | None, option("predict_type", default=_DEFAULTS["predict_type"])] = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="TASK_ID", help="Explain by the patterns that this task froze.", autocompletion=complete_task_id
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show which label a text gets, and why.

    Lists every pattern that matches it, and says why the others do not decide.
    """

    async def service(deployment: Deployment) -> Explainer:
        if task is None:
            types = services.check_types(
                model_type or _DEFAULTS["model_type"], predict_type or _DEFAULTS["predict_type"]
            )
            return services.load_explainer(deployment.settings.patterns_dir, *types)
        if model_type or predict_type:
            raise InvalidValue("a task has its own model_type and predict_type; leave out these options, or --task")
        return await services.load_task_explainer(deployment, task)

    explainer = run(service, as_json)
    explanations = map(explainer.explain, _standard_input() if texts == ["-"] else texts)
    if as_json:
        print_content(map(_to_json, explanations))
    elif sys.stdout.isatty():
        for explanation in explanations:
            _print(explanation)
    else:
        print_table(_PIPE_COLUMNS, _rows(explanations))


def _standard_input() -> Iterator[str]:
    """Yield the lines of standard input. Bytes that are not UTF-8 become U+FFFD."""
    for line in sys.stdin.buffer:
        yield line.removesuffix(b"\n").removesuffix(b"\r").decode(errors="replace")


@dataclass(frozen=True)
class _Row:
    """A line of the output into a pipe: a text with one of its hits, or with none."""

    explanation: Explanation
    hit: Hit | None


def _rows(explanations: Iterable[Explanation]) -> Iterator[_Row]:
    for explanation in explanations:
        for hit in explanation.hits or (None,):
            yield _Row(explanation, hit)


def _of_hit(read: Callable[[Explanation, Hit], object]) -> Callable[[_Row], object]:
    return lambda row: None if row.hit is None else read(row.explanation, row.hit)


_PIPE_COLUMNS: dict[str, Callable[[_Row], object]] = {
    "text": lambda row: row.explanation.text,
    "label": _of_hit(lambda _, hit: f"/{hit.label}"),
    "pattern": _of_hit(lambda _, hit: hit.pattern.text),
    "match_type": _of_hit(lambda _, hit: hit.pattern.match_type),
    "file": _of_hit(lambda _, hit: hit.file),
    "line": _of_hit(lambda _, hit: hit.line),
    "spans": _of_hit(lambda _, hit: " ".join(f"{start}-{end}" for start, end in hit.spans)),
    "outcome": _of_hit(lambda explanation, hit: explanation.reason(hit)),
}


def _print(explanation: Explanation) -> None:
    decision = explanation.decision
    if decision is None:
        print_lines(Text.assemble(highlight(explanation.text, ()), ("  no pattern matches, so no label", "yellow")))
        return
    label = (f"  /{sanitize(decision.label)}", "bold green")
    print_lines(Text.assemble(highlight(explanation.text, decision.spans), label))

    def styled(value: str, hit: Hit) -> Text:
        return Text(sanitize(value), "" if hit is decision else "dim")

    columns: dict[str, Callable[[Hit], object]] = {
        "label": lambda hit: styled(f"/{hit.label}", hit),
        "place": lambda hit: styled(_place(hit), hit),
        "pattern": lambda hit: styled(visible(hit.pattern.text), hit),
        "match type": lambda hit: styled(hit.pattern.match_type, hit),
        "matched": lambda hit: highlight(explanation.text[slice(*hit.spans[0])], ()) if hit.spans else None,
        "outcome": lambda hit: styled(explanation.reason(hit), hit),
    }
    print_table(columns, explanation.hits, header=False, indent=2)


def _place(hit: Hit) -> str:
    return f"line {hit.line}" if hit.file is None else f"{hit.label}/{hit.file.name}:{hit.line}"


def _to_json(explanation: Explanation) -> dict[str, object]:
    return {
        "text": explanation.text,
        "label": explanation.decision.label if explanation.decision else None,
        "hits": [
            {
                "label": hit.label,
                "pattern": hit.pattern.text,
                "match_type": hit.pattern.match_type,
                "file": str(hit.file) if hit.file else None,
                "line": hit.line,
                "spans": hit.spans,
                "matched": [explanation.text[start:end] for start, end in hit.spans],
                "outcome": hit.outcome,
                "reason": explanation.reason(hit),
            }
            for hit in explanation.hits
        ],
    }
