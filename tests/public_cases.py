"""Calls of public functions that several tests make."""

from collections.abc import Callable

import numpy as np

from defnpy.ir.expr import Expr
from defnpy.ops.public import FUNCTIONS

RNG = np.random.default_rng(1)
X = RNG.standard_normal((2, 3, 4))
M = RNG.integers(-9, 9, (3, 4))

# For each name: arguments, and options, for which ours is NumPy's function.
AS_NUMPY = {
    "broadcast_to": [((X, (5, 2, 3, 4)), {}), ((np.ones((3, 1)), (3, 2)), {})],
    "broadcast_arrays": [((X, M[:, :1]), {})],
    "concatenate": [(([M, M[:1]],), {}), (([X, X], -1), {}), (([M, X], None), {})],
    "concat": [(([M, M],), {"axis": 1})],
    "stack": [(([M, M],), {}), (([M, M], -1), {}), (([M, X[0]],), {"axis": 1})],
    "unstack": [((X,), {}), ((X,), {"axis": -1})],
    "split": [((M, 3), {}), ((M, [1, 3], 1), {}), ((M, [2, 9]), {}), ((M, 2, -1), {})],
    "squeeze": [((X[:1],), {}), ((X[:1, :, :1], 0), {}), ((X[:1, :, :1],), {})],
    "expand_dims": [((X, 0), {}), ((X, -1), {}), ((X, (0, 2)), {})],
    "permute_dims": [((X,), {}), ((X, (2, 0, 1)), {}), ((X, (-1, 0, 1)), {})],
    "transpose": [((M,), {})],
    "matrix_transpose": [((X,), {})],
    "swapaxes": [((X, 0, -1), {})],
    "moveaxis": [((X, 0, -1), {}), ((X, (0, 1), (2, 0)), {}), ((X, -1, 0), {})],
    "flip": [((X,), {}), ((X, 1), {}), ((X, (0, -1)), {})],
    "roll": [
        ((M, 5), {}),
        ((M, -1, 0), {}),
        ((X, (1, 2), (0, 2)), {}),
        ((M, 0, 1), {}),
    ],
    "repeat": [
        ((M, 2), {}),
        ((M, 2, 0), {}),
        ((M, [0, 1, 2], 0), {}),
        ((M, 3, -1), {}),
    ],
    "tile": [((M, 2), {}), ((M, (2, 1)), {}), ((M, (2, 1, 3)), {}), ((X, (2,)), {})],
    "pad": [
        *[((M, 1), {}), ((M, (1, 2)), {}), ((M, ((0, 1), (2, 0))), {})],
        *[((X, 1), {"constant_values": 7.5}), ((M, 2, "edge"), {})],
        *[
            ((M, 2, "reflect"), {}),
            ((M, (3, 1), "symmetric"), {}),
            ((M, 2, "wrap"), {}),
        ],
    ],
    "reshape": [((X, (4, 6)), {}), ((X, -1), {}), ((X, (2, -1)), {}), ((M, [12]), {})],
    "tril": [((M,), {}), ((X,), {"k": 1}), ((M,), {"k": -1})],
    "triu": [((M,), {}), ((X,), {"k": -1})],
    "meshgrid": [((M[0], M[:, 0]), {}), ((M[0], M[0], M[1]), {"indexing": "ij"})],
    "kron": [((M, M[:2]), {}), ((X, M), {}), ((M[0], 2), {}), ((M[:, :1], X), {})],
    "outer": [((M[0], M[:, 0]), {}), ((M, M[0]), {})],
    "tensordot": [
        ((X, np.moveaxis(X, 0, -1)), {}),
        ((X, M), {"axes": ((1, 2), (0, 1))}),
    ],
    "vecdot": [((X, X), {}), ((X, M), {})],
    "matmul": [((M, M.T), {}), ((X, M.T.astype(float)), {}), ((M, M[0]), {})],
    "dot": [((M, M.T), {}), ((X, M.T), {}), ((M[0], M[0]), {}), ((M, 3), {})],
    "take": [
        *[((M, np.array([0, -1])), {}), ((M, np.array([[3, 0]]), 1), {})],
        *[((X, 2, 1), {}), ((M, np.array([9, -9]), 0), {"mode": "clip"})],
        ((M, np.array([9, -9]), 1), {"mode": "wrap"}),
    ],
    "take_along_axis": [
        ((M, np.argsort(M, 1), 1), {}),
        ((X, np.array([[[1], [0], [-1]]]), -1), {}),
        ((X, np.zeros((1, 3, 4), int), 0), {}),
    ],
    "searchsorted": [
        ((np.sort(X.ravel()), X[0]), {"side": side}) for side in ("left", "right")
    ],
    "count_nonzero": [((M % 2,), {}), ((M % 2, 1), {"keepdims": True})],
    "diff": [((M,), {}), ((M,), {"axis": 0, "n": 2}), ((M > 0,), {})],
    "any": [((M > 5,), {}), ((M > 5, 0), {}), ((X, -1), {"keepdims": True})],
    "all": [((M > 5,), {}), ((M > -5, 0), {}), ((X, -1), {"keepdims": True})],
    "argmax": [((M,), {}), ((M, 1), {}), ((X, -1), {"keepdims": True})],
    "argmin": [((M,), {}), ((M, 0), {}), ((np.array([1, np.nan, 0]),), {})],
    "argsort": [((X,), {"axis": 1}), ((M,), {})],
    "sort": [((X,), {"axis": 0}), ((M,), {}), ((np.array([2, np.nan, -1]),), {})],
    "cumulative_sum": [
        *[((X,), {"axis": 1}), ((M[0],), {}), ((M,), {"axis": -1})],
        ((M,), {"axis": 0, "include_initial": True}),
    ],
    "cumulative_prod": [((X,), {"axis": 2}), ((M[0],), {"include_initial": True})],
    "cumsum": [((M,), {}), ((M, 1), {}), ((M.astype(np.int8), 0), {})],
    "cumprod": [((X,), {}), ((X, 1), {}), ((M.astype(np.uint8), 0), {})],
    "full": [(((2, 3), 7), {}), ((2, True), {}), ((2, 1.5), {"dtype": np.float64})],
    "full_like": [((M, 3), {}), ((X, 2), {}), ((M, 1.5), {"dtype": np.float64})],
    "zeros_like": [((M,), {}), ((M,), {"dtype": np.float64})],
    "ones_like": [((X,), {}), ((X,), {"dtype": np.int8})],
    "diag": [((M[0],), {}), ((M[0], -1), {}), ((M, 1), {})],
    "diagonal": [((X,), {}), ((X, -1, 1, 2), {}), ((M, 9), {}), ((X, 1, -1, 0), {})],
    "trace": [((M,), {}), ((X, 1, 1, 2), {})],
    "median": [((X,), {}), ((X, (0, 2)), {"keepdims": True}), ((X, 1), {})],
    "quantile": [
        *[((X, 0.3), {}), ((X, np.array([0, 0.5, 1]), 1), {})],
        ((X, np.array([[0.1], [0.9]]), (0, 1)), {"keepdims": True}),
        ((np.array([1, np.nan]), 0.5), {}),
    ],
    "percentile": [((X, 30.0), {}), ((X, 99.0, -1), {})],
    "average": [
        *[((X,), {}), ((X, 1), {"weights": X + 5}), ((X, 1, np.arange(1.0, 4)), {})],
        ((X, (0, 2), np.ones((2, 4))), {"keepdims": True}),
    ],
    "cov": [
        ((X[0],), {}),
        ((X[0],), {"rowvar": False, "bias": True}),
        ((X[0, 0],), {}),
    ],
    "corrcoef": [((X[0],), {}), ((X[0],), {"rowvar": False})],
    "tri": [((3,), {"dtype": np.float64}), ((2, 4, 1), {"dtype": np.int8})],
    "einsum": [
        *[(("ij,kj->ik", M, M), {}), (("ij->j", M), {}), (("ii", M[:, :3]), {})],
        *[(("bij,bik->bjk", X, X), {}), (("ij,j", M, M[0]), {})],
        *[(("...ij,jk->...ik", X, M.T), {}), (("ii->i", M[:, :3]), {})],
        *[(("ij,jk,kl->il", M, M.T, M), {}), (("i,j", M[0], M[1]), {})],
        *[(("i...,i...", X, X[:, :1]), {}), (("ij,ij->", M, M), {})],
        *[(("ij, k -> kij", M, M[0]), {}), (("bij->b", X), {})],
    ],
    "isin": [((M, M[0]), {}), ((X, M), {"invert": True})],
    "real": [((X,), {})],
    "imag": [((X,), {})],
    "conj": [((M,), {})],
}

GRADIENT_X = RNG.permutation(12).reshape(3, 4) * 0.3 - 1.0
KERNEL = RNG.standard_normal((2, 3, 2))

# Each is differentiated by its one operand.
GRADIENTS: dict[str, Callable[..., object]] = {
    "mean": lambda f, x: f(x, 1),
    "var": lambda f, x: f(x, 0, correction=1),
    "std": lambda f, x: f(x),
    "logsumexp": lambda f, x: f(x, 0),
    "softmax": lambda f, x: f(x),
    "log_softmax": lambda f, x: f(x, axis=0),
    "clip": lambda f, x: f(x, -0.55, 1.25),
    "square": lambda f, x: f(x),
    "rsqrt": lambda f, x: f(x + 2.5),
    "cumulative_sum": lambda f, x: f(x, axis=1),
    "cumulative_prod": lambda f, x: f(x, axis=0),
    "cumulative_max": lambda f, x: f(x, axis=1),
    "diff": lambda f, x: f(x, 2),
    "sort": lambda f, x: f(x, 0),
    "top_k": lambda f, x: f(x, 2)[0],
    "take": lambda f, x: f(x, np.array([0, 2, 0]), 0),
    "take_along_axis": lambda f, x: f(x, np.array([[3], [0], [0]]), 1),
    "indexed_add": lambda f, x: f(np.ones((2, 4)), np.array([1, 0, 1]), x),
    "indexed_put": lambda f, x: f(np.ones((2, 4)), np.array([1, 0, 1]), x),
    "dynamic_slice": lambda f, x: f(x, (1, 2), (2, 2)),
    "pad": lambda f, x: f(x, 1, "reflect"),
    "tile": lambda f, x: f(x, (2, 1)),
    "roll": lambda f, x: f(x, 1, 0),
    "repeat": lambda f, x: f(x, [1, 0, 2], 0),
    "tril": lambda f, x: f(x),
    "tensordot": lambda f, x: f(x, x, 2),
    "vecdot": lambda f, x: f(x, x),
    "conv": lambda f, x: f(FUNCTIONS["reshape"](x, (1, 3, 4)), KERNEL, padding="same"),
    "window_max": lambda f, x: f(x, (2, 2), padding="same"),
    "window_mean": lambda f, x: f(x, (2, 2), strides=2, padding="same"),
}


def weighted_sum(name: str, x: Expr) -> Expr:
    """Return the function's elements times fixed numbers, summed."""
    y = GRADIENTS[name](FUNCTIONS[name], x)
    assert isinstance(y, Expr)
    weights = np.random.default_rng(7).standard_normal(y.shape)
    return FUNCTIONS["sum"](FUNCTIONS["multiply"](y, weights))
