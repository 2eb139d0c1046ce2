"""Samples of continuous distributions; the key comes first.

Values are those of JAX's default generator for the same key, shape and dtype, up
to the rounding of the functions applied.  `dtype` is a float; the default is f32.
"""

from __future__ import annotations

import math
from typing import Any

import defnpy as dn
from defnpy import defn
from defnpy.random.threefry import as_shape, bits, is_dtype

# For each float: the unsigned integer its bits are drawn from, the width of that,
# the bits of its mantissa, and its smallest normal number.
_LAYOUTS = (
    ("f16", "u16", 16, 10, 2.0**-14),
    ("bf16", "u8", 8, 7, 2.0**-126),
    ("f32", "u32", 32, 23, 2.0**-126),
    ("f64", "u64", 64, 52, 2.0**-1022),
)


@defn(static=("shape", "dtype"))
def uniform(
    key: Any,
    shape: Any = (),
    dtype: Any = None,
    minval: Any = 0.0,
    maxval: Any = 1.0,
) -> Any:
    """Return samples of [minval, maxval), in steps of 2^-m with m bits of mantissa.

    As in JAX, rounding may reach `maxval` where it is large beside the difference.

    >>> dn.random.uniform(dn.random.key(1701)).round(6)
    np.float32(0.258738)
    """
    name, drawn, width, mantissa, _ = layout(dtype)
    whole = bits(key, shape, drawn) >> (width - mantissa)
    unit = dn.astype(whole, name) * 2.0**-mantissa
    low, high = dn.astype(minval, name), dn.astype(maxval, name)
    made = dn.maximum(low, unit * (high - low) + low)
    return _of_shape(made, as_shape(shape))


@defn(static=("shape", "dtype"))
def normal(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Return samples of the standard normal distribution: √2 erf⁻¹ of (-1, 1).

    >>> dn.random.normal(dn.random.key(0), (2,)).round(4)
    array([1.6226, 2.0253], dtype=float32)
    """
    mantissa = layout(dtype)[3]
    above = -1.0 + 2.0 ** -(mantissa + 1)  # the next float after -1
    return math.sqrt(2.0) * dn.erfinv(uniform(key, shape, dtype, above, 1.0))


@defn(static=("shape", "dtype"))
def truncated_normal(
    key: Any, lower: Any, upper: Any, shape: Any = None, dtype: Any = None
) -> Any:
    """Return samples of the standard normal distribution within (lower, upper).

    The shape is by default that of the two bounds together.

    >>> samples = dn.random.truncated_normal(dn.random.key(0), -1.0, 1.0, (100,))
    >>> bool((abs(samples) <= 1).all())
    True
    """
    name = layout(dtype)[0]
    low, high = dn.astype(lower, name), dn.astype(upper, name)
    wanted = dn.broadcast_shapes(low.shape, high.shape) if shape is None else shape
    from_, to = dn.erf(low / math.sqrt(2.0)), dn.erf(high / math.sqrt(2.0))
    made = math.sqrt(2.0) * dn.erfinv(uniform(key, wanted, dtype, from_, to))
    # Rounding may reach the bounds; they are not in the interval.
    low, high = dn.stop_gradient(low), dn.stop_gradient(high)
    return dn.clip(made, dn.nextafter(low, dn.inf), dn.nextafter(high, -dn.inf))


@defn(static=("shape", "dtype"))
def exponential(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Return samples of the exponential distribution of rate 1.

    >>> dn.random.exponential(dn.random.key(0), (1000,)).mean().round(1)
    np.float32(1.0)
    """
    return -dn.log1p(-uniform(key, shape, dtype))


@defn(static=("shape", "dtype"))
def gumbel(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Return samples of the standard Gumbel distribution, -log(-log u).

    >>> dn.random.gumbel(dn.random.key(0), (2,)).shape
    (2,)
    """
    tiny = layout(dtype)[4]
    return -dn.log(-dn.log(uniform(key, shape, dtype, tiny, 1.0)))


@defn(static=("shape", "dtype"))
def laplace(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Return samples of the Laplace distribution of scale 1.

    >>> dn.random.laplace(dn.random.key(0), (2,)).shape
    (2,)
    """
    mantissa = layout(dtype)[3]
    above = -1.0 + 2.0 ** -(mantissa + 1)
    u = uniform(key, shape, dtype, above, 1.0)
    return dn.sign(u) * dn.log1p(-abs(u))


def layout(dtype: Any) -> tuple[str, str, int, int, float]:
    """Return how samples of a float dtype are made; None is the default float.

    >>> layout("f32")[:4]
    ('f32', 'u32', 32, 23)
    """
    wanted = dn.zeros(()).dtype if dtype is None else dtype
    for known in _LAYOUTS:
        if is_dtype(wanted, known[0]):
            return known
    raise dn.DefnTypeError(f"samples are of a float dtype, not {dtype}")


def _of_shape(samples: Any, shape: tuple[int, ...]) -> Any:
    if samples.shape != shape:
        raise dn.DefnShapeError(
            f"bounds of shape {samples.shape} do not fit samples of shape {shape}"
        )
    return samples
