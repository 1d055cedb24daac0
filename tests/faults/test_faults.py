"""The faults of `make faults`, each once or a few times."""

import random
from collections.abc import Iterator

import pytest

from tests.faults.__main__ import FAULTS, run
from tests.faults.deployment import Fault, World, world


@pytest.fixture(scope="module")
def its(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("faults")) as prepared:
        prepared.hurried = True
        yield prepared


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.short], ids=lambda fault: fault.name)
def test_what_a_disturbed_task_leaves_equals_what_an_undisturbed_one_does(its: World, fault: Fault) -> None:
    for number in range(fault.short):
        trial = run(fault, its, random.Random(f"{fault.name} {number}"), number)
        assert trial.exact, trial.note
