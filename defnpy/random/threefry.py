"""Random bits from explicit keys: the counter-based generator Threefry-2x32-20.

Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", 2011.  Element i
is the cipher of the number i under the key, so bits do not depend on threads or on
the order of evaluation; the stream is that of JAX's default generator.
"""

from __future__ import annotations

import math
from typing import Any

import defnpy as dn
from defnpy import defn

# Rotations of the five blocks of four rounds, and the constant of the third key.
_EVEN, _ODD = (13, 15, 26, 6), (17, 29, 16, 24)
_ROTATIONS = (_EVEN, _ODD, _EVEN, _ODD, _EVEN)
_PARITY = 0x1BD11BDA


@defn
def key(seed: Any) -> Any:
    """Return the key u32[2] of an integer seed: its high and low 32 bits.

    >>> dn.random.key(42)
    array([ 0, 42], dtype=uint32)
    """
    seed = dn.asarray(seed)
    if seed.dtype.kind not in "iu" or seed.ndim:
        raise dn.DefnTypeError("a seed is one integer")
    seed = dn.astype(seed, "u64")
    words = dn.stack([dn.right_shift(seed, 32), dn.bitwise_and(seed, 0xFFFFFFFF)])
    return dn.astype(words, "u32")


@defn(static=("num",))
def split(key: Any, num: int = 2) -> Any:
    """Return `num` new keys, u32[num, 2]; use each once, and `key` no more.

    >>> dn.random.split(dn.random.key(1701))
    array([[ 741045208, 1847055613],
           [  85238482, 2594297577]], dtype=uint32)
    """
    return dn.stack(_cipher_of_counters(key, num), axis=-1)


@defn
def fold_in(key: Any, data: Any) -> Any:
    """Return the key u32[2] that belongs to `key` and an integer, such as a step.

    >>> dn.random.fold_in(dn.random.key(0), 1)
    array([ 928981903, 3453687069], dtype=uint32)
    """
    word = dn.reshape(dn.astype(dn.asarray(data), "u32"), (1,))
    high, low = _cipher(_checked(key), dn.zeros(1, "u32"), word)
    return dn.concatenate([high, low])


@defn(static=("shape", "dtype"))
def bits(key: Any, shape: Any = (), dtype: Any = "u32") -> Any:
    """Return uniform unsigned integers of `dtype`.

    >>> dn.random.bits(dn.random.key(0), (2,))
    array([4070199207, 4202968722], dtype=uint32)
    """
    high, low = _cipher_of_counters(key, math.prod(as_shape(shape)))
    if is_dtype(dtype, "u64"):
        made = (dn.astype(high, "u64") << 32) | dn.astype(low, "u64")
    elif is_dtype(dtype, "u32"):
        made = high ^ low
    elif is_dtype(dtype, "u16"):
        made = dn.astype((high ^ low) & 0xFFFF, "u16")
    elif is_dtype(dtype, "u8"):
        made = dn.astype((high ^ low) & 0xFF, "u8")
    else:
        raise dn.DefnTypeError(f"random bits are unsigned integers, not {dtype}")
    return dn.reshape(made, as_shape(shape))


def as_shape(shape: Any) -> tuple[int, ...]:
    """Return a shape given as an int or a sequence.

    >>> as_shape(3), as_shape([2, 3])
    ((3,), (2, 3))
    """
    sizes = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    if any(isinstance(size, str | float) for size in sizes):
        raise dn.DefnTypeError("a shape is an int or a tuple of ints")
    return sizes


def is_dtype(dtype: Any, name: str) -> bool:
    """Return whether two dtypes are one, however they are given.

    >>> is_dtype(np.float32, "f32")
    True
    """
    return dn.result_type(dtype) == dn.result_type(name)


def _checked(key: Any) -> Any:
    if key.shape != (2,) or not is_dtype(key.dtype, "u32"):
        raise dn.DefnTypeError(
            f"a key is u32[2], not {key.dtype} of shape {key.shape}; "
            "dn.random.key(seed) makes one, and keys[i] is one of dn.random.split's"
        )
    return key


def _cipher_of_counters(key: Any, size: int) -> tuple[Any, Any]:
    """Return the ciphers of the 64-bit numbers 0, 1, … as high and low words."""
    if size > 2**32:
        raise dn.DefnValueError(f"{size} random numbers at once are more than 2^32")
    return _cipher(_checked(key), dn.zeros(size, "u32"), dn.arange(size, dtype="u32"))


def _cipher(key: Any, high: Any, low: Any) -> tuple[Any, Any]:
    """Return Threefry-2x32-20 of vectors of words; sums wrap."""
    keys = (key[0], key[1], key[0] ^ key[1] ^ _PARITY)
    x, y = high + keys[0], low + keys[1]
    for block, rotations in enumerate(_ROTATIONS):
        for rotation in rotations:
            x = x + y
            y = ((y << rotation) | (y >> (32 - rotation))) ^ x
        x = x + keys[(block + 1) % 3]
        y = y + keys[(block + 2) % 3] + (block + 1)
    return x, y
