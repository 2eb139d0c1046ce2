"""Programs built by hand, their numeric derivatives, and shorthands for both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.backends.reference import evaluate
from defnpy.base.dtypes import F64
from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.types import TensorType
from defnpy.ir.verify import verify
from defnpy.ops.axes import reshape
from defnpy.ops.control import index_const
from defnpy.ops.indexing import dynamic_slice, dynamic_update
from defnpy.transforms import value_and_grad

if TYPE_CHECKING:
    from collections.abc import Callable

Build = "Callable[..., Sequence[Expr]]"


def f64(*shape: int) -> TensorType:
    return TensorType(F64, shape)


def function(build: Any, *types: TensorType) -> Function:
    """Return the verified function whose results `build` makes of parameters."""
    with scope() as region:
        params = tuple(make_param(f"p{k}", type) for k, type in enumerate(types))
        made = build(*params)
        results = tuple(made) if isinstance(made, tuple | list) else (made,)
        found = Function("f", params, results, tuple(region.effects))
    verify(found)
    return found


def index(value: int | Expr) -> Expr:
    return index_const(value) if isinstance(value, int) else value


def element(x: Expr, *places: int | Expr) -> Expr:
    """Return ``x[places]``, a scalar."""
    starts = [index(place) for place in places]
    return reshape(dynamic_slice(x, starts, (1,) * len(starts)), ())


def stored(x: Expr, value: Expr, *places: int | Expr) -> Expr:
    """Return `x` after ``x[places] = value``."""
    starts = [index(place) for place in places]
    return dynamic_update(x, reshape(value, (1,) * len(starts)), starts)


def draw(*types: TensorType, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.uniform(0.3, 1.7, t.shape), t.dtype.numpy) for t in types]


def numeric(
    f: Callable[[list[np.ndarray]], float], arguments: list[np.ndarray], k: int
) -> np.ndarray:
    """Return the gradient of `f` by its k-th argument, by central differences."""
    step = 1e-5
    found = np.zeros(arguments[k].shape)
    for place in np.ndindex(arguments[k].shape):
        values = []
        for sign in (1, -1):
            moved = [a.copy() for a in arguments]
            moved[k][place] += sign * step
            values.append(f(moved))
        found[place] = (values[0] - values[1]) / (2 * step)
    return found


def check_grad(
    build: Any, *types: TensorType, order: int = 1, seed: int = 0
) -> Function:
    """Check every gradient of a program, and those of them; return the first's."""
    f = function(build, *types)
    wrt = [k for k, type in enumerate(types) if type.dtype.is_float]
    gradient = value_and_grad(f, wrt)
    verify(gradient)
    arguments = draw(*types, seed=seed)
    value, *found = evaluate(gradient, arguments)
    np.testing.assert_allclose(value, evaluate(f, arguments)[0], rtol=1e-12)
    for k, made in zip(wrt, found, strict=True):
        expected = numeric(lambda a: float(evaluate(f, a)[0]), arguments, k)
        np.testing.assert_allclose(made, expected, rtol=1e-6, atol=1e-7)
    if order > 1:
        check_grad(summed(gradient), *types, order=order - 1, seed=seed)
    return gradient


def summed(gradient: Function) -> Any:
    """Return a program: a weighted sum of all that `gradient` returns."""
    from defnpy.ir.function import inline
    from defnpy.ops.reduce import sum as total

    def build(*params: Expr) -> Expr:
        value, *grads = inline(gradient, params)
        for k, each in enumerate(grads):
            value = value + total(each * (0.5 + k)) * total(each)
        return value

    return build
