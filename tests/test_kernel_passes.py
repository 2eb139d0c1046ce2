"""Kernels that are arranged mean what they meant, and have the form we want."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from defnpy.backends import reference
from defnpy.frontend.target import DefnTarget
from defnpy.ir import kernel as k
from defnpy.ir.statements import walk
from defnpy.runtime.pipeline import Stages
from defnpy.runtime.signature import Binder

pytestmark = pytest.mark.pure
RNG = np.random.default_rng(0)


def arranged(f: Callable[..., Any], *args: Any) -> k.Kernel:
    """Return the arranged kernel of a function, once it gave what Python gives."""
    call = Binder(f, ()).call(args, {})
    kernel = Stages(DefnTarget(f, ()), call.args, call.kwargs).arranged
    results = [np.full(r.shape, 77, r.dtype.numpy) for r in kernel.results]
    reference.run_kernel(kernel, [np.asarray(a) for a in args], results)
    expected = f(*(a.copy() if isinstance(a, np.ndarray) else a for a in args))
    wanted = expected if isinstance(expected, tuple) else (expected,)
    for made, want in zip(results, wanted, strict=True):
        np.testing.assert_allclose(made, want, rtol=1e-12)
    return kernel


def found(kernel: k.Kernel, kind: type) -> Iterator[Any]:
    return (each for each in walk(kernel.body) if isinstance(each, kind))


def innermost(kernel: k.Kernel) -> list[k.Loop]:
    loops = found(kernel, k.Loop)
    return [
        loop
        for loop in loops
        if not any(isinstance(each, k.Loop) for each in walk(loop.body))
    ]


def floyd_warshall(d: Any) -> Any:
    d = d.copy()
    for m in range(len(d)):
        for i in range(len(d)):
            through = d[i, m]
            for j in range(len(d)):
                d[i, j] = min(d[i, j], through + d[m, j])
    return d


def running(d: Any) -> Any:
    d = d.copy()
    for i in range(1, len(d)):
        for j in range(1, d.shape[1]):
            d[i, j] = d[i, j] + 0.5 * d[i, j - 1] - 0.25 * d[i - 1, j]
    return d


def reversed_rows(d: Any) -> Any:
    e = np.zeros_like(d)
    for i in range(len(d)):
        for j in range(d.shape[1]):
            e[len(d) - 1 - i, 2 * j // 4] = d[i, j]
    return e


D = RNG.uniform(1, 9, (7, 7))


def test_turns_that_keep_to_their_own_column_are_independent() -> None:
    kernel = arranged(floyd_warshall, D)
    (inner,) = innermost(kernel)
    assert inner.independent
    assert not any(each.independent for each in found(kernel, k.Loop) if each != inner)


def test_turns_that_read_what_others_write_are_not_independent() -> None:
    assert not any(each.independent for each in found(arranged(running, D), k.Loop))


def test_only_an_index_that_is_another_in_each_turn_tells_turns_apart() -> None:
    *_, outer, inner = found(arranged(reversed_rows, D), k.Loop)
    assert outer.independent and not inner.independent
