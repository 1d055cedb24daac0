"""How sampled rows are shown."""

from datetime import datetime

from hypothesis import example, given
from hypothesis import strategies as st
from rich.text import Text

from console.ui.sample_text import Sampled, columns_for, row_cells, shares_line, shares_text
from jobs.services import SampleRow
from patterns.explain import Explainer
from patterns.pattern_set import Label, Pattern, PatternSet

EXPLAINER = Explainer(
    PatternSet("keyword_model", "content", (Label("male", (Pattern("needle", "partially"),)),)),
)


def sampled(author: str, text: str, panel: str = "/male") -> Sampled:
    row = SampleRow("1", "0" * 32, f"WH_F0045_{author}", panel, datetime(2020, 6, 1), "WH_F0045", text)
    return Sampled(row, EXPLAINER.explain(text))


@given(st.text(max_size=300), st.text(max_size=300), st.integers(20, 160))
@example(24 * "0" + 2 * "\u0300", "", 20)
def test_the_match_is_visible_and_lit_wherever_it_is_in_the_text(before: str, after: str, width: int) -> None:
    row = sampled("someone", before + "needle" + after)
    columns = columns_for(width + 40, [row])
    cell = dict(zip(columns, row_cells(row, columns), strict=True))["matched text"].copy()
    cell.truncate(columns["matched text"], overflow="ellipsis")
    lit = "".join(cell.plain[span.start : span.end] for span in cell.spans if "reverse" in str(span.style))
    assert lit.lower().startswith("needle")


@given(st.integers(0, 300), st.booleans())
def test_the_columns_fill_the_width_and_never_exceed_it(width: int, author_is_matched: bool) -> None:
    row = sampled("needle", "needle" if author_is_matched else "a needle")
    columns = columns_for(width, [row])
    assert sum(columns.values()) + 2 * len(columns) == (width if columns else 0)
    assert ("author" in columns) <= (not author_is_matched)


def test_at_80_columns_no_column_that_matters_is_lost() -> None:
    row = sampled("someone", "a needle")
    assert list(columns_for(76, [row]))[:4] == ["author", "matched text", "panel", "decided by"]


def test_shares_are_of_the_sample_and_of_all_rows() -> None:
    rows = [sampled("a", "needle")] * 3 + [sampled("b", "needle", "/female")]
    totals = {"/male": 600, "/female": 400}
    text = shares_text(rows, totals, 36).plain
    assert [line.split()[-2:] for line in text.splitlines()[1:]] == [["75.0%", "60.0%"], ["25.0%", "40.0%"]]
    assert max(Text(line).cell_len for line in text.splitlines()) <= 36
    assert shares_line(rows, totals).plain == "/male 75% (of all 60%)   /female 25% (of all 40%)"
    assert shares_line(rows, None).plain == "/male 75%   /female 25%"
    assert not shares_text([], totals, 36).plain
