"""What killed workers leave behind is taken up again, exactly once."""

from jobs import services
from jobs.storage import state
from jobs.worker.context import WorkerContext
from jobs.worker.label import LabelLane
from tests.helpers.assertions import assert_outcome
from tests.helpers.deployment import TestDeployment
from tests.helpers.oracle import outcome
from tests.helpers.posts import END, PATTERNS, RANGE, SOURCES, START, odd_posts
from tests.helpers.running import finished, run_in_process, until


async def test_workers_killed_in_the_middle_leave_the_rows_of_an_undisturbed_run(many_posts: TestDeployment) -> None:
    deployment = many_posts
    small = deployment.with_settings(window_rows=100)
    expected = outcome(odd_posts(30_000, seed=7), PATTERNS, SOURCES, START, END)
    task_id = await services.create_task(small, deployment.request(**RANGE))
    with deployment.workers(2) as (first, second):
        await until(lambda: deployment.windows_done() > 5)
        first.kill()
        done = deployment.windows_done()
        await until(lambda: deployment.windows_done() > done + 5)
        second.kill()
        first.wait()
        second.wait()
        assert (await services.check_status(deployment, task_id)).stat == "STARTED"
        with deployment.workers():  # no lane is left, so the reconciler enqueues the task again
            task = await finished(deployment, task_id, seconds=60)
    assert_outcome(deployment, task, expected)
    label_rows = "SELECT source_author, panel, id, votes, rule FROM {{output}}.`{}` ORDER BY 1, 2, 3, 4"
    found = {result: deployment.rows(label_rows.format(result)) for result in task.results}
    for result in task.results:
        deployment.write_anything(f"DROP TABLE {{output}}.`{result}`")
    again = await run_in_process(small, deployment.request(**RANGE))
    assert again.windows == task.windows
    assert {result: deployment.rows(label_rows.format(result)) for result in again.results} == found


async def test_the_units_of_a_worker_that_is_killed_in_production_are_done_by_another(
    few_posts: TestDeployment,
) -> None:
    deployment = few_posts
    before = (await run_in_process(deployment, deployment.request(**RANGE)), deployment.production())
    deployment.write_anything("DELETE FROM {output}.wh_panel_mapping_fbfans")
    deployment.write_anything(
        "CREATE TRIGGER {output}.slow BEFORE INSERT ON {output}.wh_panel_mapping_fbfans FOR EACH ROW DO SLEEP(0.02)"
    )
    with deployment.workers() as (worker,):
        task_id = await services.create_task(deployment, deployment.request(**RANGE))
        # Inside a trigger, the process list shows the trigger's definer as the user.
        sql = "SELECT 1 FROM information_schema.processlist WHERE info LIKE %s AND id <> CONNECTION_ID()"
        await until(lambda: deployment.rows(sql, "DO SLEEP(0.02)%"), 60)
        worker.kill()
    deployment.write_anything("DROP TRIGGER IF EXISTS {output}.slow")
    deployment.age_heartbeats()
    with deployment.workers():
        task = await finished(deployment, task_id, seconds=60)
    assert (task.prod_stat, task.error, task.length_prod_table) == ("finish", None, before[0].length_prod_table)
    own = "SELECT id, source_author, panel FROM {output}.wh_panel_mapping_fbfans WHERE task_id = %s ORDER BY 1, 2, 3"
    assert len(deployment.rows(own, task_id)) == len(set(deployment.rows(own, task_id)))


async def test_a_task_that_goes_on_waits_for_nothing_whatever_a_worker_said_that_is_gone(
    few_posts: TestDeployment,
) -> None:
    deployment = few_posts
    few = deployment.with_settings(window_rows=500)
    lane = LabelLane(WorkerContext(few), deployment.ref(await services.create_task(few, deployment.request(**RANGE))))
    async with deployment.output_session() as session:
        await lane.start(session)
        await state.set_waiting_for(session, lane.ref, "window 1: the input server does not answer")
        assert await lane._work_on_part(session)
    task = await services.check_status(deployment, lane.ref.task_id)
    assert (task.stat, task.waiting_for) == ("STARTED", None) and deployment.windows_done() == 1
