"""The page of all operations tells what is so."""

import pytest

from docs import operations, samplers
from docs.operations import functions, row

pytestmark = pytest.mark.cpu


def cells(name: str) -> tuple[str, str, str, str]:
    made = row(name, functions()[name])
    return made.dtypes, made.gradient, made.lanes, made.standard


REAL = "bool int uint half float"
FACTS = {
    "add": ("any", "yes", "yes", "Array API"),
    "floor": ("int uint half float", "zero", "yes", "Array API"),
    "astype": ("any", "yes", "yes", "Array API"),
    "argsort": (REAL, "–", "yes", "Array API"),
    "bitwise_xor": ("bool int uint", "–", "yes", "Array API"),
    "angle": ("any", "yes", "yes", "NumPy"),
    "concat": ("any", "yes", "yes", "Array API"),
    "window_sum": ("any", "yes", "yes", "Nx"),
    "zeros": ("asked for", "–", "–", "Array API"),
    "broadcast_shapes": ("–", "–", "–", "NumPy"),
    "fft.rfft": (REAL, "yes", "yes", "Array API"),
}


@pytest.mark.parametrize("name", FACTS)
def test_rows(name: str) -> None:
    assert cells(name) == FACTS[name]


def test_machine_code_is_looked_at() -> None:
    said = {n: row(n, functions()[n]).vectors for n in ("sin", "reshape", "linalg.det")}
    assert said["sin"] == "yes"
    assert said["reshape"] in ("copies", "no")
    assert said["linalg.det"] == "calls getrf"


def test_every_function_has_an_example_or_takes_no_array() -> None:
    without = [
        n for n in functions() if operations.example_of(n, functions()[n]) is None
    ]
    assert without == ["stop_gradient"]


def test_the_standards_names_are_here() -> None:
    assert operations.ARRAY_API <= set(functions())


def test_samplers() -> None:
    told = {each.name: each for each in samplers.rows()}
    assert "no" not in {each.lanes for each in told.values()}
    for name in ("gamma", "beta", "dirichlet", "truncated_normal"):
        assert told[f"random.{name}"].gradient == "yes"
    assert told["random.poisson"].dtypes == "int uint"
    assert told["random.normal"].vectors == "yes"
