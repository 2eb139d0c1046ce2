"""Arrays drawn for comparisons with NumPy: dtypes, shapes, layouts, special values."""

from dataclasses import dataclass

import ml_dtypes
import numpy as np
from hypothesis import strategies as st

DTYPES = {
    "b": (np.bool_,),
    "i": (np.int8, np.int16, np.int32, np.int64),
    "u": (np.uint8, np.uint16, np.uint32, np.uint64),
    "f": (np.float16, ml_dtypes.bfloat16, np.float32, np.float64),
    "c": (np.complex64, np.complex128),
}
LAYOUTS = (
    *("contiguous", "transposed", "strided", "backwards", "swapped", "read-only"),
    "shifted",
)
# What shares of the elements are special values.
SHARES = (0.0, 0.0, 0.3, 1.0)


@dataclass(frozen=True)
class Wanted:
    """What arrays a function is compared on.

    Attributes:
        kinds: kinds of dtype, of ``b i u f c``.
        low: the least common element, of floats.
        high: the greatest common element.
        special: whether there are NaN, infinities and extremes.
        huge: whether the extremes are among them.
        least_rank: the least number of axes.
        least_size: the least size of an axis.
    """

    kinds: str = "biuf"
    low: float = -5.0
    high: float = 5.0
    special: bool = True
    huge: bool = True
    least_rank: int = 0
    least_size: int = 0


def special_values(dtype: np.dtype, huge: bool) -> np.ndarray:
    """Return the values of a dtype where functions are odd."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        few = [0, 1, 2, info.bits - 1] + ([-1, -2] if dtype.kind == "i" else [])
        extremes = [info.min, info.min + 1, info.max, info.max - 1] if huge else []
        return np.array([*few, *extremes]).astype(dtype)
    info = ml_dtypes.finfo(dtype)
    odd = [0.0, -0.0, 1.0, -1.0, 0.5, np.nan, np.inf, -np.inf]
    if huge:
        odd += [float(e) for e in (info.max, info.min, info.smallest_normal)]
        odd += [float(e) for e in (info.smallest_subnormal, -info.smallest_subnormal)]
    with np.errstate(all="ignore"):
        return np.array(odd).astype(dtype)


def values(seed: int, dtype: object, shape: tuple, wanted: Wanted) -> np.ndarray:
    """Return elements drawn from a seed."""
    rng, made = np.random.default_rng(seed), np.dtype(dtype)
    if made.kind == "c":
        part = np.float32 if made.itemsize == 8 else np.float64
        finite = Wanted("f", wanted.low, wanted.high, special=False)
        parts = (values(seed + k, part, shape, finite) for k in (0, 1))
        return (next(parts) + 1j * next(parts)).astype(made)
    with np.errstate(all="ignore"):
        return _real_values(rng, made, shape, wanted, SHARES[seed % len(SHARES)])


def _real_values(
    rng: np.random.Generator, made: np.dtype, shape: tuple, wanted: Wanted, share: float
) -> np.ndarray:
    low = max(wanted.low, 0) if made.kind in "bu" else wanted.low
    if made.kind in "iu":
        found = rng.integers(int(low), int(wanted.high) + 1, shape)
    elif made.kind == "b":
        found = rng.integers(0, 2, shape)
    else:
        found = rng.uniform(low, wanted.high, shape)
    found = np.asarray(found).astype(made)
    if wanted.special:
        odd = rng.choice(special_values(made, wanted.huge), shape)
        found = np.where(rng.uniform(size=shape) < share, odd, found).astype(made)
    return np.asarray(found)


def laid_out(x: np.ndarray, layout: str) -> np.ndarray:
    """Return an array of the same elements that lies otherwise in memory."""
    if layout == "transposed" and x.ndim:
        return np.ascontiguousarray(x.T).T
    if layout == "strided" and x.ndim:
        made = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)[..., ::2]
        made[...] = x
        return made
    if layout == "backwards" and x.ndim:
        made = np.ascontiguousarray(x[::-1])
        return made[::-1]
    if layout == "swapped" and x.dtype.kind in "iufc" and x.dtype.itemsize > 1:
        return np.asarray(x.astype(x.dtype.newbyteorder()))
    if layout == "shifted" and x.size:  # not aligned
        raw = np.zeros(x.nbytes + 1, np.uint8)[1:]
        made = raw.view(x.dtype).reshape(x.shape)
        made[...] = x
        return made
    made = np.array(x)
    if layout == "read-only":
        made.flags.writeable = False
    return made


def shapes(wanted: Wanted, most: int = 4) -> st.SearchStrategy[tuple[int, ...]]:
    """Return shapes of up to `most` axes, small, empty ones among them."""
    size = st.integers(wanted.least_size, 4)
    return st.lists(size, min_size=wanted.least_rank, max_size=most).map(tuple)


def dtypes(wanted: Wanted) -> st.SearchStrategy[object]:
    """Return dtypes of the kinds that are wanted."""
    return st.sampled_from([each for kind in wanted.kinds for each in DTYPES[kind]])


@st.composite
def arrays(
    draw: st.DrawFn,
    wanted: Wanted,
    shape: tuple | None = None,
    dtype: object | None = None,
) -> np.ndarray:
    """Return an array; its shape and dtype may be given."""
    made = np.dtype(draw(dtypes(wanted)) if dtype is None else dtype)
    sizes = draw(shapes(wanted)) if shape is None else shape
    x = values(draw(st.integers(0, 2**16)), made, sizes, wanted)
    return laid_out(x, draw(st.sampled_from(LAYOUTS)))


@st.composite
def pairs(draw: st.DrawFn, wanted: Wanted) -> tuple[np.ndarray, np.ndarray]:
    """Return two arrays whose shapes broadcast, of one dtype or of two."""
    whole = draw(shapes(wanted))
    cut = tuple(draw(st.sampled_from([size, 1])) for size in whole)
    cut = cut[draw(st.integers(0, len(cut))) :]
    first, second = draw(st.sampled_from([(whole, cut), (cut, whole)]))
    one = draw(dtypes(wanted))
    other = draw(st.sampled_from([one, None]))
    return draw(arrays(wanted, first, one)), draw(arrays(wanted, second, other))
