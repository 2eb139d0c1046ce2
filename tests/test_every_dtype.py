"""Every public function, with arrays of every dtype it takes, compiled as evaluated."""

import numpy as np
import pytest

from defnpy.backends import cpu
from defnpy.backends.reference import evaluate
from defnpy.passes.lower import lower
from defnpy.passes.simplify import simplify
from docs.operations import example_of, functions, taken

pytestmark = pytest.mark.cpu

FUNCTIONS = functions()
# Its example is of a gradient.
NAMES = [name for name in FUNCTIONS if name != "stop_gradient"]
# Of these the values are not determined: signs of vectors, or their order.
LOOSE = {"linalg.eig", "linalg.eigvals", "linalg.eigh", "linalg.svd", "linalg.qr"}


@pytest.mark.parametrize("name", NAMES)
def test_compiled_as_evaluated(name: str) -> None:
    given = example_of(name, FUNCTIONS[name])
    assert given is not None
    for kind, (function, arrays) in taken(FUNCTIONS[name], given).items():
        wanted = evaluate(function, arrays)
        kernel = lower(simplify(function))
        got = [np.empty(b.shape, b.dtype.numpy) for b in kernel.results]
        cpu.compile_kernel(kernel).run(arrays, got)
        for one, other in zip(got, wanted, strict=True):
            assert one.dtype == other.dtype, kind
            if name in LOOSE:
                continue
            wide = np.complex128 if other.dtype.kind == "c" else np.float64
            tolerance = 2e-2 if one.dtype.itemsize == 2 else 1e-5
            np.testing.assert_allclose(
                one.astype(wide), other.astype(wide), tolerance, tolerance, err_msg=kind
            )
