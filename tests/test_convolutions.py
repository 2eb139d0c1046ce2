"""Convolutions with drawn options, beside sums over the places of the kernel."""

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import BF16, agree, drawn

import defnpy as dn
from defnpy import defn

pytestmark = pytest.mark.cpu

SPACE = "ABD"
DTYPES = tuple(
    np.dtype(each)
    for each in (*("f4", "f4", "f8", "f2"), BF16, *("i1", "i4", "u8", "c8", "c16"))
)
FLOATS = (np.dtype("f8"),)


@dataclass(frozen=True)
class Drawn:
    """The operands of a convolution, channels first, and its options."""

    x: np.ndarray
    kernel: np.ndarray
    options: dict[str, Any]

    def layout(self, order: tuple[str, ...]) -> "Drawn":
        """Return the same with the axes of x and the kernel in another order.

        Options are in the order that x has its spatial axes in.
        """
        space = SPACE[: self.x.ndim - 2]
        x = self.x.transpose([("NC" + space).index(a) for a in order[0]])
        kernel = self.kernel.transpose([("OI" + space).index(a) for a in order[1]])
        moved = [space.index(a) for a in order[0] if a in space]
        options = {
            name: each if isinstance(each, str | int) else [each[k] for k in moved]
            for name, each in self.options.items()
        }
        return Drawn(x, kernel, options | {"layout": order})


@st.composite
def convolutions(draw: st.DrawFn, dtypes: tuple[np.dtype, ...] = DTYPES) -> Drawn:
    """Draw a convolution whose windows fit at least once, mostly."""
    space, kind = draw(st.integers(1, 3)), draw(st.sampled_from("nfb"))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(space))

    groups = 1 if kind == "n" else draw(st.integers(2, 3))
    channels, outputs = draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    batch = draw(st.integers(0, 2)) * (groups if kind == "b" else 1)
    x = (batch, channels * (groups if kind == "f" else 1), *each(3, 7))
    kernel = (outputs, channels, *each(1, 3))
    options: dict[str, Any] = {
        "strides": each(1, 3),
        "input_dilation": each(1, 3),
        "kernel_dilation": each(1, 2),
        "padding": draw(
            st.sampled_from(["valid", "same", list(zip(each(-1, 2), each(-1, 2)))])  # noqa: B905
        ),
    }
    if kind != "n":
        name = "feature_group_count" if kind == "f" else "batch_group_count"
        options[name] = groups
    dtype, seed = draw(st.sampled_from(dtypes)), draw(st.integers(0, 99))
    rng = np.random.default_rng(seed)
    return Drawn(_elements(rng, x, dtype), _elements(rng, kernel, dtype), options)


def _elements(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype
) -> np.ndarray:
    if dtype.kind in "iu":
        return rng.integers(0 if dtype.kind == "u" else -2, 3, shape).astype(dtype)
    made = rng.standard_normal(shape)
    if dtype.kind == "c":
        made = made + 1j * rng.standard_normal(shape)
    return made.astype(dtype)


def summed(given: Drawn) -> np.ndarray:
    """Return the sum over the places of the kernel, in the widest dtype of its kind."""
    x, kernel, options = given.x, given.kernel, given.options
    kind = {"i": "i8", "u": "u8", "c": "c16"}.get(x.dtype.kind, "f8")
    x, kernel = x.astype(kind), kernel.astype(kind)
    strides, dilation = options["strides"], options["kernel_dilation"]
    x = _padded(x, kernel.shape[2:], options)
    features = options.get("feature_group_count", 1)
    batches = options.get("batch_group_count", 1)
    groups = features * batches
    if batches > 1:  # each group of the batch meets kernels of its own
        x = x.reshape(batches, len(x) // batches, *x.shape[1:])
    else:
        x = x.reshape(len(x), features, kernel.shape[1], *x.shape[2:])
        x = np.moveaxis(x, 1, 0)
    weights = kernel.reshape(groups, len(kernel) // groups, *kernel.shape[1:])
    counts = [
        max((n - (k - 1) * d - 1) // s + 1, 0)
        for n, k, d, s in zip(
            x.shape[3:], kernel.shape[2:], dilation, strides, strict=True
        )
    ]
    made = np.zeros((groups, x.shape[1], weights.shape[1], *counts), kind)
    for place in np.ndindex(kernel.shape[2:]):
        starts = [p * d for p, d in zip(place, dilation, strict=True)]
        cut = tuple(
            slice(a, a + max((n - 1) * s + 1, 0), s)
            for a, n, s in zip(starts, counts, strides, strict=True)
        )
        there = x[(..., *cut)], weights[(..., *place)]
        made += np.einsum("gni...,goi->gno...", *there)
    made = np.moveaxis(made, 0, 1)
    return made.reshape(made.shape[0], len(kernel), *counts)


def _padded(x: np.ndarray, window: tuple[int, ...], options: Any) -> np.ndarray:
    """Return x with zeros between its elements and around them."""
    for k, (size, spread) in enumerate(
        zip(window, options["input_dilation"], strict=True)
    ):
        axis, padding = 2 + k, options["padding"]
        shape = list(x.shape)
        shape[axis] = (x.shape[axis] - 1) * spread + 1
        apart = np.zeros(shape, x.dtype)
        apart[(slice(None),) * axis + (slice(None, None, spread),)] = x
        if padding == "valid":
            low, high = 0, 0
        elif padding == "same":
            reach = (size - 1) * options["kernel_dilation"][k] + 1
            step, length = options["strides"][k], shape[axis]
            total = max((-(-length // step) - 1) * step + reach - length, 0)
            low, high = total // 2, total - total // 2
        else:
            low, high = padding[k]
        around = [(0, 0)] * x.ndim
        around[axis] = max(low, 0), max(high, 0)
        x = np.pad(apart, around)
        length = x.shape[axis]
        kept = slice(max(-low, 0), max(length - max(-high, 0), max(-low, 0)))
        x = x[(slice(None),) * axis + (kept,)]
    return x


def sizes(given: Drawn) -> np.ndarray:
    """Return the sums of absolute values, which rounding is measured by."""
    return summed(Drawn(np.abs(given.x), np.abs(given.kernel), given.options))


@drawn
@given(convolutions())
def test_drawn_options(given: Drawn) -> None:
    wanted, scale = summed(given), 0
    if given.x.dtype.kind not in "iu":
        scale = sizes(given)
    compiled = defn(lambda x, kernel: dn.conv(x, kernel, **given.options))
    eager = dn.conv(given.x, given.kernel, **given.options)
    for got in (eager, compiled(given.x, given.kernel)):
        agree(got, wanted, given.x.dtype, 64, scale)


@drawn
@given(convolutions(FLOATS), st.data())
def test_layouts(given: Drawn, data: st.DataObject) -> None:
    space = SPACE[: given.x.ndim - 2]
    axes = ("NC" + space, "OI" + space, "NC" + space)
    order = tuple("".join(data.draw(st.permutations(names))) for names in axes)
    turned = given.layout(order)
    convolve = defn(lambda x, kernel: dn.conv(x, kernel, **turned.options))
    got = convolve(turned.x, turned.kernel)
    wanted = summed(given).transpose([axes[2].index(a) for a in order[2]])
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


def _along(f: Any, at: tuple[np.ndarray, ...], way: tuple[np.ndarray, ...]) -> float:
    """Return the derivative of f along a way, by differences of the fourth order."""
    step = 1e-3

    def moved(t: float) -> float:
        return float(f(*(a + t * step * w for a, w in zip(at, way, strict=True))))

    return (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * step)


def _ways(given: Drawn) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    x, kernel = given.x, given.kernel
    return rng.standard_normal(x.shape), rng.standard_normal(kernel.shape)


@drawn
@given(convolutions(FLOATS))
def test_gradients_twice(given: Drawn) -> None:
    options, at = given.options, (given.x, given.kernel)
    ways = _ways(given)

    def loss(x, kernel):
        return dn.sum(dn.sin(dn.conv(x, kernel, **options)))

    def slope(x, kernel):
        dx, dk = dn.grad(loss, argnums=(0, 1))(x, kernel)
        return dn.sum(dx * ways[0]) + dn.sum(dn.cos(dk) * ways[1])

    for function in (loss, slope):
        gradient = dn.grad(defn(function), argnums=(0, 1))(*at)
        found = sum(np.sum(g * w) for g, w in zip(gradient, ways, strict=True))
        wanted = _along(defn(function), at, ways)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


@drawn
@given(convolutions(FLOATS), st.sampled_from([(0, 0), (0, None), (None, 0)]))
def test_lanes(given: Drawn, in_axes: tuple[int | None, int | None]) -> None:
    def convolve(x, kernel):
        return dn.conv(x, kernel, **given.options)

    lanes = [
        np.stack([a, 2 - a, a * a]) if axis == 0 else a
        for a, axis in zip((given.x, given.kernel), in_axes, strict=True)
    ]
    got = dn.vmap(defn(convolve), in_axes=in_axes)(*lanes)
    for k in range(3):
        x, kernel = (
            a if axis is None else a[k] for a, axis in zip(lanes, in_axes, strict=True)
        )
        wanted = summed(Drawn(x, kernel, given.options))
        np.testing.assert_allclose(got[k], wanted, rtol=1e-10, atol=1e-10)


def test_batches_of_many_sizes() -> None:
    rng = np.random.default_rng(0)
    kernel, options = rng.standard_normal((4, 3, 3, 2)), _options(strides=(2, 1))

    def loss(x, kernel):
        return dn.sum(dn.conv(x, kernel, **options) ** 2)

    convolve = defn(lambda x, kernel: dn.conv(x, kernel, **options))
    gradient = dn.grad(defn(loss), argnums=1)
    for batch in (2, 3, 5, 0, 8):
        x = rng.standard_normal((batch, 3, 7, 6))
        wanted = summed(Drawn(x, kernel, options))
        np.testing.assert_allclose(convolve(x, kernel), wanted, rtol=1e-12, atol=1e-12)
        way = rng.standard_normal(kernel.shape)
        found = np.sum(gradient(x, kernel) * way)
        wanted = 2 * np.sum(wanted * summed(Drawn(x, way, options)))
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def _options(**given: Any) -> dict[str, Any]:
    ones = (1, 1)
    usual = {"strides": ones, "input_dilation": ones, "kernel_dilation": ones}
    return usual | {"padding": "same"} | given


@pytest.mark.parametrize("groups", [1, 16])
def test_bits_do_not_depend_on_threads(groups: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((9, 16, 29, 27), np.float32)
    kernel = rng.standard_normal((48, 16 // groups, 3, 3), np.float32)
    options = _options(feature_group_count=groups)

    @defn
    def step(x, kernel):
        def loss(x, kernel):
            return dn.sum(dn.maximum(dn.conv(x, kernel, **options), 0) ** 2)

        return dn.conv(x, kernel, **options), dn.grad(loss, argnums=(0, 1))(x, kernel)

    made, before = [], dn.config.threads
    try:
        for threads in (1, 2, 8):
            dn.config.threads = threads
            value, grads = step(x, kernel)
            made.append([each.tobytes() for each in (value, *grads)])
    finally:
        dn.config.threads = before
    assert made[0] == made[1] == made[2]
    wanted = summed(Drawn(x, kernel, options))
    np.testing.assert_allclose(value, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_halves_add_up_wide(dtype: Any) -> None:
    x = np.ones((1, 1, 5000), dtype)
    kernel = np.ones((1, 1, 5000), dtype)
    made = defn(lambda x, kernel: dn.conv(x, kernel))(
        x, kernel
    )  # adding one to 4096 would change nothing
    assert made.dtype == dtype and float(made[0, 0, 0]) == float(dtype(5000))


def test_nan_and_infinity_stay_where_they_are() -> None:
    x, kernel = np.zeros((1, 2, 6)), np.ones((3, 2, 2))
    x[0, 0, 1], x[0, 1, 4] = np.nan, np.inf
    made = defn(lambda x, kernel: dn.conv(x, kernel))(x, kernel)
    assert np.isnan(made[0, :, :2]).all() and np.isinf(made[0, :, 3:]).all()
    assert (made[0, :, 2] == 0).all()
