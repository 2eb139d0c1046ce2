"""Complex numbers: their parts, arithmetic and gradients, by every way of running."""

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn

pytestmark = pytest.mark.cpu

RNG = np.random.default_rng(3)
ODD = [0, -0.0, 1, -1j, 3 - 4j, complex(np.inf, 1), complex(-2, np.nan), 1e300 + 1e300j]
NAMES = ["real", "imag", "conj", "abs", "angle", "sign", "isnan", "isinf", "isfinite"]


def drawn(*shape: int, dtype: str = "c16") -> np.ndarray:
    made = RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)
    return made.astype(dtype)


@defn
def parts(z):
    return (
        *(dn.real(z), dn.imag(z), dn.conj(z), dn.abs(z), dn.angle(z), dn.sign(z)),
        *(dn.isnan(z), dn.isinf(z), dn.isfinite(z)),
    )


@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_parts_are_numpys(dtype: str) -> None:
    with np.errstate(over="ignore"):
        z = np.array(ODD).astype(dtype)
    finite = np.isfinite(z)
    for way in (parts, parts.evaluate):
        for name, got in zip(NAMES, way(z), strict=True):
            with np.errstate(all="ignore"):
                wanted = getattr(np, name)(z)
            assert got.dtype == wanted.dtype, name
            kept = finite if name in ("sign",) else slice(None)
            np.testing.assert_allclose(got[kept], wanted[kept], 1e-6, err_msg=name)
    assert str(dn.conj(np.array([0j]))) == "[0.-0.j]"


def test_real_tensors_have_parts_too() -> None:
    x = np.array([-1.0, 2.0])
    np.testing.assert_array_equal(dn.real(x), x)
    np.testing.assert_array_equal(dn.imag(x), [0, 0])
    np.testing.assert_allclose(dn.angle(x), np.angle(x))
    assert dn.make_complex(np.arange(3), 1).dtype == np.complex64
    assert dn.make_complex(x, np.float32(1)).dtype == np.complex128
    with pytest.raises(dn.DefnTypeError, match="takes real parts, not c128"):
        dn.make_complex(x + 0j, x)


@defn
def arithmetic(a, b):
    return a + b, a - b, a * b, a / b, -a, a == b, a != b, a * 2, 1j * a


def test_arithmetic_is_numpys() -> None:
    a, b = drawn(5), drawn(5)
    a[2] = b[2]
    for got, wanted in zip(arithmetic(a, b), arithmetic.python(a, b), strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(got, wanted, 1e-14)


@pytest.mark.parametrize("dtype", ["c8", "c16"])
@pytest.mark.parametrize("shapes", [((3, 4), (4, 5)), ((40, 50), (50, 30))])
def test_products_are_numpys(shapes: tuple, dtype: str) -> None:
    a, b = (drawn(*shape, dtype=dtype) for shape in shapes)
    got = defn(lambda a, b: a @ b)(a, b)
    assert got.dtype == a.dtype
    tolerance = 1e-4 if dtype == "c8" else 1e-12
    np.testing.assert_allclose(got, a @ b, tolerance, tolerance)


def slope(function, k: int, *args: np.ndarray) -> np.ndarray:
    """Return the gradient by finite differences, as JAX defines it."""
    made = np.zeros(args[k].shape, complex)
    for place in np.ndindex(made.shape):
        parts = []
        for step in (1e-6, 1e-6j):
            ahead, behind = ([x.copy() for x in args] for _ in range(2))
            ahead[k][place] += step
            behind[k][place] -= step
            parts.append((function(*ahead) - function(*behind)) / 2e-6)
        made[place] = parts[0] - 1j * parts[1]
    return made


def loss(z, w):
    turned = dn.conj(z) * w + z / (w + 3) - dn.real(z)
    size = dn.sum(dn.abs(z * w) ** 2) + dn.sum(dn.imag(turned)) + dn.real(z @ w)
    return size + dn.sum(dn.angle(z + w)) + dn.sum(dn.abs(dn.sign(w) + 1))


@pytest.mark.parametrize("k", [0, 1])
def test_gradients_are_finite_differences(k: int) -> None:
    z, w = drawn(4), drawn(4)
    got = dn.grad(loss, k)(z, w)
    wanted = slope(defn(loss), k, z, w)
    np.testing.assert_allclose(got, wanted, 1e-6, 1e-6)


def test_the_gradient_of_a_real_argument_is_real() -> None:
    x, c = np.array([1.0, 2.0]), np.array([2 - 1j, 1j])
    got = dn.grad(lambda x, c: dn.sum(dn.real(x * c)))(x, c)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, [2.0, 0.0])
    steep = dn.grad(lambda x: dn.sum(dn.abs(dn.make_complex(x, x * x))))(x)
    wanted = (x + 2 * x**3) / np.sqrt(x**2 + x**4)
    np.testing.assert_allclose(steep, wanted)
    assert dn.grad(lambda z: dn.sum(dn.abs(z)))(np.zeros(2, complex)).tolist() == [0, 0]


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin", "sort", "maximum"])
def test_what_has_no_order_is_refused(name: str) -> None:
    z = drawn(3)
    operands = (z, z) if name == "maximum" else (z,)
    with pytest.raises(dn.DefnTypeError, match=r"no order|takes"):
        getattr(dn, name)(*operands)
