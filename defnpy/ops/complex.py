"""The parts of complex numbers.

A derivative by a complex number is the one by its real part, less i times the one
by its imaginary part, as JAX has it: cotangents pass through a holomorphic function
by its derivative, and through the parts as written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dtypes import C64, C128, F64, default_float, real_of
from defnpy.base.errors import DefnTypeError, InternalError
from defnpy.ir.expr import Expr, make
from defnpy.ir.op import Attrs, Op, Sample
from defnpy.ops.axes import zeros_like
from defnpy.ops.family import batch_elementwise, common, convert, fold, native
from defnpy.ops.leaf import as_expr

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.base.dtypes import DType
    from defnpy.ir.types import TensorType

_VALUES = np.array([1.5 - 2j, -0.5j, 3.0])
_PARTS = (np.array([1.5, -0.0, 3.0]), np.array([-2.0, 0.5, -0.0]))


def complex_of(dtype: DType) -> DType:
    """Return the complex dtype whose parts are of `dtype`, or nearest to it.

    >>> complex_of(F64).name
    'c128'
    """
    if dtype.kind == "c":
        return dtype
    real = dtype if dtype.is_float else default_float()
    return C128 if real == F64 else C64


def _infer_part(attrs: Attrs, z: TensorType) -> TensorType:
    if z.dtype.kind != "c":
        raise InternalError(f"a part of {z}")
    return z.with_dtype(real_of(z.dtype), z.weak)


def _infer_complex(attrs: Attrs, x: TensorType, y: TensorType) -> TensorType:
    if x != y or complex_of(x.dtype) != {"f32": C64, "f64": C128}.get(x.dtype.name):
        raise InternalError(f"complex of {x}, {y}")
    return x.with_dtype(complex_of(x.dtype), x.weak)


def _part(
    name: str, eval: Callable[[np.ndarray], Any], vjp: Any, jvp: Any, doc: str
) -> Op:
    return Op(
        name=name,
        infer=_infer_part,
        eval=lambda attrs, z: np.array(eval(z)),
        vjp=lambda ct, y, z: (vjp(ct),),
        jvp=lambda tangents, y, z: jvp(tangents[0]),
        batch=batch_elementwise,
        lower=native,
        doc=doc,
        family="elementwise",
        samples=lambda: [Sample((_VALUES,), (), differentiable=False)],
    )


REAL = _part(
    "real",
    np.real,
    lambda ct: make_complex(ct, zeros_like(ct)),
    lambda tangent: real(tangent),
    "The real part of each element.",
)
IMAG = _part(
    "imag",
    np.imag,
    lambda ct: make_complex(zeros_like(ct), -ct),
    lambda tangent: imag(tangent),
    "The imaginary part of each element.",
)


def _eval_complex(attrs: Attrs, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    made = np.stack([x, y], axis=-1)
    return made.view(np.result_type(x.dtype, np.complex64))[..., 0]


def _jvp_complex(tangents: Any, z: Expr, x: Expr, y: Expr) -> Expr:
    parts = (zeros_like(x) if t is None else t for t in tangents)
    return make_complex(*parts)


COMPLEX = Op(
    name="complex",
    infer=_infer_complex,
    eval=_eval_complex,
    vjp=lambda ct, z, x, y: (real(ct), -imag(ct)),
    jvp=_jvp_complex,
    batch=batch_elementwise,
    lower=native,
    doc="The complex numbers of these real and imaginary parts.",
    family="elementwise",
    samples=lambda: [Sample(_PARTS, (), differentiable=False)],
)


def make_complex(x: Any, y: Any) -> Expr:
    """Return ``x + 1j * y``, whatever the parts are: zeros keep their sign.

    >>> dn.make_complex(np.array([1.0, 2.0]), -0.0)
    array([1.-0.j, 2.-0.j])
    """
    x, y = common(as_expr(x), as_expr(y), floats=True)
    if x.dtype.kind == "c":
        raise DefnTypeError(f"make_complex takes real parts, not {x.dtype}")
    part = real_of(complex_of(x.dtype))
    ready = (convert(each, part, weak=x.tensor.weak) for each in (x, y))
    return fold(make(COMPLEX, tuple(ready)))


def to_complex(x: Expr) -> Expr:
    """Return `x` as complex numbers."""
    return convert(x, complex_of(x.dtype), weak=x.tensor.weak)


def real(x: Any) -> Expr:
    """Return the real part: a real tensor is its own.

    >>> dn.real(np.array([1.0 + 2.0j, 3.0]))
    array([1., 3.])
    """
    x = as_expr(x)
    return x if x.dtype.kind != "c" else fold(make(REAL, (x,)))


def imag(x: Any) -> Expr:
    """Return the imaginary part, zeros for a real tensor.

    >>> dn.imag(np.array([1.0 + 2.0j, 3.0]))
    array([2., 0.])
    """
    x = as_expr(x)
    return zeros_like(x) if x.dtype.kind != "c" else fold(make(IMAG, (x,)))


def conj(x: Any) -> Expr:
    """Return the complex conjugate: a real tensor is its own.

    >>> dn.conj(np.array([1.0 + 2.0j]))
    array([1.-2.j])
    """
    x = as_expr(x)
    return x if x.dtype.kind != "c" else make_complex(real(x), -imag(x))


__all__ = ["COMPLEX", "IMAG", "REAL", "complex_of", "conj", "imag", "make_complex"]
__all__ += ["real", "to_complex"]
