"""Linear algebra beside NumPy's, compiled and evaluated, over dtypes and batches."""

from typing import Any

import numpy as np
import pytest
import scipy.linalg
from linalg_checks import DTYPES, TOLERANCE, agrees, definite, drawn

import defnpy as dn
from defnpy import defn, linalg
from defnpy.backends.cpu import compile_kernel, symbols

pytestmark = pytest.mark.cpu

SHAPES = [(1, 1), (3, 3), (2, 4, 4), (2, 1, 5, 5)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_functions_of_a_square_matrix(shape: tuple, dtype: str) -> None:
    def all_of_them(a, p):
        return (
            *(linalg.inv(a), linalg.det(a), *linalg.slogdet(a)),
            *(linalg.cholesky(p), linalg.cholesky(p, upper=True)),
            *(linalg.eigvalsh(p), linalg.svdvals(a)),
        )

    a, p = drawn(*shape, dtype=dtype), definite(*shape, dtype=dtype)
    lower = np.linalg.cholesky(p)
    wanted = (
        *(np.linalg.inv(a), np.linalg.det(a), *np.linalg.slogdet(a)),
        *(lower, np.swapaxes(lower, -1, -2).conj()),
        *(np.linalg.eigvalsh(p), np.linalg.svdvals(a)),
    )
    agrees(all_of_them, wanted, a, p, tolerance=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("left", "sides"),
    [
        ((3, 3), (3,)),
        ((3, 3), (3, 2)),
        ((2, 3, 3), (3, 2)),
        ((3, 3), (2, 3, 2)),
        ((2, 1, 3, 3), (4, 3, 1)),
        ((2, 3, 3), (3,)),
        ((70, 70), (70, 3)),
    ],
)
def test_solve(left: tuple, sides: tuple, dtype: str) -> None:
    a, b = drawn(*left, dtype=dtype), drawn(*sides, dtype=dtype, seed=1)
    wanted = np.linalg.solve(a, b)
    agrees(
        lambda a, b: linalg.solve(a, b), wanted, a, b, tolerance=10 * TOLERANCE[dtype]
    )


@pytest.mark.parametrize("dtype", ["f4", "c16"])
@pytest.mark.parametrize("trans", [0, 1, 2])
@pytest.mark.parametrize("lower", [False, True])
def test_solve_triangular(lower: bool, trans: int, dtype: str) -> None:
    def both(a, b, *, lower, trans):
        x = linalg.solve_triangular(a, b, lower=lower, trans=trans)
        y = linalg.solve_triangular(
            a, b[:, 0], lower=lower, trans=trans, unit_diagonal=True
        )
        return x, y

    a = drawn(4, 4, dtype=dtype) + 3 * np.eye(4, dtype=dtype)
    b = drawn(4, 2, dtype=dtype, seed=1)
    options = {"lower": lower, "trans": trans}
    wanted = (
        scipy.linalg.solve_triangular(a, b, **options),
        scipy.linalg.solve_triangular(a, b[:, 0], unit_diagonal=True, **options),
    )
    program = defn(both)
    for way in (program, program.evaluate, both):
        for got, other in zip(way(a, b, **options), wanted, strict=True):
            np.testing.assert_allclose(got, other, 1e-4 if dtype == "f4" else 1e-12)
            assert got.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 5), (5, 3), (2, 1, 4), (40, 90)])
def test_lu(shape: tuple, dtype: str) -> None:
    a = drawn(*shape, dtype=dtype)
    wanted = scipy.linalg.lu(a)
    parts = {"c8": "f4", "c16": "f8"}.get(dtype, dtype)
    wanted = (wanted[0].astype(parts), *wanted[1:])
    tolerance = 10 * TOLERANCE[dtype]
    agrees(lambda a: linalg.lu(a), wanted, a, tolerance=tolerance)


@pytest.mark.parametrize("dtype", ["f8", "c16"])
@pytest.mark.parametrize("shape", [(9, 3, 3), (2, 7, 3, 2), (30, 2, 5)])
def test_lu_of_many(shape: tuple, dtype: str) -> None:
    a = drawn(*shape, dtype=dtype)
    a.reshape(-1, *shape[-2:])[1] = 0
    a.reshape(-1, *shape[-2:])[2, 0] = 0
    program = defn(lambda a: linalg.lu(a))
    for got, other in zip(linalg.lu(a), program(a), strict=True):
        np.testing.assert_allclose(got, other, 1e-12, 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 5), (5, 3), (2, 1, 4), (30, 40)])
def test_qr(shape: tuple, dtype: str) -> None:
    def every_mode(a):
        q, r = linalg.qr(a)
        return q, r, *linalg.qr(a, mode="complete"), linalg.qr(a, "r")

    a = drawn(*shape, dtype=dtype)
    wanted = (
        *np.linalg.qr(a),
        *np.linalg.qr(a, mode="complete"),
        np.linalg.qr(a, mode="r"),
    )
    agrees(every_mode, wanted, a, tolerance=10 * TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("UPLO", ["L", "U"])
def test_eigh(shape: tuple, dtype: str, UPLO: str) -> None:
    def rebuilt(a, *, UPLO):
        w, v = linalg.eigh(a, UPLO)
        vh = dn.conj(dn.matrix_transpose(v))
        return (v * w[..., None, :]) @ vh, w, vh @ v

    a = definite(*shape, dtype=dtype)
    read = np.tril(a) if UPLO == "L" else np.triu(a)
    eye = np.broadcast_to(np.eye(shape[-1], dtype=dtype), shape)
    program = defn(rebuilt)
    for way in (program, program.evaluate, rebuilt):
        made = way(read, UPLO=UPLO)
        for got, other in zip(made, (a, np.linalg.eigvalsh(a), eye), strict=True):
            assert got.dtype == other.dtype
            tolerance = 10 * TOLERANCE[dtype]
            np.testing.assert_allclose(got, other, tolerance, tolerance)
    # Compiled and evaluated, the vectors have the same signs.
    vectors = defn(lambda a: linalg.eigh(a).eigenvectors)
    np.testing.assert_allclose(vectors(a), np.linalg.eigh(a)[1], 1e-3, 1e-3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 3, 5), (5, 3), (60, 20)])
def test_svd(shape: tuple, full: bool, dtype: str) -> None:
    a = drawn(*shape, dtype=dtype)

    def whole(a, *, full):
        return linalg.svd(a, full_matrices=full)

    program = defn(whole)
    wanted = np.linalg.svd(a, full_matrices=full)
    few = min(shape[-2:])
    for way in (program, program.evaluate, whole):
        u, s, vh = way(a, full=full)
        assert (u.shape, s.shape, vh.shape) == tuple(x.shape for x in wanted)
        assert (u.dtype, s.dtype) == (wanted[0].dtype, wanted[1].dtype)
        tolerance = 10 * TOLERANCE[dtype]
        np.testing.assert_allclose(s, wanted[1], tolerance)
        rebuilt = (u[..., :few] * s[..., None, :]) @ vh[..., :few, :]
        np.testing.assert_allclose(rebuilt, a, tolerance, tolerance)
        for x in (np.swapaxes(u, -1, -2), vh):
            own = x @ np.swapaxes(x, -1, -2).conj()
            eye = np.broadcast_to(np.eye(own.shape[-1]), own.shape)
            np.testing.assert_allclose(own, eye, tolerance, tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (2, 3, 3)])
def test_eig(shape: tuple, dtype: str) -> None:
    def check(a):
        w, v = linalg.eig(a)
        return a @ v - v * w[..., None, :], dn.abs(v), linalg.eigvals(a)

    a = drawn(*shape, dtype=dtype)
    w = np.linalg.eigvals(a.astype("c16"))
    program = defn(check)
    for way in (program, program.evaluate, check):
        off, sizes, values = way(a)
        assert off.dtype == values.dtype == np.result_type(dtype, "c8")
        tolerance = 50 * TOLERANCE[dtype]
        np.testing.assert_allclose(off, 0 * off, atol=tolerance)
        np.testing.assert_allclose((sizes**2).sum(-2), 1, tolerance)
        distances = np.abs(values[..., :, None] - w[..., None, :])
        assert distances.min(-1).max() < tolerance


def deficient(dtype: str) -> np.ndarray:
    return drawn(5, 2, dtype=dtype) @ drawn(2, 4, dtype=dtype, seed=1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 3, 5), (5, 3)])
def test_pinv_and_rank(shape: tuple, dtype: str) -> None:
    def both(a):
        return linalg.pinv(a), linalg.matrix_rank(a)

    for a in (drawn(*shape, dtype=dtype), deficient(dtype), np.zeros(shape, dtype)):
        wanted = np.linalg.pinv(a, rcond=1e-5), np.linalg.matrix_rank(a)
        agrees(both, wanted, a, tolerance=20 * TOLERANCE[dtype])


def test_how_ranks_are_told() -> None:
    a = np.array([np.diag([1.0, 1e-3, 1e-6]), np.diag([1.0, 1e-3, 0])])
    for options in ({}, {"tol": 1e-2}, {"tol": [1e-4, 2.0]}, {"rtol": 1e-5}):
        given: Any = {k: np.array(v) for k, v in options.items()}
        wanted = np.linalg.matrix_rank(a, **given)
        assert linalg.matrix_rank(a, **given).tolist() == wanted.tolist()
    assert linalg.matrix_rank(np.zeros(3)) == 0
    assert linalg.matrix_rank(np.ones(3)) == 1
    assert linalg.matrix_rank(np.zeros((2, 0, 3))).tolist() == [0, 0]
    made, wanted = linalg.pinv(a, 1e-2), np.linalg.pinv(a, 1e-2)
    np.testing.assert_allclose(made, wanted)
    assert linalg.pinv(np.zeros((2, 0, 3))).shape == (2, 3, 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sides", [(5,), (5, 2)])
def test_lstsq(sides: tuple, dtype: str) -> None:
    b = drawn(*sides, dtype=dtype, seed=2)
    full, wide = drawn(5, 3, dtype=dtype), drawn(5, 7, dtype=dtype)
    for a in (full, wide, deficient(dtype)):
        with_numpy = np.linalg.lstsq(a, b, 1e-5)
        made = defn(lambda a, b: linalg.lstsq(a, b, 1e-5))(a, b)
        assert made.rank == with_numpy[2]
        tolerance = 20 * TOLERANCE[dtype]
        np.testing.assert_allclose(made.x, with_numpy[0], tolerance, tolerance)
        np.testing.assert_allclose(made.s, with_numpy[3], tolerance, tolerance)
        if a is full:
            left = np.reshape(made.residuals, -1)
            np.testing.assert_allclose(left, with_numpy[1], tolerance)
    assert made.x.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1e-3, 0.5, 3.0, 40.0])
def test_expm(size: float, dtype: str) -> None:
    a = (drawn(2, 4, 4, dtype=dtype) * size / 4).astype(dtype)
    a[1] = 0
    wanted = scipy.linalg.expm(a)
    scale = np.abs(wanted).max() * 20 * TOLERANCE[dtype]
    program = defn(lambda a: linalg.expm(a))
    for way in (program, program.evaluate):
        made = way(a)
        assert made.dtype == dtype
        np.testing.assert_allclose(made, wanted, 0, scale)
        np.testing.assert_array_equal(made[1], np.eye(4))


def test_expm_of_what_is_not_finite() -> None:
    for value in (np.inf, np.nan):
        with np.errstate(all="ignore"):
            made = linalg.expm(np.full((1, 1), value))
        assert not np.isfinite(made)


@pytest.mark.parametrize("dtype", ["i8", "f8", "c8"])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, -1, -2])
def test_matrix_power(n: int, dtype: str) -> None:
    a = (np.arange(18).reshape(2, 3, 3) % 7).astype(dtype)
    got, wanted = linalg.matrix_power(a, n), np.linalg.matrix_power(a, n)
    if n >= 0:
        assert got.dtype == wanted.dtype
    np.testing.assert_allclose(got, wanted, 1e-4, 1e-5)


def test_products() -> None:
    a, b, c = drawn(4, 5), drawn(5, 2), drawn(2, 6)
    for chain in ([a, b], [a, b, c], [a[0], b, c], [a, b, c, c[0]], [a[0], b, c, c[0]]):
        np.testing.assert_allclose(linalg.multi_dot(chain), np.linalg.multi_dot(chain))
    x, y = drawn(4, 3), drawn(3, seed=1)
    np.testing.assert_allclose(linalg.cross(x, y), np.cross(x, y))
    moved = linalg.cross(x.T, 2 * x.T, axis=0)
    np.testing.assert_allclose(moved, np.cross(x.T, 2 * x.T, axis=0))
    np.testing.assert_allclose(
        linalg.trace(drawn(2, 3, 4), offset=1),
        np.linalg.trace(drawn(2, 3, 4), offset=1),
    )
    z = drawn(3, dtype="c16")
    np.testing.assert_allclose(linalg.vecdot(z, 2j * z), np.vecdot(z, 2j * z))
    t = drawn(2, 3, 6)
    np.testing.assert_allclose(linalg.tensorinv(t), np.linalg.tensorinv(t))
    b = drawn(2, 3)
    np.testing.assert_allclose(linalg.tensorsolve(t, b), np.linalg.tensorsolve(t, b))
    for p in (None, 2, -2, 1, -1, np.inf, "fro", "nuc"):
        square = drawn(2, 3, 3)
        np.testing.assert_allclose(linalg.cond(square, p), np.linalg.cond(square, p))
    assert linalg.cond(np.zeros((2, 2))) == np.inf


def everything(a):
    q, r = linalg.qr(a)
    w, v = linalg.eigh(a @ a.T)
    u, s, vh = linalg.svd(a)
    found = linalg.eig(a)
    return (
        *(linalg.solve(a, a.T), linalg.cholesky(a @ a.T + dn.eye(3, dtype="f8"))),
        *(
            q @ r,
            (v * w) @ v.T,
            (u * s) @ vh,
            linalg.det(a),
            w,
            s,
            linalg.lu(a[:, :1])[0],
        ),
        dn.sum(found.eigenvalues),
    )


def test_a_library_with_integers_of_4_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """SciPy's LAPACK has them; NumPy's has 8 bytes."""
    a = drawn(3, 3)
    program = defn(everything)
    wanted = program(a)
    monkeypatch.setattr(symbols, "_of_numpy", lambda symbol: None)
    monkeypatch.setattr(symbols, "_routine", symbols._routine.__wrapped__)
    kernel = program.lower(a)._stages.kernel
    results = [np.empty(r.shape, r.dtype.numpy) for r in kernel.results]
    compile_kernel(kernel).run([a], results)
    for got, other in zip(results, wanted, strict=True):
        np.testing.assert_allclose(got, other, 1e-12, 1e-12)


def test_programs_of_numba_call_lapack() -> None:
    a = drawn(3, 3)
    run = defn(lambda a: linalg.inv(a)).numba(a)
    np.testing.assert_allclose(run(a), np.linalg.inv(a))


def test_products_of_many_matrices_are_one_loop() -> None:
    a, b = drawn(40, 30, 31), drawn(40, 31, 29)
    program = defn(lambda a, b: a @ b)
    np.testing.assert_allclose(program(a, b), a @ b, 1e-12, 1e-12)
    text = program.lower(a, b).compile().llvm
    assert text.count("call void @defnpy_product_f64") == 1


def spelled_as_numpy(a, b):
    w, v = np.linalg.eigh(a @ a.T)
    return (
        *(np.linalg.solve(a, b), np.linalg.inv(a), np.linalg.det(a), w, abs(v)),
        *(np.linalg.norm(a, "fro"), np.linalg.norm(b, axis=0), np.cross(a, a.T)),
        *(np.linalg.lstsq(a[:, :2], b)[0], np.linalg.matrix_power(a, 2)),
        *(np.linalg.multi_dot([a, b, b.T]), np.linalg.qr(a).R, np.linalg.svd(a).S),
    )


def test_numpys_names_in_programs() -> None:
    a, b = drawn(3, 3), drawn(3, 2, seed=1)
    program = defn(spelled_as_numpy)
    for got, wanted in zip(program(a, b), spelled_as_numpy(a, b), strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(got, wanted, 1e-11, 1e-12)
    ints = np.array([[2, 1], [1, 1]])
    assert defn(lambda a: np.linalg.inv(a))(ints).dtype == np.float64
