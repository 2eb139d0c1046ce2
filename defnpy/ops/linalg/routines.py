"""The routines of LAPACK that programs call, one record each.

They work on batches of matrices.  LAPACK's matrices lie column by column, so what
it takes or returns as a matrix is here, row by row, the transpose: an operand that
is to be transposed is called ``at``.  ``info`` tells of each matrix whether it went
wrong: 0 if not.  Derivatives are those of the decompositions made of these.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from defnpy.base.dtypes import I64, as_dtype, real_of
from defnpy.ir.expr import Expr, make
from defnpy.ir.op import Attrs, Missing, Op
from defnpy.ir.types import TensorType, TupleType, Type
from defnpy.ops.axes import in_every_lane
from defnpy.ops.control import items

if TYPE_CHECKING:
    from collections.abc import Callable

ROUTINE = "routine"
_DERIVED = Missing("the decomposition that is made of it says the derivative")
_TESTED = Missing("it is tested by the functions of linalg")


def batch_matrices(y: Expr, batched: Any, *operands: Expr) -> Expr:
    """Return an op on batches of matrices applied in every lane."""
    return make(y.op, in_every_lane(batched, operands), **y.attrs)


def _routine(name: str, infer: Any, eval: Any, doc: str) -> Op:
    return Op(
        name=name,
        infer=infer,
        eval=eval,
        vjp=_DERIVED,
        jvp=_DERIVED,
        batch=batch_matrices,
        lower=Missing("it is called"),
        doc=doc,
        family=ROUTINE,
        samples=_TESTED,
    )


def call(op: Op, *operands: Expr, **attrs: Any) -> tuple[Expr, ...]:
    """Return the results of a routine."""
    return items(make(op, operands, **attrs))


def info_of(a: TensorType, core: int = 2) -> TensorType:
    """Return the type of what tells of each matrix whether it went wrong."""
    return TensorType(I64, a.shape[: a.rank - core])


def transposed(array: np.ndarray) -> np.ndarray:
    """Return the transposes of a batch of matrices."""
    return np.swapaxes(array, -1, -2)


def attempt(
    function: Callable[..., Any], types: tuple[Type, ...], *arrays: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return what NumPy's function returns, and 0 for each matrix it is right for.

    For the others it is NaN, and 1.
    """
    try:
        made = function(*arrays)
        made = made if isinstance(made, tuple) else (made,)
        return (*map(np.asarray, made), np.zeros(arrays[0].shape[:-2], np.int64))
    except np.linalg.LinAlgError:
        results = [np.full(t.shape, _no_value(t), t.dtype.numpy) for t in types]  # pyright: ignore
        if arrays[0].ndim == 2:
            return tuple(results)
    cores = tuple(
        t.with_shape(t.shape[1:])  # pyright: ignore
        for t in types
    )
    for k, each in enumerate(zip(*arrays, strict=True)):
        for result, part in zip(results, attempt(function, cores, *each), strict=True):
            result[k] = part
    return tuple(results)


def _no_value(type: Any) -> float:
    return 1 if type.dtype == I64 else np.nan


def types_of(infer: Callable[..., Any], attrs: Attrs, *arrays: np.ndarray) -> Any:
    """Return the types that a type rule gives to the results for arrays."""
    given = (TensorType(as_dtype(a.dtype), a.shape) for a in arrays)
    return infer(attrs, *given).items


def each_matrix(
    function: Callable[..., tuple[Any, ...]], *arrays: np.ndarray, core: int = 2
) -> tuple[np.ndarray, ...]:
    """Return the results of a function of one matrix for each of a batch."""
    batch = arrays[0].shape[: arrays[0].ndim - core]
    flat = [a.reshape(-1, *a.shape[len(batch) :]) for a in arrays]
    found = [function(*each) for each in zip(*flat, strict=True)]
    columns = (np.stack([np.asarray(x) for x in c]) for c in zip(*found, strict=True))
    return tuple(c.reshape((*batch, *c.shape[1:])) for c in columns)


@cache
def _lapack(name: str, dtype: np.dtype) -> Callable[..., Any]:
    """Return SciPy's routine; SciPy imports the module now, as it takes long."""
    linalg: Any = scipy.linalg
    return linalg.get_lapack_funcs(name, dtype=dtype)


def _infer_potrf(attrs: Attrs, a: TensorType) -> TupleType:
    return TupleType((a, info_of(a)))


POTRF = _routine(
    "potrf",
    _infer_potrf,
    lambda attrs, a: attempt(np.linalg.cholesky, types_of(_infer_potrf, attrs, a), a),
    "The lower Cholesky factor of matrices (…, n, n) given as their lower triangle.",
)


def _infer_getrf(attrs: Attrs, at: TensorType) -> TupleType:
    batch, (n, m) = at.shape[:-2], at.shape[-2:]
    places = (TensorType(I64, (*batch, size)) for size in (min(m, n), m))
    return TupleType((at, *places, info_of(at)))


def _eval_getrf(attrs: Attrs, at: np.ndarray) -> tuple[np.ndarray, ...]:
    size, count = min(at.shape[-2:]), math.prod(at.shape[:-2])
    if count > size:  # a step for all matrices is less work than all for each
        flat = np.reshape(at, (count, *at.shape[-2:]))
        found = _eliminated(transposed(flat))
        return tuple(np.reshape(x, (*at.shape[:-2], *x.shape[1:])) for x in found)
    factor = _lapack("getrf", at.dtype)

    def one(at: np.ndarray) -> tuple[Any, ...]:
        lu, pivots, info = factor(at.T)
        order = np.arange(at.shape[1])
        for k, pivot in enumerate(pivots):
            order[[k, pivot]] = order[[pivot, k]]
        return lu.T, pivots.astype(np.int64), order, np.int64(info)

    return each_matrix(one, at)


def _eliminated(a: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the results of `getrf` by Gauss's steps, each for all matrices."""
    lu, every = np.array(a), np.arange(len(a))
    size = min(a.shape[1:])
    pivots = np.zeros((len(a), size), np.int64)
    order = np.tile(np.arange(a.shape[1]), (len(a), 1))
    info = np.zeros(len(a), np.int64)
    for k in range(size):
        column = lu[:, k:, k]
        pivots[:, k] = chosen = k + (
            abs(np.real(column)) + abs(np.imag(column))
        ).argmax(-1)
        for rows in (lu, order):
            rows[every, k], rows[every, chosen] = (
                rows[every, chosen],
                rows[every, k].copy(),
            )
        pivot = lu[:, k, k]
        info[(pivot == 0) & (info == 0)] = k + 1
        lu[:, k + 1 :, k] /= np.where(pivot == 0, 1, pivot)[:, None]
        lu[:, k + 1 :, k + 1 :] -= lu[:, k + 1 :, k, None] * lu[:, k, None, k + 1 :]
    return transposed(lu), pivots, order, info


GETRF = _routine(
    "getrf",
    _infer_getrf,
    _eval_getrf,
    "The LU factors of transposed matrices, the row that each step exchanges with its"
    " own, the order of rows that makes, and whether the last factor is singular.",
)


def _infer_geqrf(attrs: Attrs, at: TensorType) -> TupleType:
    size = min(at.shape[-2:])
    return TupleType((at, at.with_shape((*at.shape[:-2], size))))


def _eval_geqrf(attrs: Attrs, at: np.ndarray) -> tuple[np.ndarray, ...]:
    return np.linalg.qr(transposed(at), mode="raw")


GEQRF = _routine(
    "geqrf",
    _infer_geqrf,
    _eval_geqrf,
    "The QR factors of transposed matrices: R, below it reflectors, and their scales.",
)


def _eval_orgqr(attrs: Attrs, ht: np.ndarray, tau: np.ndarray) -> np.ndarray:
    name = "ungqr" if ht.dtype.kind == "c" else "orgqr"
    function = _lapack(name, ht.dtype)
    flat, scales = ht.reshape(-1, *ht.shape[-2:]), tau.reshape(-1, tau.shape[-1])
    made = [function(h.T, t)[0].T for h, t in zip(flat, scales, strict=True)]
    return np.stack(made).reshape(ht.shape)


ORGQR = _routine(
    "orgqr",
    lambda attrs, ht, tau: ht,
    _eval_orgqr,
    "The first columns of the product of the reflectors of `geqrf`, transposed.",
)


def _infer_syevd(attrs: Attrs, at: TensorType) -> TupleType:
    values = TensorType(real_of(at.dtype), at.shape[:-1])
    vectors = (at,) if attrs["vectors"] else ()
    return TupleType((values, *vectors, info_of(at)))


def _eval_syevd(attrs: Attrs, at: np.ndarray) -> tuple[np.ndarray, ...]:
    def both(at: np.ndarray) -> tuple[np.ndarray, ...]:
        w, v = np.linalg.eigh(transposed(at))
        return w, transposed(v)

    def values(at: np.ndarray) -> np.ndarray:
        return np.linalg.eigvalsh(transposed(at))

    function = both if attrs["vectors"] else values
    return attempt(function, types_of(_infer_syevd, attrs, at), at)


SYEVD = _routine(
    "syevd",
    _infer_syevd,
    _eval_syevd,
    "The eigenvalues of Hermitian matrices, given as the transpose of their lower"
    " triangle, ascending, and the eigenvectors as rows.",
)


def _infer_gesdd(attrs: Attrs, at: TensorType) -> TupleType:
    *batch, n, m = at.shape
    k = min(m, n)
    values = TensorType(real_of(at.dtype), (*batch, k))
    if attrs["vectors"] == "none":
        return TupleType((values, info_of(at)))
    rows, columns = (m, n) if attrs["vectors"] == "all" else (k, k)
    ut, vt = at.with_shape((*batch, rows, m)), at.with_shape((*batch, n, columns))
    return TupleType((ut, values, vt, info_of(at)))


def _eval_gesdd(attrs: Attrs, at: np.ndarray) -> tuple[np.ndarray, ...]:
    def function(at: np.ndarray) -> Any:
        if attrs["vectors"] == "none":
            return np.linalg.svd(transposed(at), compute_uv=False)
        full = attrs["vectors"] == "all"
        u, s, vh = np.linalg.svd(transposed(at), full_matrices=full)
        return transposed(u), s, transposed(vh)

    return attempt(function, types_of(_infer_gesdd, attrs, at), at)


GESDD = _routine(
    "gesdd",
    _infer_gesdd,
    _eval_gesdd,
    'The singular values of transposed matrices, descending; with vectors "some" or'
    ' "all" the transposes of the left ones before and of the right ones after.',
)


def _infer_geev(attrs: Attrs, at: TensorType) -> TupleType:
    vectors = (at,) if attrs["vectors"] else ()
    return TupleType((at.with_shape(at.shape[:-1]), *vectors, info_of(at)))


def _eval_geev(attrs: Attrs, at: np.ndarray) -> tuple[np.ndarray, ...]:
    def both(at: np.ndarray) -> tuple[np.ndarray, ...]:
        w, v = np.linalg.eig(transposed(at))
        return w, transposed(v)

    def values(at: np.ndarray) -> np.ndarray:
        return np.linalg.eigvals(transposed(at))

    function = both if attrs["vectors"] else values
    return attempt(function, types_of(_infer_geev, attrs, at), at)


GEEV = _routine(
    "geev",
    _infer_geev,
    _eval_geev,
    "The eigenvalues of complex matrices, transposed, and eigenvectors as rows.",
)
