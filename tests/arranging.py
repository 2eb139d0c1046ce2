"""Kernels of Python functions, as they are before they become machine code."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from defnpy.backends import reference
from defnpy.frontend.target import DefnTarget
from defnpy.ir import kernel as k
from defnpy.ir.statements import walk
from defnpy.runtime.pipeline import Stages
from defnpy.runtime.signature import Binder


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
