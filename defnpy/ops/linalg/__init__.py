"""Linear algebra: functions on batches of matrices, made with LAPACK's routines.

A decomposition is a record: NumPy says its value, mathematics its derivative, and
`expand` of which of LAPACK's routines it is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.ops import composite, dot, manipulation
from defnpy.ops.linalg import (
    cholesky,
    determinant,
    eigen,
    inverse,
    lu,
    matrices,
    norms,
    products,
    qr,
    routines,
    svd,
    triangular,
)
from defnpy.ops.linalg.decomposition import DECOMPOSITION as DECOMPOSITION

if TYPE_CHECKING:
    from collections.abc import Callable

MODULES = (cholesky, eigen, inverse, lu, qr, routines, svd, triangular)

_NAMED: dict[Any, tuple[str, ...]] = {
    cholesky: ("cholesky",),
    composite: ("tensordot", "vecdot"),
    determinant: ("det", "slogdet"),
    dot: ("matmul",),
    eigen: ("eig", "eigh", "eigvals", "eigvalsh"),
    inverse: ("cond", "lstsq", "matrix_rank", "pinv"),
    lu: ("inv", "lu", "solve"),
    manipulation: ("matrix_transpose",),
    matrices: ("adjoint",),
    norms: ("matrix_norm", "norm", "vector_norm"),
    products: (
        *("cross", "diagonal", "expm", "matrix_power", "multi_dot", "outer"),
        *("tensorinv", "tensorsolve", "trace"),
    ),
    qr: ("qr",),
    svd: ("svd", "svdvals"),
    triangular: ("solve_triangular",),
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(module, name) for module, names in _NAMED.items() for name in names
}
