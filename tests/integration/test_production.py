"""Production over any label rows, against the naive oracle."""

import asyncio
from collections import Counter
from unittest.mock import AsyncMock, patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.model.definition import Definition
from jobs.model.sources import Sources
from jobs.storage import labels as label_table
from jobs.storage import production as production_table
from jobs.storage.connection import quote
from jobs.storage.input_table import InputTable
from jobs.storage.task_tables import ensure_own_tables
from patterns.pattern_set import PatternSet
from tests.helpers.deployment import TestSite

times = st.sampled_from(["2020-01-01 00:00:00", "2020-01-01 00:00:01", "2020-06-01 12:00:00"])
names = st.sampled_from(["s_a", "s_A", "s_a ", "s_雅婷", "s_", "s_'`\\"])
panels = st.sampled_from(["/female", "/male", "/Male", "/團體"])
label_rows = st.lists(
    st.tuples(st.integers(0, 10**6), names, panels, times, st.integers(1, 3), st.text("ab", max_size=2)),
    unique_by=lambda row: row[0],
    max_size=30,
)


def definition(integer_id: bool, unique_id: bool) -> Definition:
    table = InputTable("", "", (), "author", None, 20, 8, 20, 20, 0, integer_id, unique_id)
    return Definition(PatternSet("keyword_model", "author_name", ()), Sources("other", {}), table)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(label_rows, st.booleans(), st.booleans())
def test_production_equals_the_naive_oracle_for_any_rows(
    site: TestSite, rows: list[tuple[int, str, str, str, int, str]], integer_id: bool, unique_id: bool
) -> None:
    votes: Counter[tuple[str, str]] = Counter()
    for _, name, panel, _, count, _ in rows:
        votes[name, panel] += count
    most: Counter[str] = Counter()
    for (name, _), count in votes.items():
        most[name] = max(most[name], count)
    expected = set()
    for name, panel in votes:
        if votes[name, panel] == most[name]:
            group = [row for row in rows if (row[1], row[2]) == (name, panel)]
            latest = max(group, key=lambda row: (row[3], row[0] if integer_id else str(row[0])))
            expected.add((str(latest[0]), name, panel, latest[5]))

    produced = asyncio.run(_produce(site, rows, definition(integer_id, unique_id)))
    assert produced == (len(expected), expected)


async def _produce(
    site: TestSite, rows: list[tuple[int, str, str, str, int, str]], its: Definition
) -> tuple[int, set[tuple[str, ...]]]:
    schema = site.output_schema
    async with site.output_session() as session:
        await ensure_own_tables(session, schema)
        await label_table.ensure(session, schema, ["any"], its)
        await production_table.ensure(session, schema, "any", its)
        await session.execute(f"DELETE FROM {quote(schema, 'any')}")
        label = [(str(i), name, panel, time, "s", text, votes, "rule") for i, name, panel, time, votes, text in rows]
        await label_table.insert(session, schema, "any", "t" * 32, label)
        await label_table.insert(session, schema, "any", "u" * 32, label[:3])  # another task's
        count = await production_table.replace(session, schema, "any", "t" * 32, its.input)
        again = await production_table.replace(session, schema, "any", "t" * 32, its.input)
        assert count == again
    found = site.rows("SELECT id, source_author, panel, match_content FROM {output}.wh_panel_mapping_any")
    assert len(found) == count
    return count, set(found)


@pytest.mark.parametrize("width", [20, 500, 3_000, None])
@pytest.mark.parametrize("unique_id", [True, False])
async def test_label_rows_look_up_their_winners_by_a_key_however_wide_the_columns_are(
    site: TestSite, width: int | None, unique_id: bool
) -> None:
    table = InputTable("", "", (), "author", None, width, 8, width, width, 0, False, unique_id)
    its = Definition(PatternSet("keyword_model", "author_name", ()), Sources("other", {}), table)
    schema = site.output_schema
    async with site.output_session() as session:
        await ensure_own_tables(session, schema)
        await label_table.ensure(session, schema, ["any"], its)
        await production_table.ensure(session, schema, "any", its)
        row = ("1", "s_a", "/female", "2020-01-01 00:00:00", "s", "a", 1, "rule")
        await label_table.insert(session, schema, "any", "t" * 32, [row] * 1_000)
        asked: list[str] = []
        with patch.object(session, "execute", AsyncMock(side_effect=lambda sql, *_, **__: asked.append(sql))):
            await production_table.replace(session, schema, "any", "t" * 32, its.input)
        plan = await session.records(f"EXPLAIN {asked[-1]}", ("t" * 32, "t" * 32))
        # Without a key each label row would be compared with every winner.
        assert [step["key"] for step in plan if step["type"] == "ref" and "<derived" in step["table"]] == ["key0"]
        await production_table.replace(session, schema, "any", "t" * 32, its.input)
    assert len(site.rows("SELECT 1 FROM {output}.wh_panel_mapping_any")) == (1_000 if unique_id else 1)
