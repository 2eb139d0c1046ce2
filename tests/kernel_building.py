"""Short forms to write kernels by hand, and to run them as machine code."""

from collections.abc import Callable

import numpy as np

from defnpy.backends.cpu import CompiledKernel, compile_kernel
from defnpy.backends.reference import run_kernel
from defnpy.base.dtypes import BF16, F32, I64, DType
from defnpy.ir.expr import Expr
from defnpy.ir.kernel import Block, Buffer, Kernel, Loop, load, loop_index
from defnpy.ir.verify import verify_kernel
from defnpy.ops.leaf import const


def i64(value: int) -> Expr:
    return const(value, I64)


def f32(value: float) -> Expr:
    return const(value, F32)


def gemm(
    sizes: tuple[int, int, int], batch: int = 1, *, a: bool = False, b: bool = False
) -> dict:
    """Return the attributes of a product of sizes (m, n, k), turned where asked."""
    m, n, k = sizes
    return {
        "m": m,
        "n": n,
        "k": k,
        "batch": batch,
        "a": (0, m * k, 1, m) if a else (0, m * k, k, 1),
        "b": (0, k * n, 1, k) if b else (0, k * n, n, 1),
    }


def param(name: str, dtype: DType, *shape: int) -> Buffer:
    return Buffer(name, dtype, shape, "param")


def result(name: str, dtype: DType, *shape: int) -> Buffer:
    return Buffer(name, dtype, shape, "result")


def local(name: str, dtype: DType, *shape: int) -> Buffer:
    return Buffer(name, dtype, shape)


def at(buffer: Buffer, *index: Expr) -> Expr:
    return load(buffer, index)


def loop(size: int | Expr, build: Callable[[Expr], Block], **options: bool) -> Loop:
    """Return a loop from 0 whose body is made from its index."""
    index = loop_index("i")
    stop = i64(size) if isinstance(size, int) else size
    return Loop(index, i64(0), stop, i64(1), build(index), **options)


def outputs(kernel: Kernel, compiled: CompiledKernel, *given: object) -> list:
    """Return what machine code makes of `given`."""
    made = [np.empty(b.shape, b.dtype.numpy) for b in kernel.results]
    compiled.run([np.asarray(each) for each in given], made)
    return made


def compare(kernel: Kernel, *given: object) -> list[np.ndarray]:
    """Return what machine code makes, having compared it with the reference."""
    verify_kernel(kernel)
    arrays = [np.asarray(each) for each in given]
    wanted = [np.empty(b.shape, b.dtype.numpy) for b in kernel.results]
    run_kernel(kernel, arrays, wanted)
    made = outputs(kernel, compile_kernel(kernel), *arrays)
    for buffer, each, other in zip(kernel.results, made, wanted, strict=True):
        check_equal(each, other, buffer.name)
    return made


def check_equal(made: np.ndarray, wanted: np.ndarray, name: str = "") -> None:
    assert made.dtype == wanted.dtype
    if made.dtype == BF16.numpy:  # whose NaNs assert_array_equal does not know
        made, wanted = made.astype(np.float32), wanted.astype(np.float32)
    np.testing.assert_array_equal(made, wanted, err_msg=name)
