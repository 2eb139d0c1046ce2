"""The general product: contraction and batch axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from defnpy.base import shapes
from defnpy.base.dtypes import BF16, F16, F32
from defnpy.base.errors import DefnShapeError
from defnpy.ir.expr import Expr, make
from defnpy.ir.op import Attrs, Missing, Op, Sample
from defnpy.ir.types import TensorType
from defnpy.ops.axes import Batched, broadcast_to, normalize_axes, reshape
from defnpy.ops.elementwise import multiply
from defnpy.ops.family import common, convert
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.movement import TRANSPOSE, moveaxis, squeeze, transpose

Axes = tuple[tuple[int, ...], tuple[int, ...]]


def free_axes(
    rank: int, contract: tuple[int, ...], batch: tuple[int, ...]
) -> list[int]:
    """Return the axes that are neither contracted nor batched."""
    return [a for a in range(rank) if a not in contract and a not in batch]


def _infer_dot(attrs: Attrs, a: TensorType, b: TensorType) -> TensorType:
    (ca, cb), (ba, bb) = attrs["contract"], attrs["batch"]
    for kind, left, right in (("contracted", ca, cb), ("batch", ba, bb)):
        for i, j in zip(left, right, strict=True):
            if a.shape[i] != b.shape[j]:
                raise DefnShapeError(
                    f"cannot multiply {a} by {b}: {kind} sizes {a.shape[i]} and"
                    f" {b.shape[j]} differ"
                )
    shape = [a.shape[i] for i in ba]
    shape += [a.shape[i] for i in free_axes(a.rank, ca, ba)]
    shape += [b.shape[i] for i in free_axes(b.rank, cb, bb)]
    return TensorType(a.dtype, tuple(shape), a.weak and b.weak)


def _eval_dot(attrs: Attrs, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    (ca, cb), (ba, bb) = attrs["contract"], attrs["batch"]
    fa, fb = free_axes(a.ndim, ca, ba), free_axes(b.ndim, cb, bb)
    shape = [a.shape[i] for i in (*ba, *fa)] + [b.shape[i] for i in fb]
    inner = int(np.prod([a.shape[i] for i in ca], dtype=np.int64))
    batch = [a.shape[i] for i in ba]
    rows = int(np.prod([a.shape[i] for i in fa], dtype=np.int64))
    columns = int(np.prod([b.shape[i] for i in fb], dtype=np.int64))
    left = np.transpose(a, (*ba, *fa, *ca)).reshape(*batch, rows, inner)
    right = np.transpose(b, (*bb, *cb, *fb)).reshape(*batch, inner, columns)
    with np.errstate(all="ignore"):
        return np.asarray(left @ right, a.dtype).reshape(shape)


def _vjp_dot(ct: Expr, y: Expr, a: Expr, b: Expr) -> tuple[Expr, Expr]:
    contract, batch = y.attrs["contract"], y.attrs["batch"]
    swapped = tuple(reversed(contract)), tuple(reversed(batch))
    rows = len(free_axes(a.tensor.rank, contract[0], batch[0]))
    columns = len(free_axes(b.tensor.rank, contract[1], batch[1]))
    return (
        _cotangent(ct, a, b, contract, batch, len(batch[0]) + rows, columns),
        _cotangent(ct, b, a, *swapped, len(batch[0]), rows),
    )


def _cotangent(
    ct: Expr, a: Expr, b: Expr, contract: Axes, batch: Axes, first: int, count: int
) -> Expr:
    """Contract `ct` with the free axes of `b`, then restore the order of `a`."""
    (ca, cb), (ba, bb) = contract, batch
    gone = tuple(range(first, first + count)), tuple(free_axes(b.tensor.rank, cb, bb))
    paired = tuple(range(len(ba))), bb
    remaining = sorted(cb)  # the free axes of b in the product are its contracted ones
    free = free_axes(a.tensor.rank, ca, ba), [ca[cb.index(axis)] for axis in remaining]
    ahead = [*ba, *free[1], *free[0]]
    if ahead == sorted(ahead):  # the other way round it is in order at once
        turned = {"contract": gone[::-1], "batch": paired[::-1]}
        return make(DOT, (b, ct), **turned)
    made = make(DOT, (ct, b), contract=gone, batch=paired)
    order = [*ba, *free[0], *free[1]]
    return transpose(made, tuple(np.argsort(order).tolist()))


def _jvp_dot(tangents: Any, y: Expr, a: Expr, b: Expr) -> Expr:
    terms = []
    if tangents[0] is not None:
        terms.append(make(DOT, (tangents[0], b), **y.attrs))
    if tangents[1] is not None:
        terms.append(make(DOT, (a, tangents[1]), **y.attrs))
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]


def _batch_dot(y: Expr, batched: Batched, a: Expr, b: Expr) -> Expr:
    """Pair the lanes of both, or take those of one for rows or columns."""
    (ca, cb), (ba, bb) = y.attrs["contract"], y.attrs["batch"]
    if batched[0]:
        ca, ba = _moved(ca), _moved(ba)
    if batched[1]:
        cb, bb = _moved(cb), _moved(bb)
    if all(batched):
        return make(DOT, (a, b), contract=(ca, cb), batch=((0, *ba), (0, *bb)))
    if batched[1] and len(free_axes(b.tensor.rank, cb, bb)) == 1:
        # Vectors become the rows of one matrix, so that lanes come first.
        made = make(DOT, (b, a), contract=(cb, ca), batch=(bb, ba))
        return moveaxis(made, len(bb), 0)
    made = make(DOT, (a, b), contract=(ca, cb), batch=(ba, bb))
    first = len(ba)  # free axes come after those that are paired
    if batched[1]:
        first += len(free_axes(a.tensor.rank, ca, ba))
    return moveaxis(made, first, 0)


def _moved(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axis + 1 for axis in axes)


def _samples() -> list[Sample]:
    rng = np.random.default_rng(4)
    plain = (("contract", ((1,), (0,))), ("batch", ((), ())))
    mixed = (("contract", ((0,), (2,))), ("batch", ((1,), (0,))))
    double = (("contract", ((0, 2), (1, 0))), ("batch", ((), ())))
    return [
        Sample((rng.standard_normal((2, 3)), rng.standard_normal((3, 4))), plain),
        Sample((rng.standard_normal((3, 2, 4)), rng.standard_normal((2, 5, 3))), mixed),
        Sample((rng.standard_normal((3, 2, 4)), rng.standard_normal((4, 3))), double),
        Sample((rng.standard_normal((40, 70)), rng.standard_normal((70, 50))), plain),
        Sample((rng.integers(0, 9, (2, 3)), rng.integers(0, 9, (3, 2))), plain, False),
    ]


DOT = Op(
    name="dot",
    infer=_infer_dot,
    eval=_eval_dot,
    vjp=_vjp_dot,
    jvp=_jvp_dot,
    batch=_batch_dot,
    lower=Missing("it becomes loops or the call of a routine by its size"),
    doc="Sum of products over contracted axes, for each batch index.",
    family="dot",
    samples=_samples,
)


def dot_general(a: Expr, b: Expr, contract: Axes, batch: Axes = ((), ())) -> Expr:
    """Return the product in the common dtype; halves accumulate in f32."""
    a, b = promoted(a, b)
    dtype, weak = a.dtype, a.tensor.weak
    wide = F32 if dtype in (F16, BF16) else dtype
    left, ca, ba = untransposed(convert(a, wide, weak=weak), contract[0], batch[0])
    right, cb, bb = untransposed(convert(b, wide, weak=weak), contract[1], batch[1])
    made = make(DOT, (left, right), contract=(ca, cb), batch=(ba, bb))
    return convert(made, dtype, weak=weak)


def untransposed(
    x: Expr, contract: tuple[int, ...], batch: tuple[int, ...]
) -> tuple[Expr, tuple[int, ...], tuple[int, ...]]:
    """Return what a transpose is made of, and those axes of it, as a dot's operand.

    The free axes have to keep their order, which is that of the result's.
    """
    if x.op is not TRANSPOSE:
        return x, contract, batch
    axes = x.attrs["axes"]
    free = [axes[a] for a in free_axes(len(axes), contract, batch)]
    if free != sorted(free):
        return x, contract, batch
    contracted, paired = (tuple(axes[a] for a in each) for each in (contract, batch))
    return x.operands[0], contracted, paired


def promoted(a: Expr, b: Expr) -> tuple[Expr, Expr]:
    """Return both in their common dtype, whatever their shapes."""
    token, _ = common(_token(a), _token(b))
    dtype, weak = token.dtype, token.tensor.weak
    return convert(a, dtype, weak=weak), convert(b, dtype, weak=weak)


def _token(x: Expr) -> Expr:
    return const(0, x.dtype, weak=x.tensor.weak)


def dot(a: Any, b: Any, *, axes: Any = None, batch_axes: Any = None) -> Expr:
    """Return NumPy's dot, or a contraction over the axes given.

    Args:
        a: tensor.
        b: tensor.
        axes: ``(axes of a, axes of b)`` to contract.
        batch_axes: ``(axes of a, axes of b)`` to pair; they come first.
    """
    a, b = as_expr(a), as_expr(b)
    if axes is not None or batch_axes is not None:
        pairs = [_pair(given, a, b) for given in (axes, batch_axes)]
        _check_axes(*pairs)
        return dot_general(a, b, pairs[0], pairs[1])
    if a.tensor.rank == 0 or b.tensor.rank == 0:
        return multiply(a, b)
    right = 0 if b.tensor.rank == 1 else b.tensor.rank - 2
    _check_inner(a, b, right)
    return dot_general(a, b, ((a.tensor.rank - 1,), (right,)))


def _pair(given: Any, a: Expr, b: Expr) -> Axes:
    left, right = given if given is not None else ((), ())

    def normal(axes: Any, rank: int) -> tuple[int, ...]:
        each = axes if isinstance(axes, tuple | list) else (axes,)
        return tuple(place for axis in each for place in normalize_axes(axis, rank))

    return normal(left, a.tensor.rank), normal(right, b.tensor.rank)


def _check_axes(contract: Axes, batch: Axes) -> None:
    for left, right in (contract, batch):
        if len(left) != len(right):
            raise DefnShapeError(f"axes are paired, but {left} and {right} are not")
    for contracted, paired in zip(contract, batch, strict=True):
        if len({*contracted, *paired}) != len(contracted) + len(paired):
            raise DefnShapeError(
                f"an axis is contracted or paired once: {contracted}, {paired}"
            )


def _check_inner(a: Expr, b: Expr, right: int) -> None:
    if a.shape[-1] != b.shape[right]:
        raise DefnShapeError(
            f"cannot multiply {a.type} by {b.type}: inner sizes {a.shape[-1]} and"
            f" {b.shape[right]} differ"
        )


def matmul(a: Any, b: Any) -> Expr:
    """Return the matrix product; leading axes are batches and broadcast.

    >>> dn.matmul(np.ones((5, 2, 3)), np.ones((3, 4))).shape
    (5, 2, 4)
    """
    a, b = as_expr(a), as_expr(b)
    if a.tensor.rank == 0 or b.tensor.rank == 0:
        raise DefnShapeError(
            f"cannot multiply {a.type} by {b.type}: matmul needs at least one axis",
            hint="`*` multiplies by a scalar",
        )
    vector_a, vector_b = a.tensor.rank == 1, b.tensor.rank == 1
    right = 0 if vector_b else b.tensor.rank - 2
    _check_inner(a, b, right)
    if b.tensor.rank <= 2:  # all rows of a, whatever their batch, meet one matrix
        return dot_general(a, b, ((a.tensor.rank - 1,), (right,)))
    a = reshape(a, (1, *a.shape)) if vector_a else a
    b = reshape(b, (*b.shape, 1)) if vector_b else b
    made = _batched(a, b)
    if vector_a:
        made = squeeze(made, -2)
    return squeeze(made, -1) if vector_b else made


def _batched(a: Expr, b: Expr) -> Expr:
    try:
        batch = shapes.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise DefnShapeError(
            f"cannot multiply {a.type} by {b.type}: batch sizes differ"
        ) from None
    a = broadcast_to(a, (*batch, *a.shape[-2:]))
    b = broadcast_to(b, (*batch, *b.shape[-2:]))
    axes = tuple(range(len(batch)))
    return dot_general(a, b, ((len(batch) + 1,), (len(batch),)), (axes, axes))


def outer(a: Any, b: Any) -> Expr:
    """Return the products of every element of one vector with every other's."""
    return dot_general(reshape(as_expr(a), (-1,)), reshape(as_expr(b), (-1,)), ((), ()))
