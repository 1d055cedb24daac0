"""How sampled rows are shown: in the table, in full below it, and as shares of their panels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from console.highlight import highlight, highlight_part, pattern_line
from console.sanitize import sanitize
from console.ui.formatting import bar, cell, fit
from jobs.services import SampleRow
from patterns.explain import Explanation

MATCH = "bold reverse accent"
"""The tone of matched characters."""
_GAP = 2
_MOST_HITS = 5
# The columns in the order of their importance, with their widths. The first one gets what is left.
_COLUMNS = {"matched text": 20, "author": 14, "panel": 9, "decided by": 16, "day": 10, "source": 10, "id": 22}
_ORDER = ("author", "matched text", "panel", "decided by", "day", "source", "id")


@dataclass(frozen=True)
class Sampled:
    """A sampled row, and what the patterns that the task froze say about its text, if they are kept."""

    row: SampleRow
    explanation: Explanation | None = None

    @property
    def author(self) -> str:
        """The author's name, without the source."""
        return self.row.source_author.removeprefix(f"{self.row.field_content}_")

    @property
    def decided_by(self) -> str:
        """The pattern that decides about the text, and how it matches. Of a rule its line, as many begin alike."""
        decision = self.explanation.decision if self.explanation else None
        if decision is None:
            return ""
        shown = pattern_line(decision.pattern)
        return f"line {decision.line} {shown}" if decision.pattern.match_type == "regex" else shown

    def matches(self, words: str) -> bool:
        """Return whether the author, the text, the pattern or the panel contains these words."""
        return any(words.lower() in text.lower() for text in (self.author, self.row.match_content, self.decided_by))


def columns_for(width: int, rows: Sequence[Sampled]) -> dict[str, int]:
    """Return the columns that fit, in order, with their widths.

    The author is left out where it is what was matched. What is left is for the text, if that is as long, and then for
    the pattern.
    """
    left_out = {"author"} if rows and all(row.author == row.row.match_content for row in rows) else set()
    if not any(row.explanation for row in rows):
        left_out.add("decided by")
    widths: dict[str, int] = {}
    for name, needed in _COLUMNS.items():
        if name in left_out:
            continue
        if needed + _GAP > width:
            break
        width -= needed + _GAP
        widths[name] = needed
    if "matched text" in widths:
        longest = max((cell_len(sanitize(row.row.match_content)) for row in rows), default=0)
        wider = max(min(width, longest - widths["matched text"]), 0) if "decided by" in widths else width
        widths["matched text"] += wider
        if "decided by" in widths:
            widths["decided by"] += width - wider
    return {name: widths[name] for name in _ORDER if name in widths}


def row_cells(sampled: Sampled, columns: Mapping[str, int]) -> tuple[Text, ...]:
    """Return the cells of a row."""
    row = sampled.row
    cells = {
        "author": cell(sampled.author),
        "panel": cell(row.panel, "bold"),
        "decided by": cell(sampled.decided_by, "muted"),
        "day": cell(str(row.create_time)[:10], "muted"),
        "source": cell(row.field_content, "muted"),
        "id": cell(row.id, "muted"),
    }
    return tuple(_excerpt(sampled, width) if name == "matched text" else cells[name] for name, width in columns.items())


def _excerpt(sampled: Sampled, width: int) -> Text:
    """Return the part of the text around the match that decides, which is highlighted."""
    text, spans = sampled.row.match_content, _spans(sampled)
    start = 0
    if spans and cell_len(sanitize(text[: spans[0][1]])) >= width:
        start = first = spans[0][0]
        while start > 0 and cell_len(sanitize(text[start - 1 : first])) <= width // 4:
            start -= 1
    end = start + width
    if spans:  # characters without a width may be before it
        end = max(end, min(spans[0][1], spans[0][0] + width))
    shown = highlight_part(text, spans, start, end, MATCH)
    shown.end, shown.no_wrap = "", True
    return Text("…", end="").append_text(shown) if start else shown


def _spans(sampled: Sampled) -> Sequence[tuple[int, int]]:
    decision = sampled.explanation.decision if sampled.explanation else None
    return decision.spans if decision else ()


def row_text(sampled: Sampled) -> Text:
    """Return a row in full: whose it is, what decided about it, its text."""
    row, explanation = sampled.row, sampled.explanation
    text = Text.assemble((sanitize(sampled.author), "bold"), "  ", (sanitize(row.panel), "bold accent"))
    text.append(f"  {sanitize(row.create_time)}  {sanitize(row.field_content)}  id {sanitize(row.id)}\n", "muted")
    hits = explanation.hits if explanation else ()
    for hit in hits[:1]:
        text.append(sanitize(pattern_line(hit.pattern)))
        text.append(f", line {hit.line} of /{sanitize(hit.label)}, decides\n", "muted")
    text.append_text(highlight(row.match_content, _spans(sampled), MATCH))
    for hit in hits[1:_MOST_HITS]:
        text.append(f"\nalso {sanitize(pattern_line(hit.pattern))}", "muted")
        reason = explanation.reason(hit) if explanation else ""
        text.append(f", line {hit.line} of /{sanitize(hit.label)}: {sanitize(reason)}", "muted")
    if len(hits) > _MOST_HITS:
        text.append(f"\nand {len(hits) - _MOST_HITS} more", "muted")
    return text


def shares_text(rows: Sequence[Sampled], totals: Mapping[str, int] | None, width: int) -> Text:
    """Return the panels' shares of the sample, and beside them those of all rows, if these are known."""
    counts, total = Counter(row.row.panel for row in rows), sum((totals or {}).values())
    panels = list(totals or dict(counts.most_common()))
    if not rows:
        return Text()
    name_width = min(max(cell_len(sanitize(panel)) for panel in panels), width // 3)
    bar_width = max(width - name_width - 16, 4)
    text = Text(f"{'':{name_width + bar_width + 1}} sample     all", "muted")
    for panel in panels:
        share = counts[panel] / len(rows)
        text.append("\n" + fit(panel, name_width) + " ", "bold")
        text.append_text(bar(share, bar_width, "accent")).append(f" {share:6.1%}")
        text.append(f" {totals[panel] / total:7.1%}" if totals and total else "      ...", "muted")
    return text


def shares_line(rows: Sequence[Sampled], totals: Mapping[str, int] | None) -> Text:
    """Return the same in one line, for a narrow terminal."""
    counts, total = Counter(row.row.panel for row in rows), sum((totals or {}).values())
    text = Text(no_wrap=True, overflow="ellipsis")
    for panel in list(totals or dict(counts.most_common())) if rows else ():
        text.append("   " if text else "").append(sanitize(panel), "bold").append(f" {counts[panel] / len(rows):.0%}")
        if totals and total:
            text.append(f" (of all {totals[panel] / total:.0%})", "muted")
    return text
