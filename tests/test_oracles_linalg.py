"""Linear algebra and transforms beside NumPy and SciPy, on drawn arrays.

Decompositions whose vectors are free are held against what they must multiply to.
"""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import scipy.linalg
from drawn_arrays import Wanted, arrays, shapes
from hypothesis import given
from hypothesis import strategies as st
from oracles import called, common_dtype, drawn, is_inexact, quietly, real_dtype, ways

import defnpy as dn

pytestmark = pytest.mark.cpu

NUMBERS = Wanted("iufc", special=False)


def made_dtype(x: np.ndarray) -> np.dtype:
    """Return the dtype that LAPACK works in: integers and halves are f32."""
    dtype = common_dtype(x)
    return dtype if is_inexact(dtype) and dtype.itemsize >= 4 else np.dtype("f4")


def widest(x: np.ndarray) -> np.ndarray:
    """Return an array in the widest dtype of its kind."""
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def near(got: Any, wanted: Any, dtype: np.dtype, size: float = 1.0) -> None:
    """Hold a result against values, up to the rounding of a few hundred operations."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.dtype == dtype, (got.dtype, dtype)
    assert got.shape == wanted.shape, (got.shape, wanted.shape)
    room = 400 * float(ml_dtypes.finfo(dtype).eps)
    most = np.max(np.abs(wanted), initial=0.0)
    np.testing.assert_allclose(got, wanted, rtol=room, atol=room * max(most, size))


@st.composite
def matrices(draw: st.DrawFn, *, square: bool = True, least: int = 0) -> np.ndarray:
    """Return batches of matrices; square ones are far from singular."""
    rest = draw(shapes(Wanted(), 2))
    n = draw(st.integers(least, 4))
    m = n if square else draw(st.integers(least, 4))
    x = draw(arrays(NUMBERS, (*rest, n, m)))
    if not square:
        return x
    dominant = x.astype(common_dtype(x)) + np.eye(n) * 30
    return dominant.astype(x.dtype)


def hermitian(a: np.ndarray) -> np.ndarray:
    made = widest(a)
    return (made + np.conj(np.swapaxes(made, -1, -2))).astype(made_dtype(a))


SQUARE: dict[str, Callable[[np.ndarray], Any]] = {
    "det": np.linalg.det,
    "inv": np.linalg.inv,
    "matrix_power": lambda a: np.linalg.matrix_power(a, 3),
    "expm": scipy.linalg.expm,
    "trace": lambda a: np.trace(a, axis1=-2, axis2=-1),
}
OURS: dict[str, Callable[[Any], Any]] = {
    "matrix_power": lambda a: dn.linalg.matrix_power(a, 3),
}


@pytest.mark.parametrize("name", SQUARE)
@drawn
@given(st.data())
def test_functions_of_square_matrices(name: str, data: st.DataObject) -> None:
    a = data.draw(matrices())
    if name in ("trace", "matrix_power") and made_dtype(a) != common_dtype(a):
        return  # they keep the dtype
    if name == "expm":
        if 0 in a.shape:
            return
        a = (widest(a) / 10).astype(made_dtype(a))
    expected = SQUARE[name](widest(a))
    # SciPy's exponentials are the less accurate ones.
    size = 20 * np.max(np.abs(expected), initial=0) if name == "expm" else 1.0
    for way in ways(OURS.get(name, called(f"linalg.{name}"))):
        near(way(a), expected, made_dtype(a), size)


@drawn
@given(st.data())
def test_slogdet_and_solve(data: st.DataObject) -> None:
    a = data.draw(matrices())
    sign, size = np.linalg.slogdet(widest(a))
    for way in ways(dn.linalg.slogdet):
        got = way(a)
        near(got[0], sign, made_dtype(a))
        near(got[1], size, real_dtype(made_dtype(a)))
    b = data.draw(arrays(Wanted("f", special=False), (a.shape[-1], 2), np.float32))
    dtype = np.result_type(made_dtype(a), b)
    for way in ways(dn.linalg.solve):
        near(way(a, b), np.linalg.solve(widest(a), widest(b)), dtype.newbyteorder("="))


@drawn
@given(st.data())
def test_decompositions_multiply_to_the_matrix(data: st.DataObject) -> None:
    a = data.draw(matrices(square=False, least=1))
    dtype, wide = made_dtype(a), widest(a)
    for way in ways(dn.linalg.qr):
        q, r = way(a)
        near(q @ r, wide.astype(dtype), dtype)
        near(
            np.conj(np.swapaxes(q, -1, -2)) @ q,
            q[..., :0, :].swapaxes(-1, -2) @ q[..., :0, :] + np.eye(q.shape[-1]),
            dtype,
        )
    for way in ways(lambda a: dn.linalg.svd(a, full_matrices=False)):
        u, s, vh = way(a)
        near((u * s[..., None, :].astype(dtype)) @ vh, wide.astype(dtype), dtype)
        near(s, np.linalg.svd(wide, compute_uv=False), real_dtype(dtype))
    for way in ways(dn.linalg.svdvals):
        near(way(a), np.linalg.svd(wide, compute_uv=False), real_dtype(dtype))
    for way in ways(dn.linalg.lu):
        p, lower, upper = way(a)
        near(p @ lower @ upper, wide.astype(dtype), dtype)
        assert not np.triu(lower, 1).any()
        assert not np.tril(upper, -1).any()


@drawn
@given(st.data())
def test_eigenvalues(data: st.DataObject) -> None:
    a = data.draw(matrices(least=1))
    h, dtype = hermitian(a), made_dtype(a)
    values = np.linalg.eigvalsh(widest(h))
    for way in ways(dn.linalg.eigvalsh):
        near(way(h), values, real_dtype(dtype))
    for way in ways(dn.linalg.eigh):
        found, vectors = way(h)
        near(found, values, real_dtype(dtype))
        near(h @ vectors, vectors * found[..., None, :], dtype, 60.0)
    pairs = np.dtype("c8" if dtype.itemsize == 4 or dtype == np.complex64 else "c16")
    for way in ways(dn.linalg.eig):
        found, vectors = way(a)
        near(
            widest(a) @ vectors.astype("c16"),
            vectors * found[..., None, :].astype("c16"),
            np.dtype("c16"),
            1e9 if pairs == "c8" else 1e3,
        )
        assert found.dtype == vectors.dtype == pairs


@drawn
@given(st.data())
def test_positive_definite_matrices(data: st.DataObject) -> None:
    a = data.draw(matrices())
    wide = widest(a)
    wide = wide @ np.conj(np.swapaxes(wide, -1, -2)) + np.eye(a.shape[-1])
    h = wide.astype(made_dtype(a))
    for way in ways(dn.linalg.cholesky):
        near(way(h), np.linalg.cholesky(widest(h)), h.dtype)


@drawn
@given(st.data())
def test_systems_of_other_shapes(data: st.DataObject) -> None:
    a = data.draw(matrices(square=False, least=1))
    wide, dtype = widest(a), made_dtype(a)
    if np.min(np.linalg.svd(wide, compute_uv=False), initial=1.0) < 0.3:
        return  # a rank that rounding decides
    for way in ways(dn.linalg.pinv):
        near(way(a), np.linalg.pinv(wide), dtype)
    for way in ways(dn.linalg.matrix_rank):
        np.testing.assert_array_equal(way(a), np.linalg.matrix_rank(wide))
    one = wide.reshape(-1, *wide.shape[-2:])[:1]
    if one.size:
        m = one[0].astype(dtype)
        b = np.arange(2.0 * m.shape[0]).reshape(-1, 2).astype(dtype)
        for way in ways(dn.linalg.lstsq):
            x, residuals, rank, s = way(m, b)
            theirs = np.linalg.lstsq(widest(m), widest(b), rcond=None)
            near(x, theirs[0], dtype)
            near(s, theirs[3], real_dtype(dtype))
            assert rank == theirs[2]
            if theirs[1].size:
                near(residuals, theirs[1], real_dtype(dtype), 100.0)


ORDERS = (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)


@drawn
@given(st.data())
def test_norms(data: st.DataObject) -> None:
    a = data.draw(matrices(square=False, least=1))
    a = a.astype(made_dtype(a))  # norms of halves are halves
    wide, real = widest(a), real_dtype(a.dtype)
    ord_ = data.draw(st.sampled_from(ORDERS))
    expected = np.linalg.norm(wide, ord_, axis=(-2, -1))
    for way in ways(lambda a: dn.linalg.norm(a, ord_, axis=(-2, -1))):
        near(way(a), expected, real)
    power = data.draw(st.sampled_from([0, 1, 2, 3, 0.5, np.inf, -np.inf]))
    axis = data.draw(st.sampled_from([0, -1, None]))
    expected = np.linalg.vector_norm(wide, axis=axis, ord=power, keepdims=True)
    for way in ways(
        lambda a: dn.linalg.vector_norm(a, axis=axis, ord=power, keepdims=True)
    ):
        near(way(a), expected, real)


ODD_MATRICES = {
    "zero": np.zeros((2, 2)),
    "flat": np.ones((2, 2)),
    "nan": np.full((2, 2), np.nan),
    "infinite": np.full((2, 2), np.inf),
}
OF_ODD = (
    *("inv", "det", "eigvalsh", "svdvals", "cholesky", "pinv"),
    *("matrix_rank", "cond", "matrix_norm", "eigvals"),
)


@pytest.mark.parametrize("kind", ODD_MATRICES)
@pytest.mark.parametrize("name", OF_ODD)
def test_singular_and_infinite_matrices_are_as_numpys(name: str, kind: str) -> None:
    a = ODD_MATRICES[kind]
    try:
        expected = quietly(getattr(np.linalg, name), a)
    except np.linalg.LinAlgError:
        for way in ways(called(f"linalg.{name}")):
            with pytest.raises(np.linalg.LinAlgError):
                way(a)
        return
    for way in ways(called(f"linalg.{name}")):
        np.testing.assert_allclose(way(a), expected, 1e-7, 1e-12)


@pytest.mark.parametrize("p", [None, 2, -2, 1, np.inf, "fro"])
def test_conditions(p: object) -> None:
    rng = np.random.default_rng(0)
    batch = np.stack([*ODD_MATRICES.values(), *rng.standard_normal((2, 2, 2))])
    batch = batch[~np.isnan(batch).any((-2, -1)) | (p not in (None, 2, -2))]
    expected = quietly(np.linalg.cond, batch, p)
    for way in ways(lambda a: dn.linalg.cond(a, p)):
        np.testing.assert_allclose(way(batch)[2:], expected[2:], 1e-9)
        assert way(batch)[0] == expected[0] == np.inf
        # Rounding says how singular the flat one is.
        assert way(batch)[1] < 1e-15 if p == -2 else way(batch)[1] > 1e15


TRANSFORMS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
SEVERAL = ("fftn", "ifftn", "rfftn", "irfftn", "fft2", "ifft2", "rfft2", "irfft2")


def spectrum_dtype(x: np.ndarray, name: str) -> np.dtype:
    wide = made_dtype(x) in (np.float64, np.complex128)
    if name.startswith(("irfft", "hfft")):
        return np.dtype("f8" if wide else "f4")
    return np.dtype("c16" if wide else "c8")


@pytest.mark.parametrize("name", TRANSFORMS)
@drawn
@given(st.data())
def test_transforms(name: str, data: st.DataObject) -> None:
    real = name in ("rfft", "ihfft")
    numbers = Wanted("iuf" if real else "iufc", special=False)
    least = Wanted(least_rank=1, least_size=2)
    x = data.draw(arrays(numbers, data.draw(shapes(least, 3))))
    options = {
        "axis": data.draw(st.integers(-x.ndim, x.ndim - 1)),
        "n": data.draw(st.sampled_from([None, 1, 3, 8, 11])),
        "norm": data.draw(st.sampled_from([None, "ortho", "forward", "backward"])),
    }
    function = called(f"fft.{name}")
    expected = quietly(getattr(np.fft, name), widest(x), **options)
    for way in ways(lambda x: function(x, **options)):
        near(way(x), expected, spectrum_dtype(x, name), 5.0)


@pytest.mark.parametrize("name", SEVERAL)
@drawn
@given(st.data())
def test_transforms_of_several_axes(name: str, data: st.DataObject) -> None:
    numbers = Wanted("iuf" if name.startswith("rfft") else "iufc", special=False)
    least = Wanted(least_rank=2, least_size=2)
    x = data.draw(arrays(numbers, data.draw(shapes(least, 3))))
    axes = data.draw(st.sampled_from([(-2, -1), (0, 1), (-1, 0)]))
    function = called(f"fft.{name}")
    expected = getattr(np.fft, name)(widest(x), axes=axes)
    for way in ways(lambda x: function(x, axes=axes)):
        near(way(x), expected, spectrum_dtype(x, name), 5.0)
