"""Every public function: documented, differentiated twice, mapped over lanes.

Each is called as in its docstring's example, with arrays of f64.
"""

import functools

import numpy as np
import pytest

import defnpy as dn
from defnpy.backends.reference import evaluate
from defnpy.base import tree
from defnpy.ir.expr import scope
from defnpy.ir.function import Function, inline
from defnpy.ops import public
from defnpy.transforms.grad import value_and_grad
from docs.operations import (
    Made,
    build,
    choices,
    example_of,
    functions,
    lanes,
    param,
    taken,
)

pytestmark = pytest.mark.pure

FUNCTIONS = functions()
H = 1e-5
# They read one triangle, and their gradients are symmetric.
SYMMETRIC = {"linalg.cholesky", "linalg.eigh", "linalg.eigvalsh"}
# Differences do not tell the derivative: eigenvectors are free to turn, and the next
# number is told as a constant.
FREE = {"linalg.eig", "nextafter"}


def program(name: str) -> Made | None:
    """Return the program of an example with arrays of f64, if it takes any."""
    given = example_of(name, FUNCTIONS[name])
    if given is None:
        return None
    leaves, treedef = tree.flatten(given)
    for chosen in choices(leaves, np.float64):
        try:
            made = build(FUNCTIONS[name], chosen, treedef)
            if made is not None:
                evaluate(*made)
                return made
        except (dn.DefnError, np.linalg.LinAlgError):
            continue
    return None


def loss_of(made: Made) -> tuple[Function, list[int]] | None:
    """Return a sum of a program's results, weighted, and which params are floats."""
    function, arrays = made
    rng = np.random.default_rng(0)
    with scope(isolated=True) as region:
        params = tuple(param(array) for array in arrays)
        results = [public.FUNCTIONS["real"](each) for each in inline(function, params)]
        where, isfinite = public.FUNCTIONS["where"], public.FUNCTIONS["isfinite"]
        floats = [where(isfinite(e), e, 0) for e in results if e.dtype.is_float]
        wrt = [k for k, each in enumerate(params) if each.dtype.is_float]
        if not floats or not wrt:
            return None
        terms = [
            public.FUNCTIONS["sum"](e * rng.uniform(0.5, 1, e.shape)) for e in floats
        ]
        total = public.FUNCTIONS["astype"](sum(terms[1:], terms[0]), "f64")
        return Function("loss", params, (total,), tuple(region.effects)), wrt


def gradient_of(loss: Function, wrt: list[int]) -> Function:
    """Return a weighted sum of the gradients, as a loss of its own."""
    found = value_and_grad(loss, wrt)
    rng = np.random.default_rng(1)
    with scope(isolated=True) as region:
        params = tuple(param(np.empty(p.shape, p.dtype.numpy)) for p in loss.params)
        grads = inline(found, params)[1:]
        terms = [
            public.FUNCTIONS["sum"](g * rng.uniform(0.5, 1, g.shape)) for g in grads
        ]
        return Function(
            "slope", params, (sum(terms[1:], terms[0]),), tuple(region.effects)
        )


def check_slope(
    loss: Function, wrt: list[int], arrays: list[np.ndarray], *, symmetric: bool
) -> None:
    """Hold a loss's gradient against differences along one direction."""
    rng = np.random.default_rng(2)
    along = [
        rng.standard_normal(a.shape) if k in wrt else 0 * a
        for k, a in enumerate(arrays)
    ]
    if symmetric:
        along = [d + np.swapaxes(d, -1, -2) for d in along]
    ahead, behind = (
        evaluate(
            loss,
            [
                np.asarray(a + s * H * d).astype(a.dtype)
                for a, d in zip(arrays, along, strict=True)
            ],
        )[0]
        for s in (1, -1)
    )
    grads = evaluate(value_and_grad(loss, wrt), arrays)[1:]
    slope = sum(float(np.sum(g * along[k])) for g, k in zip(grads, wrt, strict=True))
    difference = float(ahead - behind) / (2 * H)
    np.testing.assert_allclose(slope, difference, rtol=2e-4, atol=2e-4)


def away_from_kinks(
    loss: Function, wrt: list[int], arrays: list[np.ndarray]
) -> list[np.ndarray]:
    """Return arguments beside the example's own, at which the loss is a number."""
    for sign in (1, -1):
        rng = np.random.default_rng(0)
        moved = [
            x + sign * rng.uniform(0.1, 0.2, x.shape) if k in wrt else x
            for k, x in enumerate(arrays)
        ]
        with np.errstate(all="ignore"):
            if np.isfinite(evaluate(loss, moved)[0]):
                return moved
    raise AssertionError("no place to differentiate at")


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in FREE])
def test_gradients_of_order_one_and_two(name: str) -> None:
    made = program(name)
    found = made and loss_of(made)
    if not made or not found:
        return
    loss, wrt = found
    at, symmetric = away_from_kinks(loss, wrt, made[1]), name in SYMMETRIC
    if symmetric:
        at = [x + np.swapaxes(x, -1, -2) for x in at]
    check_slope(loss, wrt, at, symmetric=symmetric)
    check_slope(gradient_of(loss, wrt), wrt, at, symmetric=symmetric)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_lanes_are_what_each_is(name: str) -> None:
    given = example_of(name, FUNCTIONS[name])
    for made in taken(FUNCTIONS[name], given).values() if given else ():
        assert lanes(made) != "no"


@pytest.mark.parametrize("name", [*FUNCTIONS])
def test_documentation_has_an_example(name: str) -> None:
    function = functools.reduce(getattr, name.split("."), dn)
    assert ">>>" in (function.__doc__ or "")
