"""Convolutions and window reductions, beside plain loops over the windows."""

import itertools

import numpy as np
import pytest

import defnpy as dn

pytestmark = pytest.mark.pure

RNG = np.random.default_rng(2)


def same(got: np.ndarray, wanted: np.ndarray) -> None:
    assert got.shape == wanted.shape and got.dtype == wanted.dtype
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


def windows_of(x: np.ndarray, shape: tuple, strides: tuple, dilation: tuple) -> list:
    """Return (window's place, its elements) for every window."""
    reach = [(k - 1) * d + 1 for k, d in zip(shape, dilation, strict=True)]
    counts = [
        range((n - r) // s + 1) for n, r, s in zip(x.shape, reach, strides, strict=True)
    ]
    made = []
    for place in itertools.product(*counts):
        cut = tuple(
            slice(p * s, p * s + r, d)
            for p, s, r, d in zip(place, strides, reach, dilation, strict=True)
        )
        made.append((place, x[cut]))
    return made


def same_padding(size: int, extent: int, stride: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean"])
@pytest.mark.parametrize("padding", ["valid", [(1, 2), (0, 1)], "same"])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
def test_window_reductions(name: str, padding: object, strides: tuple) -> None:
    x, shape, dilation = RNG.standard_normal((6, 8)), (2, 3), (2, 1)
    got = getattr(dn, f"window_{name}")(
        x, shape, strides=strides, padding=padding, dilation=dilation
    )
    pairs = {"valid": [(0, 0)] * 2}.get(str(padding), padding)
    if padding == "same":
        pairs = [
            same_padding(n, 1 + (k - 1) * d, s)
            for n, k, d, s in zip(x.shape, shape, dilation, strides, strict=True)
        ]
    padded = np.pad(x, pairs, constant_values=np.nan)
    for place, window in windows_of(padded, shape, strides, dilation):
        wanted = getattr(np, f"nan{name}")(window)
        np.testing.assert_allclose(got[place], wanted, rtol=1e-12)
    assert got.size == len(windows_of(padded, shape, strides, dilation))


def convolved(
    x: np.ndarray, kernel: np.ndarray, strides: tuple, dilation: tuple
) -> np.ndarray:
    """Return the plain convolution of padded (N, C, …) with (O, C, …)."""
    places = windows_of(x[0, 0], kernel.shape[2:], strides, dilation)
    space = np.max([place for place, _ in places], axis=0) + 1
    made = np.zeros((len(x), len(kernel), *space))
    for n, o, c in np.ndindex(len(x), len(kernel), x.shape[1]):
        for place, window in windows_of(x[n, c], kernel.shape[2:], strides, dilation):
            made[(n, o, *place)] += np.sum(window * kernel[o, c])
    return made


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("padding", ["valid", [(1, 2), (0, 1)]])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
def test_window_scatter(name: str, padding: object, strides: tuple) -> None:
    x, shape = RNG.standard_normal((6, 8)), (2, 3)
    options = {"strides": strides, "padding": padding}
    source = RNG.standard_normal(
        getattr(dn, f"window_{name}")(x, shape, **options).shape
    )
    got = getattr(dn, f"window_scatter_{name}")(x, source, shape, initial=2, **options)
    wanted = np.full(x.shape, 2.0)
    fill = -np.inf if name == "max" else np.inf
    pairs = [(0, 0), (0, 0)] if padding == "valid" else padding
    padded = np.pad(x, pairs, constant_values=fill)
    places = np.pad(np.arange(x.size).reshape(x.shape), pairs, constant_values=-1)
    at = dict(windows_of(places, shape, strides, (1, 1)))
    for place, window in windows_of(padded, shape, strides, (1, 1)):
        chosen = at[place].flat[getattr(np, f"arg{name}")(window)]
        if chosen >= 0:  # else the window has nothing but padding
            wanted.flat[chosen] += source[place]
    same(got, wanted)


def test_window_scatter_of_ties_and_of_the_gradient() -> None:
    x = np.array([1, 1, 2, 2])
    got = dn.window_scatter_max(x, np.array([5, 7]), (2,), strides=2)
    np.testing.assert_array_equal(got, [5, 0, 7, 0])

    def pooled(x):
        return dn.sum(dn.window_max(x, (2, 2), strides=2) ** 2)

    x = RNG.standard_normal((4, 6))
    twice = 2 * dn.window_max(x, (2, 2), strides=2)
    spread = dn.window_scatter_max(x, twice, (2, 2), strides=2)
    np.testing.assert_allclose(dn.grad(pooled)(x), spread)


def test_conv() -> None:
    x, kernel = RNG.standard_normal((2, 3, 5, 6)), RNG.standard_normal((4, 3, 2, 3))
    got = dn.conv(
        x, kernel, strides=(1, 2), padding=[(1, 0), (-1, 2)], kernel_dilation=(2, 1)
    )
    padded = np.pad(x[..., 1:], [(0, 0), (0, 0), (1, 0), (0, 2)])
    same(got, convolved(padded, kernel, (1, 2), (2, 1)))


def test_conv_of_spread_elements_in_one_axis() -> None:
    x, kernel = RNG.standard_normal((1, 2, 4)), RNG.standard_normal((3, 2, 3))
    spread = np.zeros((1, 2, 10))
    spread[:, :, ::3] = x
    same(dn.conv(x, kernel, input_dilation=3), convolved(spread, kernel, (1,), (1,)))


@pytest.mark.parametrize("size", [5, 6])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_conv_same_depends_on_the_stride(size: int, stride: int) -> None:
    x, kernel = RNG.standard_normal((1, 1, size)), RNG.standard_normal((1, 1, 3))
    count = -(-size // stride)
    padded = np.pad(x, [(0, 0), (0, 0), same_padding(size, 3, stride)])
    got = dn.conv(x, kernel, strides=stride, padding="same")
    assert got.shape == (1, 1, count)
    same(got, convolved(padded, kernel, (stride,), (1,)))


def test_conv_in_groups_and_layouts() -> None:
    x, kernel = RNG.standard_normal((4, 4, 5)), RNG.standard_normal((6, 2, 3))
    halves = [
        convolved(x[:, 2 * g : 2 * g + 2], kernel[3 * g : 3 * g + 3], (1,), (1,))
        for g in range(2)
    ]
    same(dn.conv(x, kernel, feature_group_count=2), np.concatenate(halves, 1))
    kernel = RNG.standard_normal((6, 4, 3))
    halves = [
        convolved(x[2 * g : 2 * g + 2], kernel[3 * g : 3 * g + 3], (1,), (1,))
        for g in range(2)
    ]
    same(dn.conv(x, kernel, batch_group_count=2), np.concatenate(halves, 1))
    last = dn.conv(
        np.moveaxis(x, 1, -1), np.transpose(kernel), layout=("NWC", "WIO", "NWC")
    )
    same(last, np.moveaxis(convolved(x, kernel, (1,), (1,)), 1, -1))


def test_conv_of_what_does_not_fit() -> None:
    with pytest.raises(dn.DefnShapeError, match="3 channels meet 1 groups of 2"):
        dn.conv(np.ones((1, 3, 5)), np.ones((1, 2, 2)))
    with pytest.raises(dn.DefnShapeError, match="do not have the axes NHWC"):
        dn.conv(np.ones((1, 3, 5)), np.ones((1, 3, 2)), layout=("NHWC", "HWIO", "NHWC"))
