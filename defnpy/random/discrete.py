"""Samples of discrete distributions, permutations and choices; the key comes first.

Values are those of JAX's default generator for the same key, shape and dtype.
"""

from __future__ import annotations

import math
from typing import Any

import defnpy as dn
from defnpy import defn
from defnpy.random.continuous import gumbel, uniform
from defnpy.random.threefry import as_shape, bits, is_dtype, split

# For each integer dtype: the one it is sampled in, and the words that are drawn.
# Those below 32 bits are sampled in 32, so that they are not biased.
_INTEGERS = {
    **{name: ("i32", "u32", 32) for name in ("i8", "u8", "i16", "u16", "i32")},
    "u32": ("u32", "u32", 32),
    "i64": ("i64", "u64", 64),
    "u64": ("u64", "u64", 64),
}


@defn(static=("shape", "dtype"))
def randint(key: Any, shape: Any, minval: Any, maxval: Any, dtype: Any = "i32") -> Any:
    """Return integers of [minval, maxval), each as likely as the others.

    Two words are drawn for each, so the bias is below 2^-32 in 32 bits.

    >>> dn.random.randint(dn.random.key(1701), (3, 2), 1, 100, "u32")
    array([[62, 66],
           [31, 81],
           [65, 30]], dtype=uint32)
    """
    sampled, unsigned, width = _integer(dtype)
    shape = as_shape(shape)
    low = dn.reshape(dn.broadcast_to(dn.astype(minval, sampled), shape), (-1,))
    high = dn.reshape(dn.broadcast_to(dn.astype(maxval, sampled), shape), (-1,))
    assert dn.all(low < high), "randint needs minval < maxval"
    keys = split(key)
    more, less = bits(keys[0], low.shape, unsigned), bits(keys[1], low.shape, unsigned)
    span = dn.astype(high - low, unsigned)
    # 2^width modulo span, by way of its root, which fits.
    root = dn.full(low.shape, 2 ** (width // 2), unsigned) % span
    offset = ((more % span) * ((root * root) % span) + less % span) % span
    return dn.astype(dn.reshape(low + dn.astype(offset, sampled), shape), dtype)


@defn(static=("shape",))
def bernoulli(key: Any, p: Any = 0.5, shape: Any = None) -> Any:
    """Return bools that hold with probability `p`; the shape is p's by default.

    >>> dn.random.bernoulli(dn.random.key(0), 0.9, (1000,)).mean().round(1)
    np.float64(0.9)
    """
    p = dn.multiply(dn.asarray(p), 1.0)
    return uniform(key, p.shape if shape is None else shape, p.dtype) < p


@defn(static=("axis", "shape"))
def categorical(key: Any, logits: Any, axis: int = -1, shape: Any = None) -> Any:
    """Return indices (i64) along `axis`, with probabilities softmax(logits).

    Args:
        key: the key.
        logits: unnormalised logs of probabilities.
        axis: the axis of the categories.
        shape: the shape of the result; it must end in the shape of the logits
            without `axis`, which is its default.

    >>> dn.random.categorical(dn.random.key(0), np.array([-np.inf, 0.0]), shape=(3,))
    array([1, 1, 1])
    """
    axis = axis % logits.ndim
    rest = logits.shape[:axis] + logits.shape[axis + 1 :]
    wanted = rest if shape is None else as_shape(shape)
    more = len(wanted) - len(rest)
    if more < 0 or wanted[more:] != rest:
        raise dn.DefnShapeError(f"shape {wanted} does not end in {rest}")
    drawn = (*wanted[:more], *logits.shape)
    return dn.argmax(gumbel(key, drawn, logits.dtype) + logits, axis=axis + more)


def permutation(key: Any, x: Any, axis: int = 0, *, independent: bool = False) -> Any:
    """Return `x` shuffled along `axis`; an int n stands for 0 … n - 1.

    Args:
        key: the key.
        x: an array, or an int.
        axis: the axis along which elements move.
        independent: whether each line along the axis is shuffled on its own.

    >>> dn.random.permutation(dn.random.key(0), 5)
    array([0, 1, 4, 3, 2])
    """
    if isinstance(x, int):
        return _shuffled_range(key, x)
    return shuffle(key, x, axis=axis, independent=independent)


@defn
def shuffle(key: Any, x: Any, *, axis: int = 0, independent: bool = False) -> Any:
    """Return an array shuffled along `axis`, as `permutation` does.

    >>> dn.random.shuffle(dn.random.key(0), np.arange(5) * 10)
    array([ 0, 10, 40, 30, 20])
    """
    axis = axis % x.ndim
    if not independent:
        return dn.take(x, _shuffled_range(key, x.shape[axis]), axis=axis)
    for words in _sort_words(key, x.shape):
        x = dn.take_along_axis(x, dn.argsort(words, axis=axis), axis=axis)
    return x


def choice(
    key: Any,
    a: Any,
    shape: Any = (),
    replace: bool = True,
    p: Any = None,
    axis: int = 0,
) -> Any:
    """Return a sample of the rows of an array, or of 0 … a - 1.

    Args:
        key: the key.
        a: an array, or an int.
        shape: the shape of the sample.
        replace: whether a row may be chosen more than once.
        p: the probabilities of the rows; all are alike by default.
        axis: the axis whose rows are chosen.

    >>> dn.random.choice(dn.random.key(0), 3, (2,), p=np.array([0.0, 1.0, 0.0]))
    array([1, 1])
    """
    if isinstance(a, int):
        return _chosen(key, p, size=a, shape=as_shape(shape), replace=replace)
    size = a.shape[axis]
    chosen = _chosen(key, p, size=size, shape=as_shape(shape), replace=replace)
    return dn.take(a, chosen, axis=axis)


@defn
def _chosen(
    key: Any, p: Any, *, size: int, shape: tuple[int, ...], replace: bool
) -> Any:
    drawn = math.prod(shape)
    if not replace and drawn > size:
        raise dn.DefnValueError(f"cannot choose {drawn} of {size} without replacement")
    if p is None and replace:
        return dn.astype(randint(key, shape, 0, size), "i64")
    if p is None:
        return dn.reshape(_shuffled_range(key, size)[:drawn], shape)
    p = dn.multiply(p, 1.0)
    if p.shape != (size,):
        raise dn.DefnShapeError(f"p has shape {p.shape}; there are {size} rows")
    if replace:
        total = dn.cumulative_sum(p)
        r = total[-1] * (1.0 - uniform(key, shape, p.dtype))
        return dn.searchsorted(total, r)
    scores = gumbel(key, (size,), p.dtype) + dn.log(p)
    return dn.reshape(dn.argsort(-scores)[:drawn], shape)


@defn(static=("n",))
def _shuffled_range(key: Any, n: int) -> Any:
    x = dn.arange(n)
    for words in _sort_words(key, (n,)):
        x = dn.take(x, dn.argsort(words))
    return x


def _sort_words(key: Any, shape: tuple[int, ...]) -> list[Any]:
    """Return the words to sort by, one array a round: enough to make ties rare."""
    size = max(1, math.prod(shape))
    rounds = math.ceil(3 * math.log(size) / math.log(2**32 - 1))
    made = []
    for _ in [None] * rounds:
        keys = split(key)
        key = keys[0]
        made.append(bits(keys[1], shape))
    return made


def _integer(dtype: Any) -> tuple[str, str, int]:
    for name, sampled in _INTEGERS.items():
        if is_dtype(dtype, name):
            return sampled
    raise dn.DefnTypeError(f"randint returns integers, not {dtype}")
