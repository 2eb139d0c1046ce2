"""Public functions that make, move, select and reduce, beside NumPy and SciPy."""

import numpy as np
import pytest
from public_cases import AS_NUMPY, M, X
from scipy import special, stats

import defnpy as dn

pytestmark = pytest.mark.pure

RNG = np.random.default_rng(1)


def same(got: object, wanted: object, rtol: float = 1e-12) -> None:
    """Compare dtype, shape and values; tuples item by item."""
    if isinstance(wanted, tuple | list):
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            same(one, other, rtol)
        return
    wanted = np.asarray(wanted)
    assert got.dtype == wanted.dtype, (got.dtype, wanted.dtype)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol)
    assert np.shape(got) == wanted.shape


CASES = [
    pytest.param(name, *case, id=f"{name}-{k}")
    for name, cases in AS_NUMPY.items()
    for k, case in enumerate(cases)
]


@pytest.mark.parametrize(("name", "args", "options"), CASES)
def test_as_numpy(name: str, args: tuple, options: dict) -> None:
    same(getattr(dn, name)(*args, **options), getattr(np, name)(*args, **options))


@pytest.mark.parametrize("dtype", [None, "f64", "i32", np.uint8, "bool", float])
@pytest.mark.parametrize("name", ["zeros", "ones", "empty"])
def test_filled(name: str, dtype: object) -> None:
    wanted = {None: "float32", "f64": "float64", "i32": "int32"}.get(dtype, dtype)
    got = getattr(dn, name)((2, 0, 3), dtype=dtype)
    assert got.dtype == np.dtype(wanted) and got.shape == (2, 0, 3)
    assert getattr(dn, name)(2, dtype).tolist() == [name == "ones"] * 2
    assert dn.empty_like(M).dtype == M.dtype and dn.empty_like(M).shape == M.shape


RANGES = [(5,), (2, 7), (7, 2, -2), (0, 1, 0.25), (1, 0, -0.5), (3, 3), (2, 9, 4)]


@pytest.mark.parametrize("bounds", RANGES)
@pytest.mark.parametrize("dtype", [None, "f64", "i8"])
def test_arange(bounds: tuple, dtype: str | None) -> None:
    whole = all(isinstance(each, int) for each in bounds)
    natural = np.int64 if whole else np.float32
    wanted = {None: natural, "f64": np.float64, "i8": np.int8}[dtype]
    if not whole and dtype == "i8":
        return
    same(dn.arange(*bounds, dtype=dtype), np.arange(*bounds).astype(wanted), 1e-6)


def test_arange_counts_down_in_unsigned_integers() -> None:
    same(dn.arange(3, 0, -1, dtype="u8"), np.array([3, 2, 1], np.uint8))
    with pytest.raises(dn.DefnValueError, match="step"):
        dn.arange(0, 1, 0)


@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("num", [0, 1, 2, 11])
def test_linspace(num: int, endpoint: bool) -> None:
    options = {"num": num, "endpoint": endpoint}
    wanted = np.linspace(-1, 0.3, **options)
    same(dn.linspace(-1, 0.3, **options), wanted.astype(np.float32), 1e-6)
    same(dn.linspace(-1, 0.3, dtype="f64", **options), wanted, 1e-14)
    stops = np.array([1.0, 3.0])
    same(dn.linspace(0, stops, **options), np.linspace(0, stops, **options))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", [None, "i32", "u8"])
def test_linspace_of_arrays(axis: int, dtype: str | None) -> None:
    low, high = np.array([0.0, 10.0]), np.array([10.0, 100.0])
    got = dn.linspace(low, high, 10, axis=axis, dtype=dtype)
    wanted = np.linspace(low, high, 10, axis=axis, dtype=got.dtype)
    np.testing.assert_allclose(got, wanted)


@pytest.mark.parametrize("args", [(3,), (2, 4)])
@pytest.mark.parametrize("k", [-1, 0, 2])
def test_eye(args: tuple[int, ...], k: int) -> None:
    same(dn.eye(*args, k=k), np.eye(*args, k=k, dtype=np.float32))


def test_one_hot() -> None:
    x = np.array([[0, 2], [1, 5]])
    wanted = np.where(np.arange(3) == x[..., None], 1.0, 0.0)
    same(dn.one_hot(x, 3), wanted.astype(np.float32))
    same(dn.one_hot(x, 3, axis=0, dtype="i8"), np.moveaxis(wanted, -1, 0).astype("i1"))
    with pytest.raises(dn.DefnTypeError, match="integers"):
        dn.one_hot(np.ones(2), 3)


TENSORS = [
    ([[200, 100]], np.int64),
    ([200.0, 100], np.float32),
    ([[True], [False]], np.bool_),
    ([], np.float32),
    (3, np.int64),
    (2.5, np.float32),
    (np.float64(2.5), np.float64),
    (np.arange(3, dtype=np.int8), np.int8),
    ([np.float64(1), 2], np.float64),
    ([np.ones(2), [1, 2]], np.float64),
    (1j, np.complex64),
]


@pytest.mark.parametrize(("value", "dtype"), TENSORS)
def test_tensor_and_asarray(value: object, dtype: object) -> None:
    for function in (dn.tensor, dn.asarray):
        same(function(value), np.asarray(value).astype(dtype))
        same(function(value, dtype="c128"), np.asarray(value, np.complex128))


def test_what_makes_no_tensor() -> None:
    with pytest.raises(dn.DefnShapeError, match="one length"):
        dn.tensor([[1, 2], [3]])
    with pytest.raises(OverflowError, match="does not fit"):
        dn.tensor([2**70])
    with pytest.raises(dn.DefnTypeError, match="not an array"):
        dn.tensor(["a"])


def test_astype() -> None:
    x = np.array([1.7, -1.7, np.nan, np.inf])
    limits = np.iinfo(np.int32)
    same(dn.astype(x, "i32"), np.array([1, -1, 0, limits.max], np.int32))
    same(dn.astype(M, np.float32), M.astype(np.float32))
    same(dn.astype(M, "bool"), M != 0)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.bool_, np.float16])
def test_small_dtypes_accumulate_wide(dtype: object) -> None:
    x = np.ones(4000, dtype)
    wide = {np.int8: np.int64, np.uint8: np.uint64, np.bool_: np.int64}
    assert dn.sum(x) == 4000 and dn.sum(x).dtype == wide.get(dtype, dtype)
    assert dn.cumsum(x)[-1] == 4000
    assert dn.mean(x) == 1
    result = dtype if dtype is np.float16 else np.float32
    assert dn.mean(x).dtype == dn.std(x).dtype == result


def test_reductions_take_a_dtype() -> None:
    assert dn.sum(M, dtype="f32").dtype == np.float32
    assert dn.mean(M, dtype=np.float64) == M.mean()
    same(dn.prod(M[0], dtype="f64"), np.prod(M[0], dtype=float))


def test_of_no_elements() -> None:
    empty = np.zeros((0, 2))
    assert np.isnan(dn.mean(empty)) and dn.sum(empty) == 0 and dn.prod(empty) == 1
    same(dn.cumsum(empty, 0), empty)
    same(dn.sort(empty, axis=0), empty)
    same(dn.softmax(empty), empty)
    same(dn.logsumexp(empty, 0), np.full(2, -np.inf))
    same(dn.take(X, np.array([], int), 0), X[:0])
    with pytest.raises(dn.DefnShapeError, match="no largest or smallest"):
        dn.max(empty)


@pytest.mark.parametrize("correction", [0, 1, 2.5])
def test_correction(correction: float) -> None:
    for name in ("var", "std"):
        function, wanted = getattr(dn, name), getattr(np, name)(X, ddof=correction)
        same(function(X, correction=correction), wanted)
        same(function(X, ddof=correction), wanted)
    assert dn.var(X, correction=30) == np.inf


def test_mode() -> None:
    x = RNG.integers(0, 3, (4, 9))
    for axis in (None, 0, 1):
        wanted = stats.mode(x, axis=axis, keepdims=True).mode
        same(dn.mode(x, axis, keepdims=True), wanted)
        same(dn.mode(x, axis), np.squeeze(wanted, axis))


def test_a_share_out_of_range_is_refused() -> None:
    for q in (1.5, np.array([0.5, -0.1])):
        with pytest.raises(dn.DefnValueError, match=r"in \[0, 1\]"):
            dn.quantile(X, q)
    with pytest.raises(dn.DefnShapeError, match="no elements"):
        dn.median(np.zeros((0, 2)), 0)


def test_diagonals_made_and_replaced() -> None:
    for offset in (-2, 0, 1):
        same(dn.make_diagonal(M, offset)[1], np.diag(M[1], offset))
        size = len(np.diagonal(M, offset))
        wanted = np.where(np.eye(3, 4, offset, dtype=bool), 7, M)
        same(dn.put_diagonal(M, 7, offset), wanted)
        changed = dn.put_diagonal(M, np.arange(size), offset)
        same(np.diagonal(changed, offset), np.arange(size))
    with pytest.raises(dn.DefnShapeError, match="two axes"):
        dn.diagonal(M[0])
    with pytest.raises(dn.DefnTypeError, match="cannot store f64 into i64"):
        dn.put_diagonal(np.zeros((2, 2), int), np.ones(2))


def test_iota() -> None:
    same(dn.iota((2, 3)), np.arange(6).reshape(2, 3))
    same(dn.iota((2, 3), -1, "f32"), np.tile(np.arange(3, dtype="f4"), (2, 1)))
    same(dn.iota(4), np.arange(4))


def test_running_sums_from_the_end() -> None:
    backwards = np.cumsum(M[:, ::-1], 1)[:, ::-1]
    same(dn.cumulative_sum(M, axis=1, reverse=True), backwards)
    with_zero = dn.cumulative_sum(M[0], include_initial=True, reverse=True)
    same(with_zero, np.append(backwards[0], 0))
    lowest = np.minimum.accumulate(X[::-1])[::-1]
    same(dn.cumulative_min(X, axis=0, reverse=True), lowest)


def test_constants() -> None:
    assert (dn.pi, dn.e, dn.inf) == (np.pi, np.e, np.inf) and np.isnan(dn.nan)
    assert X[dn.newaxis].shape == (1, 2, 3, 4)


def test_running_extremes() -> None:
    for name, numpy in (("max", np.maximum), ("min", np.minimum)):
        function = getattr(dn, f"cumulative_{name}")
        same(function(X, axis=1), numpy.accumulate(X, axis=1))
        same(function(M[0]), numpy.accumulate(M[0]))
    with pytest.raises(dn.DefnShapeError, match="axis is needed"):
        dn.cumulative_sum(M)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
def test_logsumexp(axis: object) -> None:
    x = X.copy()
    x[0, 0, 0], x[1] = 800, -np.inf
    for keepdims in (False, True):
        got = dn.logsumexp(x, axis, keepdims=keepdims)
        same(got, special.logsumexp(x, axis=axis, keepdims=keepdims))
    same(dn.logsumexp(X, axis, b=X**2), special.logsumexp(X, axis=axis, b=X**2))
    assert dn.logsumexp(np.array([1.0, np.inf])) == np.inf
    assert dn.logsumexp(np.array([0, 0])).dtype == np.float32


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax(axis: int) -> None:
    x = X * 400
    same(dn.softmax(x, axis=axis), special.softmax(x, axis=axis))
    same(dn.log_softmax(x, axis=axis), special.log_softmax(x, axis=axis))


def test_indices_out_of_bounds() -> None:
    for index in (np.array([0, 3]), np.array([-4]), 3):
        with pytest.raises(IndexError, match=r"out of bounds for axis 0 with size 3"):
            dn.take(M, index, 0)
    with pytest.raises(IndexError, match="index 7 is"):
        dn.indexed_add(np.zeros(3), np.array([1, 7]), 1.0)
    with pytest.raises(dn.DefnTypeError, match="integers"):
        dn.take(M, np.array([0.5]))
    with pytest.raises(dn.DefnValueError, match="mode"):
        dn.take(M, np.array([0]), mode="nearest")


def test_indexed_add_and_put() -> None:
    index, updates = np.array([2, 0, 2]), RNG.standard_normal((3, 4))
    added = M.astype(float)
    np.add.at(added, index, updates)
    same(dn.indexed_add(M.astype(float), index, updates), added)
    put = M.astype(float)
    put[index] = updates
    same(dn.indexed_put(M.astype(float), index, updates), put)
    pair = (np.array([[0], [2]]), np.array([1, -1]))
    put, added = M.copy(), M.copy()
    put[pair] = 5
    np.add.at(added, pair, 5)
    same(dn.indexed_put(M, pair, 5), put)
    same(dn.indexed_add(M, pair, 5), added)
    with pytest.raises(dn.DefnTypeError, match="cannot store f64 into i64"):
        dn.indexed_add(M, index, updates)


def test_windows_at_run_time() -> None:
    same(dn.dynamic_slice(M, (1, np.array(2)), (2, 2)), M[1:3, 2:4])
    same(dn.dynamic_slice(M, (9, 9), (2, 2), mode="clip"), M[1:3, 2:4])
    changed = M.copy()
    changed[1:, 1:3] = 0
    same(dn.dynamic_update_slice(M, np.zeros((2, 2), int), (1, 1)), changed)
    with pytest.raises(IndexError, match="windows along axis 0"):
        dn.dynamic_slice(M, (2, 0), (2, 2))
    with pytest.raises(dn.DefnShapeError, match="a start is a scalar"):
        dn.dynamic_slice(np.arange(4), (np.arange(2),), (1,))


@pytest.mark.parametrize("dtype", [np.float64, np.int8, np.uint8, np.bool_])
def test_descending_order_is_stable_with_nan_last(dtype: object) -> None:
    x = RNG.integers(0, 4, (5, 7)).astype(dtype)
    if dtype is np.float64:
        x[0, :2] = np.nan
    order = dn.argsort(x, descending=True)
    key = np.where(np.isnan(x), np.inf, -x.astype(float))
    same(order, np.argsort(key, axis=-1, stable=True))
    same(dn.sort(x, descending=True), np.take_along_axis(x, order, -1))
    values, places = dn.top_k(x, 3)
    same((values, places), (np.take_along_axis(x, order, -1)[:, :3], order[:, :3]))
    assert dn.top_k(x, 2, axis=0)[0].shape == (2, 7)


def test_inspection() -> None:
    assert dn.finfo("bf16").eps == 2**-7 and dn.finfo(X).max == np.finfo(float).max
    assert dn.iinfo(np.int8).min == -128 and dn.iinfo(M).bits == 64
    assert dn.isdtype(np.float32, "numeric") and not dn.isdtype("f32", "integral")
    assert dn.isdtype(np.dtype("int8"), ("bool", np.int8))
    assert dn.can_cast("i8", "i16") and not dn.can_cast("f32", "i64")
    assert dn.broadcast_shapes((2, 1), (3,)) == (2, 3)
    with pytest.raises(dn.DefnValueError, match="kinds are"):
        dn.isdtype("f32", "floating")


def test_dot_over_axes() -> None:
    y = RNG.standard_normal((4, 2, 5))
    same(dn.dot(X, y, axes=((2,), (0,))), np.tensordot(X, y, ((2,), (0,))))
    got = dn.dot(X, y, axes=(2, 0), batch_axes=(0, 1))
    same(got, np.einsum("bij,jbk->bik", X, y))


@pytest.mark.parametrize(
    ("axes", "batch_axes", "message"),
    [
        (([2], [1]), ([0], [1]), "contracted or paired once"),
        (([2], [3]), None, "axis 3 does not exist"),
        (([0, 2], [0]), None, "axes are paired"),
    ],
)
def test_dot_over_axes_that_do_not_fit(
    axes: object, batch_axes: object, message: str
) -> None:
    a, b = np.ones((2, 1, 2)), np.ones((2, 2, 1))
    with pytest.raises(dn.DefnShapeError, match=message):
        dn.dot(a, b, axes=axes, batch_axes=batch_axes)


def test_axes_that_do_not_exist_have_no_order() -> None:
    with pytest.raises(dn.DefnShapeError, match="axis 2 does not exist"):
        dn.permute_dims(np.ones((2, 2)), (1, 2))


@pytest.mark.parametrize(
    ("widths", "interior", "wanted"),
    [
        ([(-1, -1)], 0, [2, 3]),
        ([(-1, 2)], 0, [2, 3, 4, 9, 9]),
        ([(-1, 0)], 1, [9, 2, 9, 3, 9, 4]),
        ([(-6, 3)], 0, [9]),
        ([(-2, -2)], 0, []),
    ],
)
def test_padding_that_takes_away(widths: list, interior: int, wanted: list) -> None:
    x = np.arange(1, 5)
    got = dn.pad(x, widths, constant_values=9, interior=interior)
    np.testing.assert_array_equal(got, wanted)
    with pytest.raises(dn.DefnValueError, match="may not be negative in 'edge'"):
        dn.pad(x, [(-1, 0)], "edge")


@pytest.mark.parametrize("dtype", ["i1", "i8", "u1", "f4", "f8"])
def test_remainders_and_quotients_towards_zero(dtype: str) -> None:
    a = RNG.integers(-128, 128, 200).astype(dtype)
    b = RNG.integers(1, 100, 200) * RNG.choice([-1, 1], 200)
    b = np.where(b.astype(dtype) == 0, 1, b).astype(dtype)
    np.testing.assert_array_equal(dn.fmod(a, b), np.fmod(a, b))
    assert dn.fmod(a, b).dtype == a.dtype
    if a.dtype.kind in "iu":
        whole = np.trunc(a / b.astype(float)).astype(dtype)
        np.testing.assert_array_equal(dn.quotient(a, b), whole)
        for got, wanted in zip(dn.divmod(a, b), np.divmod(a, b), strict=True):
            np.testing.assert_array_equal(got, wanted)
    else:
        with pytest.raises(dn.DefnTypeError, match="quotient takes integers"):
            dn.quotient(a, b)


def test_fmod_of_what_is_no_number() -> None:
    divisors = np.array([1, 2, np.inf, np.inf, 0])
    got = dn.fmod(np.array([-0.0, np.inf, 3.0, -3.0, 1.0]), divisors)
    np.testing.assert_array_equal(got, [-0.0, np.nan, 3, -3, np.nan])
    assert np.signbit(got[0])


def test_what_only_values_can_size_runs_outside_programs() -> None:
    x = np.array([[3, 0], [1, 3]])
    same(dn.nonzero(x), np.nonzero(x))
    for name in ("values", "counts", "inverse", "all"):
        got, wanted = (getattr(m, f"unique_{name}")(x) for m in (dn, np))
        same(got, wanted)
    with pytest.raises(dn.DefnTypeError, match="cannot be part of a compiled"):
        dn.nonzero.__defnpy_builder__(x)


def test_dlpack() -> None:
    class Holder:
        def __dlpack__(self, **options: object) -> object:
            return M.__dlpack__(**options)

        def __dlpack_device__(self) -> tuple[int, int]:
            return M.__dlpack_device__()

    same(dn.from_dlpack(Holder()), M)
    same(dn.negative(Holder()), -M)


@pytest.mark.parametrize(
    ("text", "operands", "message"),
    [
        ("ij,jk", (M,), "names 2 operands, 1 given"),
        ("i", (M,), "does not name the axes"),
        ("ij->k", (M,), "must name each axis"),
        ("ij,jk", (M, M), "'j' has sizes 4 and 3"),
        ("i+j", (M,), "does not understand"),
    ],
)
def test_einsum_of_what_does_not_fit(text: str, operands: tuple, message: str) -> None:
    with pytest.raises(dn.DefnError, match=message):
        dn.einsum(text, *operands)


def test_spreads_of_complex_numbers_are_real() -> None:
    z = X + 1j * X[::-1]
    for name in ("var", "std"):
        same(getattr(dn, name)(z, 1), getattr(np, name)(z, 1))
