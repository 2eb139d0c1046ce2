"""Every vector of Nx passes, eagerly and compiled, or is listed with its reason."""

import dataclasses

import pytest

from conformance import records
from conformance.reasons import REASONS
from conformance.records import Vector
from conformance.running import FAILED, PASSED, run

pytestmark = pytest.mark.cpu

BATCH = 100  # vectors a test: few enough to share among workers


def batches() -> list:
    made = []
    for area in records.AREAS:
        ids = [vector.id for vector in records.load(area)]
        for k in range(0, len(ids), BATCH):
            made.append(pytest.param(area, ids[k : k + BATCH], id=f"{area}-{k}"))
    return made


@pytest.mark.parametrize(("area", "batch"), batches())
def test_vectors(area: str, batch: list[str]) -> None:
    vectors = {vector.id: vector for vector in records.load(area)}
    outcomes = [run(vectors[each]) for each in batch]
    failed = [each for each in outcomes if each.status == FAILED]
    assert not failed, "\n\n".join(
        f"{each.vector.id}: {each.why}\n{each.source}" for each in failed
    )


def test_only_vectors_are_listed() -> None:
    known = {vector.id for area in records.AREAS for vector in records.load(area)}
    assert not set(REASONS) - known


ADD = next(vector for vector in records.load("nx") if vector.id == "nx/lib/nx.ex:6101")


def expecting(**changes: object) -> Vector:
    return dataclasses.replace(ADD, expect={**ADD.expect, **changes})


def test_what_counts_as_a_difference() -> None:
    assert run(ADD).status == PASSED
    for changes in ({"data": [2.0, 3.0, 4.1]}, {"shape": [1, 3]}, {"dtype": "f64"}):
        outcome = run(expecting(**changes))
        assert outcome.status == FAILED, changes
        assert outcome.why.startswith("eager: ")
    assert run(dataclasses.replace(ADD, expect={"raises": "E"})).status == FAILED
