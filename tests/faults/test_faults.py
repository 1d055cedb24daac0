"""The faults of `make faults`, each tried once or a few times."""

import random
from collections.abc import Iterator

import pytest

from tests.faults.deployment import Fault, FaultDeployment, NotTried, fault_deployment
from tests.faults.trials import FAULTS, run

# The faults share one deployment, so one xdist worker runs them all.
pytestmark = pytest.mark.xdist_group("faults")


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultDeployment]:
    with fault_deployment(tmp_path_factory.mktemp("faults")) as prepared:
        prepared.hurried = True
        yield prepared


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.short], ids=lambda fault: fault.name)
def test_a_disturbed_task_leaves_exactly_what_an_undisturbed_one_leaves(
    disturbed: FaultDeployment, fault: Fault
) -> None:
    for number in range(fault.short):
        try:
            trial = run(fault, disturbed, random.Random(f"{fault.name} {number}"), number)
        except NotTried as reason:
            pytest.skip(str(reason))
        assert trial.exact, trial.note
