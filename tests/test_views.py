"""Products of matrices that see memory another way, and convolutions, which do."""

import itertools

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn, grad
from defnpy.passes.lower.views import joined, split

pytestmark = pytest.mark.cpu


def drawn(*shape: int, dtype: str = "f4") -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


def temporaries(function: object, *args: object) -> int:
    """Return the bytes a program takes besides its arguments and results."""
    return function.lower(*args).compile().memory["temporaries"]  # type: ignore[attr-defined]


def test_a_table_is_a_sum_of_its_axes_or_not() -> None:
    table = np.add.outer(np.arange(3) * 5, np.arange(4)) + 7
    parts = split(table)
    assert parts is not None
    assert (joined(parts).reshape(3, 4) == table).all()
    table[1, 2] += 1
    assert split(table) is None
    assert split(np.zeros((0, 3), np.int64)) is None


SEEN = {
    "transposed": lambda x: x.T,
    "sliced": lambda x: x[3:63:2, 5:65],
    "reversed": lambda x: x[::-1, ::-1],
    "rows reversed": lambda x: x[::-1],
    "broadcast": lambda x: dn.broadcast_to(x[:1, :60], (60, 60)),
    "new axes": lambda x: dn.expand_dims(x, 0)[0, 2:62],
    "taken": lambda x: x[np.array([1, 3, 5, 7, 9] * 12)],
}


@pytest.mark.parametrize(("first", "second"), list(itertools.product(SEEN, SEEN)))
def test_products_of_views(first: str, second: str) -> None:
    see, other = SEEN[first], SEEN[second]
    x, y = drawn(66, 66), drawn(66, 67)
    a, b = defn(lambda x: see(x))(x), defn(lambda y: other(y))(y)
    k = min(a.shape[1], b.shape[0])
    program = defn(lambda x, y: see(x)[:, :k] @ other(y)[:k])
    wanted = a[:, :k].astype("f8") @ b[:k].astype("f8")
    np.testing.assert_allclose(program(x, y), wanted, 1e-4, 1e-4)
    np.testing.assert_allclose(program.evaluate(x, y), wanted, 1e-4, 1e-4)


def test_heads_of_attention_are_read_where_they_lie() -> None:
    def scores(q: object, k: object) -> object:
        heads = (dn.moveaxis(dn.reshape(e, (2, 40, 4, 16)), 2, 1) for e in (q, k))
        first, second = heads
        return first @ dn.swapaxes(second, -1, -2)

    program, q, k = defn(scores), drawn(2, 40, 64), drawn(2, 40, 64) + 1
    parts = [np.moveaxis(e.reshape(2, 40, 4, 16), 2, 1) for e in (q, k)]
    wanted = parts[0] @ np.swapaxes(parts[1], -1, -2)
    np.testing.assert_allclose(program(q, k), wanted, 1e-4, 1e-4)
    assert temporaries(program, q, k) == 0


def oracle(
    x: np.ndarray, w: np.ndarray, stride: int, dilation: int, groups: int
) -> np.ndarray:
    """Return the convolution of padded images, one place of the kernel at a time."""
    (count, _, *size), (out, inside, *kernel) = x.shape, w.shape
    space = [
        (s - (k - 1) * dilation - 1) // stride + 1
        for s, k in zip(size, kernel, strict=True)
    ]
    made = np.zeros((count, out, *space))
    for place in itertools.product(*map(range, kernel)):
        part = x[
            (
                ...,
                *(
                    slice(p * dilation, p * dilation + (n - 1) * stride + 1, stride)
                    for p, n in zip(place, space, strict=True)
                ),
            )
        ]
        for g in range(groups):
            rows = slice(g * out // groups, (g + 1) * out // groups)
            weights = w[(rows, slice(None), *place)]
            seen = part[:, g * inside : (g + 1) * inside]
            made[:, rows] += np.einsum("oi,ni...->no...", weights, seen)
    return made


CASES = [
    (shape, kernel, stride, dilation, groups)
    for shape, kernel in (
        ((2, 6, 9, 11), (3, 6, 3, 3)),
        ((3, 6, 20), (9, 6, 5)),
        ((1, 6, 5, 6, 7), (6, 6, 2, 1, 3)),
        ((5, 6, 30, 31), (12, 6, 3, 5)),
    )
    for stride, dilation, groups in ((1, 1, 1), (2, 1, 3), (1, 2, 3), (3, 1, 1))
]


@pytest.mark.parametrize("case", CASES)
def test_convolutions_and_their_gradients(case: tuple) -> None:
    shape, kernel, stride, dilation, groups = case
    x, w = drawn(*shape, dtype="f8"), drawn(*kernel, dtype="f8")[:, : 6 // groups]

    def conv(x: object, w: object) -> object:
        return dn.conv(
            x, w, strides=stride, kernel_dilation=dilation, feature_group_count=groups
        )

    wanted = oracle(x, w, stride, dilation, groups)
    np.testing.assert_allclose(defn(conv)(x, w), wanted, 1e-11, 1e-11)
    # The convolution is linear in x and in w, so gradients of its product with `ct`
    # are exact, whatever the step of the difference.
    ct = drawn(*wanted.shape, dtype="f8")
    loss = defn(lambda x, w: dn.sum(conv(x, w) * ct))
    for number, of in enumerate((x, w)):
        made, step = grad(loss, argnums=number)(x, w), drawn(*of.shape, dtype="f8")
        moved = (x + step, w) if number == 0 else (x, w + step)
        change = np.sum(oracle(*moved, stride, dilation, groups) * ct) - np.sum(
            wanted * ct
        )
        np.testing.assert_allclose(np.sum(made * step), change, 1e-9, 1e-9)


def test_windows_are_not_copied() -> None:
    program = defn(lambda x, w: dn.conv(x, w))
    for images in (3, 5, 8):  # the second size makes a program for any
        x, w = drawn(images, 16, 20, 20), drawn(24, 16, 3, 3)
        np.testing.assert_allclose(program(x, w), oracle(x, w, 1, 1, 1), 1e-3, 1e-3)
    assert len(program.variants()) == 2
    assert temporaries(program, x, w) == 0


@pytest.mark.parametrize("kernels", [False, True])
def test_lanes_of_convolutions(*, kernels: bool) -> None:
    x, w = drawn(4, 2, 6, 9, 8), drawn(4, 8, 3, 3, 3)
    conv = defn(lambda x, w: dn.conv(x, w, feature_group_count=2))
    made = dn.vmap(conv, in_axes=(0, 0 if kernels else None))(x, w if kernels else w[1])
    pairs = zip(x, w if kernels else [w[1]] * 4, strict=True)
    wanted = np.stack([oracle(*pair, 1, 1, 2) for pair in pairs])
    np.testing.assert_allclose(made, wanted, 1e-4, 1e-4)
