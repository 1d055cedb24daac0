"""Whole tasks on real servers against the naive oracle."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import services
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import Patterns, outcome
from tests.helpers.posts import END, PATTERNS, RANGE, RULES, SOURCES, START, odd_posts
from tests.helpers.running import finished, run_in_process


@pytest.mark.parametrize(("windows", "workers"), [(1, 1), (50, 1), (50, 4)])
async def test_twenty_thousand_odd_posts_give_the_oracles_outcome_however_they_are_divided(
    deployment: TestDeployment, windows: int, workers: int
) -> None:
    posts = odd_posts(21_000)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts)
    cut = deployment.with_settings(window_rows=1_000_000 if windows == 1 else 15_000 // windows)
    with deployment.workers(workers):
        task = await finished(deployment, await services.create_task(cut, deployment.request(**RANGE)))
    assert task.windows == 1 if windows == 1 else (task.windows or 0) > 20
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))


@pytest.mark.parametrize("predict_type", ["author_name", "s_area_id", "title", "content"])
@pytest.mark.parametrize("patterns", [PATTERNS, RULES], ids=["keyword_model", "rule_model"])
async def test_both_models_work_on_all_four_predict_types(
    deployment: TestDeployment, predict_type: str, patterns: Patterns, request: pytest.FixtureRequest
) -> None:
    posts = odd_posts(3_000, seed=2)
    deployment.write_patterns(patterns, predict_type)
    deployment.write_posts(posts)
    model_type = request.node.callspec.id.split("-")[0]
    asked = deployment.request(**RANGE, model_type=model_type, predict_type=predict_type)
    task = await run_in_process(deployment.with_settings(window_rows=400), asked)
    column = "author" if predict_type == "author_name" else predict_type
    assert_outcome(deployment, task, outcome(posts, patterns, SOURCES, START, END, column=column))


result_names = st.lists(st.sampled_from(["fbfans", "forum", "Ptt", "other"]), min_size=1, max_size=3, unique=True)
source_maps = st.dictionaries(
    st.sampled_from(["WH_F0045", "WH_F0116", "WH_F9999", "wh_f0045", "O'Neil`s"]), result_names.map(tuple)
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source_maps, st.sampled_from(["author_name", "content"]))
def test_a_source_may_have_any_results(
    deployment: TestDeployment, sources: dict[str, tuple[str, ...]], predict_type: str
) -> None:
    posts = odd_posts(600, seed=25)
    deployment.write_anything("DROP DATABASE IF EXISTS {output}")
    deployment.write_posts(posts)
    named = {
        name: [source for source in sources if name in sources[source]] for names in sources.values() for name in names
    }
    deployment.write_sources("[results]\n" + "".join(f"{name} = {json.dumps(ids)}\n" for name, ids in named.items()))
    patterns, column = (PATTERNS, "author") if predict_type == "author_name" else (RULES, predict_type)
    deployment.write_patterns(patterns, predict_type)
    model_type = "keyword_model" if patterns is PATTERNS else "rule_model"
    request = deployment.request(**RANGE, model_type=model_type, predict_type=predict_type)
    task = asyncio.run(run_in_process(deployment.with_settings(window_rows=100), request))
    assert_outcome(deployment, task, outcome(posts, patterns, sources, START, END, column=column))


async def test_a_task_that_labels_nothing_succeeds_with_an_empty_result(deployment: TestDeployment) -> None:
    deployment.write_patterns({"female": [("nobody is called this", "exactly")]})
    deployment.write_posts(odd_posts(500))
    task = await run_in_process(deployment, deployment.request(**RANGE))
    assert (task.stat, task.prod_stat, task.result, task.length_output_table) == ("SUCCESS", "finish", "", 0)
    assert task.length_receive_table


async def test_a_range_without_rows_succeeds(deployment: TestDeployment) -> None:
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(odd_posts(100))
    request = deployment.request(start_time="1999-01-01 00:00:00", end_time="1999-12-31 00:00:00")
    task = await run_in_process(deployment, request)
    assert (task.stat, task.prod_stat, task.length_receive_table) == ("SUCCESS", "finish", 0)


async def test_editing_patterns_and_sources_does_not_change_an_existing_task(deployment: TestDeployment) -> None:
    posts = odd_posts(1_000, seed=4)
    deployment.write_patterns(PATTERNS)
    deployment.write_posts(posts)
    task_id = await services.create_task(deployment, deployment.request(**RANGE))
    deployment.write_patterns({"female": [("author", "start")], "male": [("x", "end")]})
    deployment.write_sources('default = "elsewhere"\n')
    with deployment.workers():
        task = await finished(deployment, task_id)
    assert_outcome(deployment, task, outcome(posts, PATTERNS, SOURCES, START, END))
