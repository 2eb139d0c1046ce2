"""The rows of the page of operations for `dn.random`: functions in the language itself.

Each is called as in its docstring's example, with each dtype, differentiated by its
parameters, mapped over keys and compiled.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

import defnpy as dn
from docs.operations import KINDS, MOVED, PACKED, SINGLE, Row, example

if TYPE_CHECKING:
    from collections.abc import Callable

_LANES, _LONG = 3, 4096


def rows() -> list[Row]:
    """Return a row for each function of `dn.random`."""
    return [_row(name) for name in dn.random.__all__]


def _row(name: str) -> Row:
    function = getattr(dn.random, name)
    given = example(f"random.{name}")
    assert given is not None, name
    args = tuple(np.asarray(a) if isinstance(a, np.ndarray) else a for a in given[0])
    after = "JAX's stream" if name != "shuffle" else "JAX's stream, Nx"
    return Row(
        f"random.{name}",
        _dtypes(function, args, given[1]),
        _slope(function, args, given[1]),
        _lanes(function, args, given[1]),
        _vectors(function, args, given[1]),
        after,
    )


def _dtypes(function: Callable[..., Any], args: Any, options: dict[str, Any]) -> str:
    if "dtype" not in inspect.signature(function).parameters:
        return "–"
    names = list(inspect.signature(function).parameters)
    before = args[: names.index("dtype")]
    taken = []
    for kind, dtype in KINDS.items():
        try:
            function(*before, **{**options, "dtype": np.dtype(dtype)})
            taken.append(kind)
        except dn.DefnError:
            continue
    return " ".join(taken)


def _slope(function: Callable[..., Any], args: Any, options: dict[str, Any]) -> str:
    """Say whether gradients flow to the parameters that are floats."""
    places = [k for k, each in enumerate(args) if _is_float(each)]
    if not places:
        return "–"

    def total(*floats: Any) -> Any:
        given = [
            floats[places.index(k)] if k in places else a for k, a in enumerate(args)
        ]
        made = dn.astype(function(*given, **options), "f64")
        return dn.sum(made * dn.sin(dn.reshape(dn.arange(made.size) + 1.0, made.shape)))

    every = tuple(range(len(places)))
    try:
        found = dn.grad(dn.defn(total), argnums=every)(*[args[k] for k in places])
    except dn.DefnError:
        return "no"
    return "yes" if any(np.any(each != 0) for each in found) else "zero"


def _is_float(value: Any) -> bool:
    return isinstance(value, float) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "f"
    )


def _lanes(function: Callable[..., Any], args: Any, options: dict[str, Any]) -> str:
    """Say whether a function of several keys gives what it gives for each."""
    if not isinstance(args[0], np.ndarray) or args[0].dtype != np.uint32:
        return "–"
    keys = np.asarray(dn.random.split(args[0], _LANES))
    mapped = dn.vmap(dn.defn(lambda key: function(key, *args[1:], **options)))
    apart = [function(key, *args[1:], **options) for key in keys]
    return "yes" if np.array_equal(mapped(keys), apart) else "no"


def _vectors(function: Callable[..., Any], args: Any, options: dict[str, Any]) -> str:
    bound = inspect.signature(function).bind(*args, **options).arguments
    if "shape" in inspect.signature(function).parameters:
        bound["shape"] = (_LONG,)
    rest = {name: each for name, each in list(bound.items())[1:]}
    compiled = dn.defn(lambda key: function(key, **rest))
    asm = compiled.lower(args[0]).compile().asm
    if PACKED.search(asm):
        return "yes"
    return "copies" if MOVED.search(asm) and not SINGLE.search(asm) else "no"
