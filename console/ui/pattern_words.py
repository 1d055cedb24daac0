"""What the workbench says about a pattern, a text and an evaluation."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from rich.text import Text

from console.figures import percentage
from console.highlight import excerpt, pattern_line
from console.sanitize import sanitize
from console.ui.judgement import Judgement, label_name
from console.ui.pattern_columns import PatternRow, TaskCounts
from console.ui.sample_text import MATCH
from jobs.model.task import Task
from jobs.model.wording import counted
from jobs.services import LintFinding
from jobs.services.preview import Preview
from patterns.evaluation import Wrong
from patterns.explain import Explainer, Explanation

_MAX_HITS = 6
_MOST_OF_A_TEXT = 160
"""The characters of a text that are shown: posts are longer, and what a pattern matches may be at their end."""


def finding_lines(findings: Iterable[LintFinding]) -> list[Text]:
    """Return what was found, a line each."""
    return [Text(sanitize(finding.message), "bold failed" if finding.is_fault else "waiting") for finding in findings]


def sample_lines(row: PatternRow, previewed: Preview, explainer: Explainer | None, label: str) -> list[Text]:
    """Return what a pattern did to the posts of a preview, and what it hits, the matched characters highlighted."""
    hits = row.sample
    if hits is None:
        return [Text("not in the preview: the file has changed since", "muted")]
    posts = (
        f"all {counted(previewed.rows, 'post')}" if previewed.everything else f"{counted(previewed.rows, 'post')} drawn"
    )
    if not hits.hits:
        return [Text(f"hits none of {posts}", "muted")]
    figures = f"hits {hits.hits:,} of {posts}, decides {hits.decided:,}, alone {hits.alone:,}"
    conflicts = f", {hits.conflicts:,} with another label" if hits.conflicts else ""
    examples = [_example(text, explainer, label, row.line) for text in hits.examples]
    return [Text(figures + conflicts), *examples]


def _example(text: str, explainer: Explainer | None, label: str, line: int) -> Text:
    shown = Text("  ")
    if explainer is None:
        return shown.append_text(excerpt(text, (), _MOST_OF_A_TEXT))
    explanation = explainer.explain(text)
    hit = next((hit for hit in explanation.hits if (hit.label, hit.line) == (label, line)), None)
    shown.append_text(excerpt(text, hit.spans if hit else (), _MOST_OF_A_TEXT, MATCH))
    decision = explanation.decision
    if hit is not None and decision is not None and decision is not hit:
        by = pattern_line(decision.pattern)
        shown.append(f"  /{sanitize(decision.label)} by {sanitize(by)} decides", "muted")
    return shown


def preview_line(found: Preview, *, old: bool) -> Text:
    """Return a preview in a line."""
    if not found.rows:
        return Text("the range has no post that a task would read", "waiting")
    posts = f"{'all ' if found.everything else ''}{counted(found.rows, 'post')}"
    text = Text.assemble(("sample  ", "muted"), f"{posts}, {percentage(found.labelled)} labelled")
    for panel, share in found.panels.items():
        text.append(f", {sanitize(panel)} {percentage(share)}")
    text.append(f"; {percentage(found.authors_labelled)} of the authors in it; {found.seconds:.1f} s")
    if old:
        text.append("; the files have changed since", "waiting")
    return text


def gold_lines(row: PatternRow, judgement: Judgement) -> list[Text]:
    """Return what a gold file says about a pattern: its precision, and what it is wrong about."""
    figures = row.gold
    if figures is None:
        return [Text(f"decides no text of {sanitize(judgement.gold_file.name)}", "muted")]
    right = f"right in {figures.right:,} of {counted(figures.decided, 'gold text')}, {percentage(figures.precision)}"
    return [Text(right), *(_wrong(one) for one in judgement.wrong_texts(figures))]


def _wrong(one: Wrong) -> Text:
    right = f"  should get {sanitize(label_name(one.label))}, line {one.line}"
    return Text.assemble(("✗ ", "failed"), sanitize(one.text), (right, "muted"))


def evaluation_line(judgement: Judgement, *, old: bool) -> Text:
    """Return an evaluation in a line."""
    found = judgement.found
    text = Text.assemble(("gold  ", "muted"), f"{counted(found.evaluation.lines, 'text')}, ")
    text.append(f"{percentage(found.evaluation.coverage)} labelled, ")
    text.append(f"precision {percentage(found.evaluation.precision)}")
    if found.bad_count:
        text.append(f"; {counted(found.bad_count, 'line')} left out", "waiting")
    if old:
        text.append("; the files have changed since", "waiting")
    return text


def task_line(task: Task, counts: Collection[TaskCounts], patterns: int) -> Text:
    """Return what the patterns of a task decided, in a line."""
    posts = sum(count.rows for count in counts)
    by = f"{len(counts):,} of {counted(patterns, 'pattern')} decided {counted(posts, 'post')}"
    return Text.assemble(("task  ", "muted"), f"{task.task_id[:8]} of {task.create_time:%Y-%m-%d %H:%M}, {by}")


def task_row_line(row: PatternRow, task: Task) -> Text:
    """Return what a pattern decided in a task."""
    name = f"task {task.task_id[:8]}"
    if row.task is None:
        return Text(f"not among the patterns of {name}", "muted")
    if not row.task.rows:
        return Text(f"decided no post of {name}", "muted")
    return Text(f"decided {counted(row.task.rows, 'post')} of {counted(row.task.authors, 'author')} in {name}")


def verdict(explanation: Explanation) -> Text:
    """Return which label a text gets, by which pattern, and why the others do not decide."""
    decision, text = explanation.decision, explanation.text
    if decision is None:
        return Text("no pattern matches: the text gets no label", "waiting")
    shown = Text.assemble(
        (f"/{sanitize(decision.label)}", "bold done"),
        f" by {sanitize(pattern_line(decision.pattern))}, line {decision.line}:  ",
        excerpt(text, decision.spans, _MOST_OF_A_TEXT, MATCH),
    )
    for hit in explanation.hits[1:_MAX_HITS]:
        pattern = f"{sanitize(pattern_line(hit.pattern))}, line {hit.line}"
        shown.append(f"\n  also /{sanitize(hit.label)} by {pattern}: {sanitize(explanation.reason(hit))}", "muted")
    if len(explanation.hits) > _MAX_HITS:
        shown.append(f"\n  and {len(explanation.hits) - _MAX_HITS} more", "muted")
    return shown


def place(path: Path, directory: Path) -> str:
    """Return a path below the folder of all pattern files."""
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else str(path)


def joined(lines: Sequence[Text]) -> Text:
    """Return lines as one text."""
    return Text("\n").join(lines)
