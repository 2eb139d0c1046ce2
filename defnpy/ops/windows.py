"""Windows that slide over a tensor: convolutions, and reductions of each window.

Each spatial axis is read through a table of places, (kernel place, window), so that
a reduction is a reduction for each axis.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from defnpy.base.dtypes import BOOL, I64
from defnpy.base.errors import DefnShapeError, DefnValueError
from defnpy.ops import axes, manipulation, movement, reduce
from defnpy.ops.convolution import Window, convolve, divided, merged, slide
from defnpy.ops.creation import static_int
from defnpy.ops.elementwise import divide
from defnpy.ops.inspection import iinfo
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.movement import transpose
from defnpy.ops.statistics import narrowed, widened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defnpy.ir.expr import Expr

_CHANNELS_FIRST = ("NCHW", "OIHW", "NCHW")


def _positive(value: Any, count: int, what: str) -> tuple[int, ...]:
    given = tuple(value) if isinstance(value, tuple | list) else (value,) * count
    made = tuple(static_int(each, what) for each in given)
    if len(made) != count or any(each < 1 for each in made):
        raise DefnValueError(f"{what} must be {count} positive ints, not {value!r}")
    return made


def _padded(
    x: Expr,
    fill: Expr,
    padding: Any,
    windows: Sequence[Window],
    spread: Sequence[int],
) -> Expr:
    """Return `x` spread out and padded along as many last axes as there are windows."""
    first = x.tensor.rank - len(windows)
    sizes = [
        max((s - 1) * d + 1, 0) for s, d in zip(x.shape[first:], spread, strict=True)
    ]
    pairs = [(0, 0)] * first + _paddings(padding, sizes, windows)
    inner = [0] * first + [d - 1 for d in spread]
    return manipulation.pad_constant(x, pairs, fill, inner)


def _paddings(
    padding: Any, sizes: Sequence[int], windows: Sequence[Window]
) -> list[tuple[int, int]]:
    """Return what is added before and after each axis.

    ``"same"`` makes the result as long as the operand divided by the stride, rounded
    up, as in Keras and JAX.
    """
    if padding == "valid":
        return [(0, 0)] * len(sizes)
    if padding == "same":
        made: list[tuple[int, int]] = []
        for size, (kernel, dilation, stride) in zip(sizes, windows, strict=True):
            extent = (kernel - 1) * dilation + 1
            total = max((-(-size // stride) - 1) * stride + extent - size, 0)
            made.append((total // 2, total - total // 2))
        return made
    pairs = padding if isinstance(padding, tuple | list) else [(padding,) * 2]
    pairs = list(pairs) * (len(sizes) if len(pairs) == 1 else 1)
    if len(pairs) != len(sizes):
        raise DefnShapeError(
            f"padding must be 'valid', 'same' or {len(sizes)} pairs, not {padding!r}"
        )
    return [(static_int(a, "padding"), static_int(b, "padding")) for a, b in pairs]


def conv(
    x: Any,
    kernel: Any,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    input_dilation: Any = 1,
    kernel_dilation: Any = 1,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    layout: tuple[str, str, str] = _CHANNELS_FIRST,
) -> Expr:
    """Return the convolution (a cross-correlation) of `x` with `kernel`.

    Args:
        x: tensor (batch, channels, space…) in the first layout.
        kernel: tensor (output channels, input channels of a group, space…) in the
            second layout.
        strides: steps between windows, one or one for each spatial axis.
        padding: ``"valid"``, ``"same"`` or ``[(low, high), …]``.
        input_dilation: steps between elements of `x`, the rest being zeros.
        kernel_dilation: steps between elements of a window.
        feature_group_count: groups into which channels are split.
        batch_group_count: groups into which the batch is split.
        layout: the axes of x, kernel and result: N batch, C channels, O and I output
            and input channels, other letters space.  The default stands for any
            number of spatial axes.

    >>> dn.conv(np.arange(4.0).reshape(1, 1, 4), np.ones((1, 1, 2)))
    array([[[1., 3., 5.]]])
    """
    x, kernel = as_expr(x), as_expr(kernel)
    own, weights, result = _layouts(layout, x, kernel)
    space = own.replace("N", "").replace("C", "")
    x, kernel = (
        _arranged(x, own, "NC" + space),
        _arranged(kernel, weights, "OI" + space),
    )
    groups = feature_group_count, batch_group_count
    _check_channels(x, kernel, *groups)
    count = len(space)
    steps = _positive(strides, count, "strides")
    spread = _positive(input_dilation, count, "input_dilation")
    dilation = _positive(kernel_dilation, count, "kernel_dilation")
    windows = list(zip(kernel.shape[2:], dilation, steps, strict=True))
    x = _padded(x, const(0, x.dtype), padding, windows, spread)
    return _arranged(_grouped(x, kernel, windows, groups), "NC" + space, result)


def _layouts(layout: Any, x: Expr, kernel: Expr) -> tuple[str, str, str]:
    """Return the layouts; the default one for as many spatial axes as `x` has."""
    own, weights, result = layout
    if tuple(layout) == _CHANNELS_FIRST:
        space = "ABDEFGHJ"[: max(x.tensor.rank - 2, 0)]
        own, weights, result = "NC" + space, "OI" + space, "NC" + space
    space = sorted(set(own) - {"N", "C"})
    wanted = sorted(["N", "C", *space]), sorted(["O", "I", *space])
    if sorted(own) != wanted[0] or sorted(result) != wanted[0]:
        raise DefnValueError(f"{layout} must name N, C and space in x and the result")
    if sorted(weights) != wanted[1]:
        raise DefnValueError(f"{layout} must name O, I and space in the kernel")
    if (x.tensor.rank, kernel.tensor.rank) != (len(own), len(weights)):
        raise DefnShapeError(
            f"{x.type} and {kernel.type} do not have the axes {own} and {weights}"
        )
    return own, weights, result


def _arranged(x: Expr, have: str, want: str) -> Expr:
    return transpose(x, [have.index(axis) for axis in want])


def _check_channels(x: Expr, kernel: Expr, features: int, batches: int) -> None:
    if features > 1 and batches > 1:
        raise DefnValueError("a convolution has groups of features or of the batch")
    if x.shape[1] != kernel.shape[1] * features:
        raise DefnShapeError(
            f"cannot convolve {x.type} with {kernel.type}: {x.shape[1]} channels meet"
            f" {features} groups of {kernel.shape[1]}"
        )
    groups = features * batches
    if kernel.shape[0] % groups or x.shape[0] % batches:
        raise DefnShapeError(
            f"cannot convolve {x.type} with {kernel.type} in {groups} groups"
        )


def _grouped(
    x: Expr, kernel: Expr, windows: Sequence[Window], groups: tuple[int, int]
) -> Expr:
    """Return the convolution; groups of the batch are seen as groups of channels."""
    features, batches = groups
    if batches == 1:
        return convolve(x, kernel, windows, features)
    x = merged(movement.moveaxis(divided(x, 0, batches), 0, 1), 1)
    return convolve(x, kernel, windows, batches)


def padded_windows(
    x: Any, window_shape: Any, options: tuple[Any, Any, Any], fill: Any
) -> tuple[Expr, list[Window]]:
    """Return `x` padded with `fill`, and its windows.

    `options` are the strides, the padding and the dilation.
    """
    x = as_expr(x)
    strides, padding, dilation = options
    rank = x.tensor.rank
    shape = _positive(window_shape, rank, "window_shape")
    steps = _positive(strides, rank, "strides")
    spread = _positive(dilation, rank, "dilation")
    windows = list(zip(shape, spread, steps, strict=True))
    return _padded(x, const(fill, x.dtype), padding, windows, (1,) * rank), windows


def _reduced(x: Expr, windows: list[Window], reduction: Callable[..., Expr]) -> Expr:
    """Reduce each window, one axis after another."""
    for axis, window in enumerate(windows):
        if window != (1, 1, 1):
            x = reduction(slide(x, axis, window), axis)
    return x


def window_sum(
    x: Any,
    window_shape: Any,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
) -> Expr:
    """Return the sum of each window of `x`.

    Args:
        x: tensor.
        window_shape: the size of a window along each axis.
        strides: steps between windows, one or one for each axis.
        padding: ``"valid"``, ``"same"`` or ``[(low, high), …]``.
        dilation: steps between the elements of a window.

    >>> dn.window_sum(np.arange(5), (3,), strides=2)
    array([3, 9])
    """
    x, narrow = widened(as_expr(x))
    x, windows = padded_windows(x, window_shape, (strides, padding, dilation), 0)
    return narrowed(_reduced(x, windows, reduce.sum), narrow)


def window_prod(
    x: Any,
    window_shape: Any,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
) -> Expr:
    """Return the product of each window of `x`; arguments as in `window_sum`.

    >>> dn.window_prod(np.array([1, 2, 3]), (2,))
    array([2, 6])
    """
    x, narrow = widened(as_expr(x))
    x, windows = padded_windows(x, window_shape, (strides, padding, dilation), 1)
    return narrowed(_reduced(x, windows, reduce.prod), narrow)


def window_max(
    x: Any,
    window_shape: Any,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
) -> Expr:
    """Return the largest element of each window of `x`; arguments as in `window_sum`.

    >>> dn.window_max(np.array([[1, 2], [4, 3]]), (1, 2))
    array([[2],
           [4]])
    """
    x = as_expr(x)
    options = strides, padding, dilation
    x, windows = padded_windows(x, window_shape, options, extremes(x)[0])
    return _reduced(x, windows, reduce.max)


def window_min(
    x: Any,
    window_shape: Any,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
) -> Expr:
    """Return the smallest element of each window of `x`; arguments as in `window_sum`.

    >>> dn.window_min(np.array([3, 1, 2]), (2,), padding="same")
    array([1, 1, 2])
    """
    x = as_expr(x)
    options = strides, padding, dilation
    x, windows = padded_windows(x, window_shape, options, extremes(x)[1])
    return _reduced(x, windows, reduce.min)


def window_mean(
    x: Any,
    window_shape: Any,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
) -> Expr:
    """Return the mean of each window of `x`, padding left out.

    The arguments are those of `window_sum`.

    >>> dn.window_mean(np.array([1.0, 2.0, 6.0]), (2,), padding="same")
    array([1.5, 4. , 6. ])
    """
    x = as_expr(x)
    options = {"strides": strides, "padding": padding, "dilation": dilation}
    ones = axes.full(x.tensor.with_dtype(I64), 1)
    total, narrow = widened(x)
    total = window_sum(total, window_shape, **options)
    return narrowed(divide(total, window_sum(ones, window_shape, **options)), narrow)


def extremes(x: Expr) -> tuple[Any, Any]:
    """Return the smallest and the largest value of a dtype."""
    if x.dtype == BOOL:
        return False, True
    if x.dtype.is_integer:
        info = iinfo(x.dtype)
        return info.min, info.max
    return -math.inf, math.inf
