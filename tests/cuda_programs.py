"""Programs that CUDA kernels can run, as Kernels with arguments."""

from collections.abc import Callable
from typing import Any

import numpy as np
from interpreted import is_tensor, program_of

import defnpy as dn
from defnpy.base import tree
from defnpy.ir.function import Function
from defnpy.ir.kernel import Kernel
from defnpy.ir.verify import verify_kernel
from defnpy.passes.lower import lower
from defnpy.passes.simplify import simplify

Program = tuple[Callable[..., Any], tuple[Any, ...]]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def floats(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return rng().standard_normal(shape).astype(dtype)


def elementwise(x, y):
    return (
        dn.exp(x) * y - dn.log(dn.abs(x) + 1),
        dn.sin(x),
        dn.tanh(y) / (2 + dn.cos(x)),
    )


def integers(a, b):
    return a // b + a % b, a * b - a, (a & b) | (a ^ b), a > b


def broadcasting(x, row, column):
    return x * row + column, dn.maximum(row, column)


def reductions(x):
    return dn.sum(x, axis=0), dn.sum(x, axis=1)


def extremes(x):
    return dn.max(x, axis=1), dn.argmin(x, axis=1), dn.mean(x, axis=0)


def full_sum(x):
    return dn.sum(x * x)


def full_reductions(x):
    return dn.max(x), dn.min(x), dn.sum(x)


def standardized(x):
    return (x - dn.mean(x)) / dn.std(x)


def softmax(x):
    raised = dn.exp(x - dn.max(x, axis=1, keepdims=True))
    return raised / dn.sum(raised, axis=1, keepdims=True)


def small_product(a, b):
    return a @ b


def carried_scalar(x):
    total = x[0]
    for i in range(1, x.shape[0]):
        total = total * 0.5 + x[i]
    return total


def iterated(x, steps):
    for i in range(steps):
        x = x * 0.5 + i
    return x


def in_place(x):
    for i in range(1, x.shape[0]):
        x[i] = x[i] + x[i - 1]
    return x


def branch(x, flag):
    if flag > 0:
        y = dn.exp(x)
    else:
        y = x - 1
    return y


def collatz(n):
    steps = 0
    while n > 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def placed(x, places):
    y = dn.zeros((7,), dtype=np.float32)
    for i in range(places.shape[0]):
        y[places[i]] += x[i]
    return y, x[places % 3]


def guarded(x, i):
    return x[i] * dn.sum(x)


PROGRAMS: dict[str, Program] = {
    "elementwise f32": (elementwise, (floats(5, 7), floats(5, 7))),
    "elementwise f64": (
        elementwise,
        (floats(5, 7, dtype=np.float64), floats(5, 7, dtype=np.float64)),
    ),
    "elementwise far": (elementwise, (floats(300) * 1e9, floats(300))),
    "elementwise f16": (
        elementwise,
        (floats(9, dtype=np.float16), floats(9, dtype=np.float16)),
    ),
    "integers": (
        integers,
        (rng().integers(-99, 99, 40), rng().integers(1, 9, 40)),
    ),
    "broadcasting": (broadcasting, (floats(6, 5), floats(5), floats(6, 1))),
    "reductions": (reductions, (floats(33, 20),)),
    "extremes": (extremes, (floats(9, 20),)),
    "full sum": (full_sum, (floats(3000),)),
    "full reductions": (full_reductions, (floats(50, 70),)),
    "standardized": (standardized, (floats(60, 50),)),
    "softmax": (softmax, (floats(12, 10),)),
    "small product": (small_product, (floats(4, 6), floats(6, 3))),
    "carried scalar": (carried_scalar, (floats(200),)),
    "iterated": (iterated, (floats(40), 9)),
    "in place": (in_place, (floats(50),)),
    "branch taken": (branch, (floats(20), 1.0)),
    "branch not taken": (branch, (floats(20), -1.0)),
    "while": (collatz, (97,)),
    "placed": (placed, (floats(6), np.array([4, 0, 4, 2, 6, 4]))),
    "guarded": (guarded, (floats(40), 39)),
}


def function_of(program: Program) -> tuple[Function, list[np.ndarray]]:
    """Return a program and the arrays it is called with."""
    function, args = program
    made = program_of(function, *args)
    arrays = [np.asarray(leaf) for leaf in tree.leaves(args) if is_tensor(leaf)]
    arrays += [np.asarray(capture.read()) for capture in made.captures]
    return simplify(made.function), arrays


def kernel_of(program: Program) -> Kernel:
    kernel = lower(function_of(program)[0])
    verify_kernel(kernel)
    return kernel


def empty_results(kernel: Kernel) -> list[np.ndarray]:
    return [np.empty(b.shape, b.dtype.numpy) for b in kernel.results]
