"""No name of the standard, of Nx, NumPy or JAX is missing without a word.

What is called otherwise here, or is written otherwise, is told in the error.
"""

import functools
from collections.abc import Iterable
from types import ModuleType

import numpy as np
import peer_names
import pytest

import defnpy as dn
from docs.operations import ARRAY_API
from docs.operations import functions as functions_of_the_page

pytestmark = pytest.mark.pure

FUNCTIONS = functions_of_the_page()

# Nx's names that are neither ours nor said in an error: what they are here.
NX = {
    **{"axis_size": "arange", "byte_size": "arange", "rank": "arange"},  # x.nbytes …
    **{"from_binary": "asarray", "type": "result_type"},
    **{"adjoint": "linalg.adjoint", "determinant": "linalg.det"},
    **{"invert": "linalg.inv", "least_squares": "linalg.lstsq"},
    **{"triangular_solve": "linalg.solve_triangular"},
    **{"key": "random.key", "split": "split"},
}


def without_a_word(module: ModuleType, names: Iterable[str]) -> list[str]:
    """Return names that a module neither has nor says anything of."""
    found = []
    for name in names:
        try:
            getattr(module, name)
        except AttributeError as error:
            if "hint:" not in str(error):
                found.append(name)
    return found


def public(module: ModuleType) -> list[str]:
    return [name for name in dir(module) if not name.startswith("_")]


def test_the_whole_array_api_is_here() -> None:
    for name in peer_names.ARRAY_API:
        functools.reduce(getattr, name.split("."), dn)
    functions = {name for name in peer_names.ARRAY_API if name in FUNCTIONS}
    assert functions == ARRAY_API  # what the page of operations says of the standard


def _found(name: str) -> object:
    return functools.reduce(getattr, name.split("."), dn)


def test_nothing_of_nx_is_missing() -> None:
    unknown = [name for name in peer_names.NX if name not in NX]
    assert without_a_word(dn, unknown) == []
    for name in NX.values():
        _found(name)


@pytest.mark.parametrize("module", ["", "linalg", "fft"])
def test_each_of_numpys_names_is_here_or_spoken_of(module: str) -> None:
    ours, theirs = (_found(module), getattr(np, module)) if module else (dn, np)
    left = set(without_a_word(ours, public(theirs)))
    assert left <= {"test", "LinAlgError"}


@pytest.mark.parametrize(
    ("module", "names"),
    [
        *[("", "JAX_NUMPY"), ("", "JAX_LAX"), ("", "JAX_NN"), ("", "JAX_SPECIAL")],
        *[("random", "JAX_RANDOM"), ("linalg", "JAX_SCIPY_LINALG")],
    ],
)
def test_each_of_jaxs_names_is_here_or_spoken_of(module: str, names: str) -> None:
    ours = _found(module) if module else dn
    assert without_a_word(ours, getattr(peer_names, names)) == []


def test_numpys_generators_are_keys_here() -> None:
    for name in ("default_rng", "RandomState", "seed", "rand", "standard_normal"):
        assert without_a_word(dn.random, [name]) == []


def test_what_is_said() -> None:
    said = {
        "ptp": r"write `dn\.max\(x\) - dn\.min\(x\)`",
        "savez": r"NumPy has it, for arrays outside of compiled functions: `np\.savez`",
        "relu": r"did you mean `dn\.nn\.relu`\?",
    }
    for name, hint in said.items():
        with pytest.raises(dn.DefnAttributeError, match=hint):
            getattr(dn, name)
    with pytest.raises(dn.DefnAttributeError, match=r"`dn\.random\.normal`"):
        _ = dn.random.randn
    with pytest.raises(dn.DefnAttributeError, match="SciPy has it"):
        _ = dn.linalg.sqrtm


def test_the_namespace_tells_what_it_can() -> None:
    info = dn.__array_namespace_info__()
    assert info.default_dtypes()["real floating"] == np.float32
    assert info.default_dtypes()["integral"] == np.int64
    assert info.default_device() == "cpu"
    assert "cpu" in info.devices()
    assert set(info.dtypes(kind="signed integer")) == {
        "int8",
        "int16",
        "int32",
        "int64",
    }
    assert info.dtypes()["complex128"] == np.complex128
    assert info.dtypes(kind=("bool", "unsigned integer"))["uint8"] == np.uint8
    assert info.capabilities() == {
        "boolean indexing": True,
        "data-dependent shapes": True,
        "max dimensions": 64,
    }
    assert dn.__array_api_version__ == "2024.12"


def test_programs_say_the_same_of_numpys_functions() -> None:
    @dn.defn
    def turned(x):
        return np.deg2rad(x)

    with pytest.raises(dn.DefnTypeError, match=r"write `x \* \(dn\.pi / 180\)`"):
        turned(np.ones(3))
