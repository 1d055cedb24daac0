"""Definitions of tasks: equal patterns are stored once, and go with the last task that has them."""

import asyncio

import pytest

from jobs import services
from jobs.storage import cleaning, definitions
from jobs.storage.connection import Session
from tests.helpers.deployment import TestDeployment
from tests.helpers.running import run_in_process, until

OTHER = {"female": [("annie", "exactly")]}


async def label_of(deployment: TestDeployment, task_id: str) -> str | None:
    """Return the pattern that decides about Annie in a task."""
    explainer = await services.load_task_explainer(deployment, task_id)
    return str(explainer.explain("Annie").hits[0].pattern)


async def test_equal_patterns_are_stored_once_and_deleted_with_the_last_task_that_has_them(
    one_post: TestDeployment,
) -> None:
    first, second = [(await run_in_process(one_post, one_post.request())).task_id for _ in range(2)]
    one_post.write_patterns(OTHER)
    third = (await run_in_process(one_post, one_post.request())).task_id
    assert one_post.count("TRUE", "task_patterns") == 2
    await services.purge_task(one_post, first)
    assert [await label_of(one_post, task_id) for task_id in (second, third)] == ["ann start", "annie exactly"]
    await services.purge_task(one_post, second)
    assert one_post.count("TRUE", "task_patterns") == 1
    assert await label_of(one_post, third) == "annie exactly"
    await services.purge_task(one_post, third)
    assert one_post.count("TRUE", "task_patterns") == 0


async def test_patterns_that_an_earlier_release_kept_with_the_task_are_read(one_post: TestDeployment) -> None:
    task_id = await services.create_task(one_post, one_post.request())
    one_post.write_anything(
        "UPDATE {output}.task_definition SET patterns = (SELECT patterns FROM {output}.task_patterns)"
    )
    one_post.write_anything("DROP TABLE {output}.task_patterns")
    assert await label_of(one_post, task_id) == "ann start"
    await services.abort_task(one_post, task_id)
    await services.purge_task(one_post, task_id)
    assert one_post.count("TRUE", "task_definition") == 0


@pytest.mark.parametrize("damage", ["LEFT(patterns, 9)", "NULL", "CONCAT('x', patterns)"])
async def test_damaged_patterns_are_stored_again_by_the_next_task_that_has_them(
    one_post: TestDeployment, damage: str
) -> None:
    first = await services.create_task(one_post, one_post.request())
    one_post.write_anything(f"UPDATE {{output}}.task_patterns SET patterns = {damage}")
    async with one_post.output_session() as session:
        with pytest.raises(ValueError, match="same pattern files stores its patterns again"):
            await definitions.find(session, one_post.ref(first))
    second = await services.create_task(one_post, one_post.request())
    assert one_post.count("TRUE", "task_patterns") == 1
    assert [await label_of(one_post, task_id) for task_id in (first, second)] == ["ann start"] * 2


async def test_a_task_that_is_created_while_the_last_one_with_its_patterns_is_purged_keeps_them(
    one_post: TestDeployment,
) -> None:
    old = one_post.ref(await services.create_task(one_post, one_post.request()))
    await services.abort_task(one_post, old.task_id)
    async with one_post.output_session() as session:
        definition = await definitions.find(session, old)
    new = one_post.ref("f" * 32)

    async def copy_state(session: Session) -> None:
        table = f"`{one_post.output_schema}`.state"
        await session.execute(
            f"INSERT INTO {table} (task_id, pattern_hash) SELECT %(new)s, pattern_hash FROM {table}",
            {"new": new.task_id},
        )

    async with one_post.output_session() as creator, one_post.output_session() as purger:
        async with creator.transaction():
            await definitions.insert(creator, new, definition)
            purging = asyncio.create_task(cleaning.delete_task(purger, old))
            waits = f"SELECT 1 FROM information_schema.processlist WHERE info LIKE '%%{new.schema}%%FOR UPDATE%%'"
            await until(lambda: one_post.rows(f"{waits} AND id <> CONNECTION_ID()"))
            await copy_state(creator)
        await purging
        assert (await definitions.find(creator, new)).patterns == definition.patterns
