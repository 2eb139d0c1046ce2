"""Drawn programs of floats: machine code against CPython, gradients, differences."""

import linecache
from typing import Any

import numpy as np
import pytest
from drawn_floats import FloatWriter

import defnpy as dn
from defnpy import defn
from defnpy.base import tree

pytestmark = pytest.mark.cpu


def drawn(seed: int) -> tuple[str, dict[str, Any]]:
    text, file = FloatWriter(seed).function(), f"<drawn floats {seed}>"
    lines = [str(line) for line in text.splitlines(True)]
    linecache.cache[file] = (len(text), None, lines, file)
    names: dict[str, Any] = {}
    exec(compile(text, file, "exec"), names)
    return text, names


def arguments(seed: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    x, m = np.round(rng.normal(size=5), 2), np.round(rng.normal(size=(3, 4)), 2)
    a, b = (float(np.round(rng.normal(), 2)) for _ in range(2))
    return x, m, a, b, int(rng.integers(-2, 5)), rng.integers(-3, 9, 5)


def value_of(function: Any, *args: Any) -> Any:
    """Return what CPython computes, or the class of what it raises."""
    try:
        with np.errstate(all="ignore"):
            return function(*args)
    except Exception as error:
        return type(error)


def slope(function: Any, args: tuple[Any, ...], k: int, way: Any) -> float | None:
    """Return how the function changes with argument `k`; None where it jumps."""

    def at(step: float) -> float:
        moved = list(args)
        moved[k] = args[k] + step * way if k < 2 else float(args[k] + step * way)
        with np.errstate(all="ignore"):
            return float(function(*moved))

    wide, narrow = ((at(h) - at(-h)) / (2 * h) for h in (1e-5, 1e-6))
    up, down = (at(1e-6) - at(0.0)) / 1e-6, (at(0.0) - at(-1e-6)) / 1e-6
    scale = 1 + abs(wide)
    if abs(wide - narrow) > 1e-4 * scale or abs(up - down) > 1e-3 * scale:
        return None
    return wide


@pytest.mark.parametrize("seed", range(30))
def test_values_and_gradients(seed: int) -> None:
    text, names = drawn(seed)
    args = arguments(seed)
    wanted = value_of(names["f"], *args)
    if isinstance(wanted, type):
        with pytest.raises(wanted):
            defn(names["f"])(*args)
        return
    found = defn(names["f"])(*args)
    pairs = zip(tree.leaves(found), tree.leaves(wanted), strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9, err_msg=text)
    if not all(np.isfinite(leaf).all() for leaf in tree.leaves(wanted)):
        return
    gradients = dn.grad(defn(names["loss"]), argnums=(0, 1, 2, 3))(*args)
    rng = np.random.default_rng(seed)
    for k in range(4):
        way = rng.normal(size=np.shape(args[k]))
        change = slope(names["loss"], args, k, way)
        if change is not None:
            got = float((gradients[k] * way).sum())
            assert got == pytest.approx(change, rel=2e-5, abs=2e-5), text
