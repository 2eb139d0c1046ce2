"""The record of convolutions: products over every window of what is padded already.

A convolution is one product: the kernel's places and the windows are both axes of
the tensor that is slid over, seen through a table of places, and nothing is copied.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dtypes import BF16, F16, F32
from defnpy.ir.expr import make
from defnpy.ir.op import Op, Sample
from defnpy.ops import axes, movement, reduce
from defnpy.ops.dot import dot_general, promoted
from defnpy.ops.elementwise import add, multiply
from defnpy.ops.family import convert
from defnpy.ops.indexing import gather
from defnpy.ops.leaf import const

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defnpy.ir.expr import Expr
    from defnpy.ir.types import TensorType

Window = tuple[int, int, int]  # along one axis: size, dilation, stride
_FEW = 32  # terms of a sum that are written one by one


def windows_in(size: Any, window: Window) -> Any:
    """Return how many windows there are in an axis of that size."""
    places, dilation, stride = window
    room = size - (places - 1) * dilation - 1
    return room // stride + 1 if room >= 0 else 0


def slide(x: Expr, axis: int, window: Window) -> Expr:
    """Return `x` with `axis` made two: places in a window, and windows."""
    return gather(x, const(_places(x.shape[axis], window)), axis)


def _places(size: Any, window: Window) -> np.ndarray:
    places, dilation, stride = window
    starts = np.arange(windows_in(size, window)) * stride
    return np.arange(places)[:, None] * dilation + starts


def divided(x: Expr, axis: int, groups: int) -> Expr:
    """Return `x` with `axis` made two: groups, and the places of each."""
    size, (before, after) = x.shape[axis], (x.shape[:axis], x.shape[axis + 1 :])
    return axes.reshape(x, (*before, groups, size // groups, *after))


def merged(x: Expr, axis: int) -> Expr:
    """Return `x` with `axis` and the next one made one."""
    size, after = x.shape[axis] * x.shape[axis + 1], x.shape[axis + 2 :]
    return axes.reshape(x, (*x.shape[:axis], size, *after))


def convolve(x: Expr, kernel: Expr, windows: Sequence[Window], groups: int) -> Expr:
    """Return the convolution of x (N, G·I, space…) with a kernel (G·O, I, space…).

    The result is (N, G·O, space…).  There is a window for each axis of space.
    """
    operands = promoted(x, kernel)
    return make(CONVOLVE, operands, windows=tuple(windows), groups=groups)


def _infer(attrs: Mapping[str, Any], x: TensorType, kernel: TensorType) -> TensorType:
    pairs = zip(x.shape[2:], attrs["windows"], strict=True)
    space = (windows_in(*pair) for pair in pairs)
    return x.with_shape((x.shape[0], kernel.shape[0], *space))


def _eval(attrs: Mapping[str, Any], x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    windows, groups = attrs["windows"], attrs["groups"]
    for k, window in enumerate(windows):
        axis = 2 + 2 * k
        x = np.take(x, _places(x.shape[axis], window), axis=axis)
    places = range(2, 2 + 2 * len(windows), 2)
    x = np.moveaxis(x, places, range(2, 2 + len(windows)))
    space = x.shape[2 + len(windows) :]
    terms = math.prod(kernel.shape[1:])
    patches = x.reshape(len(x), groups, terms, math.prod(space))
    weights = kernel.reshape(groups, len(kernel) // groups, terms)
    wide = np.float32 if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x.dtype
    made = weights.astype(wide) @ patches.astype(wide)
    return made.astype(x.dtype).reshape(len(x), len(kernel), *space)


def _lower(attrs: Mapping[str, Any], x: Expr, kernel: Expr) -> Expr:
    """Return the product: what it makes lies in the order of the result."""
    windows, groups = attrs["windows"], attrs["groups"]
    if kernel.shape[:2] == (groups, 1) and 0 < math.prod(kernel.shape[2:]) <= _FEW:
        return _by_channel(x, kernel, windows)
    x, count = _slid(x, windows, groups), range(len(windows))
    kernel = divided(kernel, 0, groups)
    kernel = axes.broadcast_to(kernel, (x.shape[0], *kernel.shape))
    contract = (3, *(4 + k for k in count)), (2, *(3 + 2 * k for k in count))
    made = dot_general(kernel, x, contract, ((0, 1), (0, 1)))
    return merged(made, 1)


def _by_channel(x: Expr, kernel: Expr, windows: Sequence[Window]) -> Expr:
    """Return the sum over the places of a kernel that has one for each channel.

    A product would use no element twice; this is a loop, with all that is around it.
    """
    wide = F32 if x.dtype in (F16, BF16) else x.dtype
    steps, none = [stride for _, _, stride in windows], (1,) * len(windows)
    sizes = [windows_in(*pair) for pair in zip(x.shape[2:], windows, strict=True)]
    terms: list[Expr] = []
    for place in np.ndindex(kernel.shape[2:]):
        starts = [p * w[1] for p, w in zip(place, windows, strict=True)]
        ends = zip(starts, sizes, steps, strict=True)
        stops = [start + max((n - 1) * step + 1, 0) for start, n, step in ends]
        seen = movement.strided_slice(
            x, (0, 0, *starts), (*x.shape[:2], *stops), (1, 1, *steps)
        )
        after = (kernel.shape[0], 1, *(p + 1 for p in place))
        weight = movement.strided_slice(kernel, (0, 0, *place), after, (1, 1, *none))
        weight = axes.reshape(weight, (kernel.shape[0], *none))
        terms.append(multiply(convert(seen, wide), convert(weight, wide)))
    return convert(functools.reduce(add, terms), x.dtype)


def _slid(x: Expr, windows: Sequence[Window], groups: int) -> Expr:
    """Return (N, G, I, and places and windows for each axis of space)."""
    x = divided(x, 1, groups)
    for k, window in enumerate(windows):
        x = slide(x, 3 + 2 * k, window)
    return x


def _vjp(ct: Expr, y: Expr, x: Expr, kernel: Expr) -> tuple[Expr, Expr]:
    return _of_x(ct, y, x, kernel), _of_kernel(ct, y, x, kernel)


def _of_x(ct: Expr, y: Expr, x: Expr, kernel: Expr) -> Expr:
    """Return the convolution of the cotangent with the kernel turned around.

    The cotangent is spread by the strides, and padded so that every element of x
    meets each place of the kernel that it met before.
    """
    windows, groups = y.attrs["windows"], y.attrs["groups"]
    low, high, inner = [0, 0], [0, 0], [0, 0]
    for size, (places, dilation, stride) in zip(x.shape[2:], windows, strict=True):
        reach = (places - 1) * dilation
        count = windows_in(size, (places, dilation, stride))
        low.append(reach)
        high.append(size - max((count - 1) * stride + 1, 0))
        inner.append(stride - 1)
    padded = movement.pad(ct, low, high, inner)
    turned = merged(movement.moveaxis(divided(kernel, 0, groups), 2, 1), 0)
    turned = movement.flip(turned, tuple(range(2, turned.tensor.rank)))
    back = [(places, dilation, 1) for places, dilation, _ in windows]
    return convolve(padded, turned, back, groups)


def _of_kernel(ct: Expr, y: Expr, x: Expr, kernel: Expr) -> Expr:
    """Return the products of the cotangent with what was slid over, summed up."""
    windows, groups = y.attrs["windows"], y.attrs["groups"]
    x, count = _slid(x, windows, groups), range(len(windows))
    ct = divided(ct, 1, groups)
    contract = tuple(3 + k for k in count), tuple(4 + 2 * k for k in count)
    made = dot_general(ct, x, contract, ((0, 1), (0, 1)))  # (N, G, O, I, places…)
    return axes.reshape(reduce.sum(made, axis=0), kernel.shape)


def _jvp(tangents: Sequence[Expr | None], y: Expr, x: Expr, kernel: Expr) -> Expr:
    (dx, dk), attrs = tangents, y.attrs
    parts = [make(CONVOLVE, (dx, kernel), **attrs)] if dx is not None else []
    parts += [make(CONVOLVE, (x, dk), **attrs)] if dk is not None else []
    return parts[0] if len(parts) == 1 else add(*parts)


def _batch(y: Expr, batched: Sequence[bool], x: Expr, kernel: Expr) -> Expr:
    """Return the lanes as more of the batch, or as groups where kernels differ."""
    windows, groups = y.attrs["windows"], y.attrs["groups"]
    if not batched[1]:
        lanes = x.shape[0]
        return divided(convolve(merged(x, 0), kernel, windows, groups), 0, lanes)
    lanes = kernel.shape[0]
    if not batched[0]:
        x = axes.broadcast_to(axes.reshape(x, (1, *x.shape)), (lanes, *x.shape))
    side = merged(movement.moveaxis(x, 0, 1), 1)
    made = convolve(side, merged(kernel, 0), windows, lanes * groups)
    made = divided(made, 1, lanes)
    return movement.moveaxis(made, 1, 0)


def _samples() -> list[Sample]:
    random = np.random.default_rng(7)
    plain = random.standard_normal((2, 3, 5, 6)), random.standard_normal((4, 3, 2, 3))
    grouped = random.standard_normal((2, 4, 8)), random.standard_normal((6, 2, 3))
    return [
        Sample(plain, (("windows", ((2, 1, 1), (3, 1, 1))), ("groups", 1))),
        Sample(plain, (("windows", ((2, 2, 1), (3, 1, 2))), ("groups", 1))),
        Sample(grouped, (("windows", ((3, 2, 2),)), ("groups", 2))),
    ]


CONVOLVE = Op(
    name="convolve",
    infer=_infer,
    eval=_eval,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    lower=_lower,
    doc="Sums of products over each window of x, for each output channel.",
    family="convolution",
    samples=_samples,
)
