"""The loops that sorting becomes, beside NumPy's stable sort."""

import numpy as np
import pytest

from defnpy.backends.reference import evaluate
from defnpy.base.dtypes import as_dtype
from defnpy.ir.expr import make, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.types import TensorType
from defnpy.ops.sorting import ARGSORT, expand_argsort

pytestmark = pytest.mark.pure

RNG = np.random.default_rng(0)
KEYS = [
    np.zeros((0, 3)),
    np.zeros((2, 0)),
    np.array([[1.0]]),
    np.array([3.0, 1.0, 2.0]),
    RNG.integers(0, 4, (2, 3, 7)),
    RNG.integers(0, 200, 16).astype(np.uint8),
    np.array([[np.nan, 1.0, np.inf, np.nan, -0.0, 0.0, -np.inf]]),
    np.array([True, False, True]),
]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("keys", KEYS)
def test_merge_sort_is_argsort(keys: np.ndarray, descending: bool) -> None:
    with scope(isolated=True):
        x = make_param("x", TensorType(as_dtype(keys.dtype), keys.shape))
        y = make(ARGSORT, (x,), descending=descending)
        function = Function("sort", (x,), (y, expand_argsort(y)))
    wanted, got = evaluate(function, [keys])
    np.testing.assert_array_equal(got, wanted)
