"""Every elementwise record as machine code, on its samples."""

import numpy as np
import pytest
from kernel_building import at, i64, outputs, param, result

from defnpy.backends.cpu import compile_kernel
from defnpy.base.dtypes import BF16, F16, F32, F64, DType, as_dtype
from defnpy.ir.expr import make, scope
from defnpy.ir.kernel import Kernel, Loop, Store, loop_index
from defnpy.ir.op import Missing, Op, Sample
from defnpy.ops.math.trigonometric import far_sin
from defnpy.ops.registry import RECORDS

pytestmark = pytest.mark.cpu

ELEMENTWISE = [record for record in RECORDS if record.family == "elementwise"]
TOLERANCE = {F64: 1e-14, F32: 1e-6, F16: 2e-3, BF16: 2e-2}


def samples(record: Op) -> list[Sample]:
    assert not isinstance(record.samples, Missing)
    made = []
    for sample in record.samples():
        made.append(sample)
        if sample.operands[0].dtype == np.float32:
            halves = tuple(x.astype(np.float16) for x in sample.operands)
            made.append(Sample(halves, sample.attrs))
    return made


@pytest.mark.parametrize("record", ELEMENTWISE, ids=lambda record: record.name)
def test_records_agree_with_their_evaluation(record: Op) -> None:
    """All samples are one kernel: a loop for each."""
    assert not isinstance(record.eval, Missing)
    params, results, body, given, wanted = [], [], [], [], []
    with scope():
        for sample in samples(record):
            arrays = [np.ravel(x) for x in sample.operands]
            own = [
                param(f"p{len(params) + k}", as_dtype(x.dtype), x.size)
                for k, x in enumerate(arrays)
            ]
            index = loop_index("i")
            value = make(record, tuple(at(p, index) for p in own), **dict(sample.attrs))
            size = arrays[0].size
            target = result(f"r{len(results)}", value.dtype, size)
            store = Store(target, (index,), value)
            body.append(Loop(index, i64(0), i64(size), i64(1), (store,)))
            params += own
            given += arrays
            results.append(target)
            wanted.append(record.eval(dict(sample.attrs), *arrays))
        kernel = Kernel(record.name, tuple(params), tuple(results), tuple(body))
        made = outputs(kernel, compile_kernel(kernel), *given)
    for each, other in zip(made, wanted, strict=True):
        dtype = as_dtype(each.dtype)
        kind = np.complex128 if dtype.kind == "c" else np.float64
        if not dtype.is_inexact:
            np.testing.assert_array_equal(each, other)
            continue
        tolerance = TOLERANCE.get(dtype, 1e-6)
        np.testing.assert_allclose(
            each.astype(kind), np.asarray(other).astype(kind), tolerance, tolerance
        )


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_far_arguments_are_found_in_vectors_and_alone(dtype: DType) -> None:
    size = 67  # several vectors of any width, and some left over
    x, near, y = (
        *(param(name, dtype, size) for name in ("x", "near")),
        result("y", dtype, size),
    )
    index = loop_index("i")
    with scope():
        store = Store(y, (index,), far_sin(at(x, index), at(near, index)))
        loop = Loop(index, i64(0), i64(size), i64(1), (store,))
        kernel = Kernel("far", (x, near), (y,), (loop,))
        given = np.linspace(-3, 3, size).astype(dtype.numpy)
        given[[0, 20, 21, 66]] = [1e20, -1e12, np.inf, 3e15]
        instead = np.full(size, 7, dtype.numpy)
        (made,) = outputs(kernel, compile_kernel(kernel), given, instead)
    wanted = instead.copy()
    wanted[[0, 20, 66]] = np.sin(given[[0, 20, 66]])
    np.testing.assert_allclose(made, wanted, rtol=1e-6)
