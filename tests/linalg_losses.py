"""Real functions of a matrix, of which derivatives are taken.

What eigenvectors and singular vectors are used for does not depend on their phases.
"""

import defnpy as dn
from defnpy import linalg


def total(x, seed=0.0):
    """Return a real number that depends on every part of every element."""
    angles = 0.37 * dn.reshape(dn.arange(1.0, x.size + 1, dtype="f8"), x.shape) + seed
    parts = dn.real(x) * dn.cos(angles) + dn.imag(x) * dn.sin(3 * angles)
    return dn.sum(parts)


def adjoint(a):
    return dn.conj(dn.matrix_transpose(a))


def definite(a):
    return a @ adjoint(a) + 2 * dn.eye(a.shape[-1], dtype="f8")


def projector(v, k):
    one = v[..., :, k : k + 1]
    return one @ adjoint(one)


def inv(a):
    return total(linalg.inv(a))


def det(a):
    return total(linalg.det(a))


def slogdet(a):
    sign, size = linalg.slogdet(a)
    return total(sign) + total(size, 1.0)


def solve(a):
    return total(linalg.solve(a, dn.conj(a)[..., :2]))


def solve_transposed_twice(a):
    x = linalg.solve(a, a[..., :2] * a[..., 1:])
    return total(linalg.solve(dn.matrix_transpose(a), x))


def lower(a):
    return total(linalg.solve_triangular(a, a * a, lower=True))


def transposed(a):
    return total(linalg.solve_triangular(a, a[..., :1], trans=1))


def conjugated(a):
    b = a[..., :1]
    x = linalg.solve_triangular(a, b, lower=True, trans=2, unit_diagonal=True)
    return total(x)


def cholesky(a):
    return total(linalg.cholesky(definite(a)))


def upper_cholesky(a):
    return total(linalg.cholesky(definite(a), upper=True))


def lu(a):
    _, low, up = linalg.lu(a)
    return total(low) + total(up, 1.0)


def wide_lu(a):
    return lu(a[..., :2, :])


def tall_lu(a):
    return lu(a[..., :2])


def qr(a):
    q, r = linalg.qr(a)
    return total(q) + total(r, 1.0)


def tall_qr(a):
    return qr(a[..., :2])


def wide_qr(a):
    return qr(a[..., :2, :])


def eigvalsh(a):
    return total(linalg.eigvalsh(a + adjoint(a)))


def eigh(a):
    w, v = linalg.eigh(a + adjoint(a))
    return total(projector(v, 0)) + total(projector(v, 2), 1.0) + total(w, 2.0)


def svdvals(a):
    return total(linalg.svdvals(a[..., :2]))


def svd(a):
    u, s, vh = linalg.svd(a, full_matrices=False)
    pair = u[..., :, :1] @ vh[..., :1, :]
    return total(pair) + total(projector(u, 1), 1.0) + total(s, 2.0)


def tall_svd(a):
    return svd(a[..., :2])


def wide_svd(a):
    return svd(a[..., :2, :])


def eigvals(a):
    return total(linalg.eigvals(a) ** 2)


def eig(a):
    return total(dn.abs(linalg.eig(a).eigenvectors))


def norms(a):
    rows = linalg.norm(a, 3, axis=-1) + linalg.norm(a, 2, axis=-1)
    return total(linalg.norm(a, axis=(-2, -1))) + total(rows)


def matrix_norms(a):
    return total(linalg.matrix_norm(a, ord="nuc") + linalg.matrix_norm(a, ord=2))


def pinv(a):
    return total(linalg.pinv(a))


def tall_pinv(a):
    return total(linalg.pinv(a[..., :2]))


def singular_pinv(a):
    return total(linalg.pinv(a[..., :2] @ a[..., :2, :]))


def lstsq(a):
    x, residuals, _, s = linalg.lstsq(a[:, :2], a)
    return total(x) + total(residuals, 1.0) + total(s, 2.0)


def expm(a):
    return total(linalg.expm(a) + linalg.expm(4 * a))


def powers(a):
    return total(linalg.matrix_power(a, 3)) + total(linalg.matrix_power(a, -2))


def products(a):
    made = linalg.multi_dot([a[0], a, a, a[:, :2]])
    return total(made) + total(linalg.cross(a, a @ a)) + linalg.cond(a)


def tensors(a):
    cube = linalg.tensorinv(dn.reshape(a @ a, (3, 3, 1))[..., None], 1)
    return total(cube) + total(linalg.tensorsolve(a[:, None, :], a[:, :1]))


LOSSES = (
    *(inv, det, slogdet, solve, solve_transposed_twice, lower, transposed),
    *(conjugated, cholesky, upper_cholesky, lu, wide_lu, tall_lu, qr, tall_qr),
    *(wide_qr, eigvalsh, eigh, svdvals, svd, tall_svd, wide_svd, eigvals, eig),
    *(norms, matrix_norms, pinv, tall_pinv, singular_pinv, lstsq, expm, powers),
    *(products, tensors),
)
