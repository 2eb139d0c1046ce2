"""What the names of NumPy and `math` mean on tensors: NumPy's dtypes, our builders."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import dtypes
from defnpy.base.errors import DefnTypeError
from defnpy.frontend import methods, ragged
from defnpy.frontend.values import Ragged, has_tensors, is_number, known
from defnpy.ir.expr import Expr
from defnpy.ops.axes import reshape
from defnpy.ops.family import convert
from defnpy.ops.fft import FUNCTIONS as FFT
from defnpy.ops.leaf import as_expr
from defnpy.ops.linalg import FUNCTIONS as LINALG
from defnpy.ops.movement import concatenate
from defnpy.ops.public import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.frontend.frame import Frame

Builder = "Callable[..., Any]"

# NumPy's function, and the public one of another name that it is.
_RENAMED = {
    **{"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2"},
    **{"arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh"},
    **{"power": "pow", "fabs": "abs", "amax": "max", "amin": "min"},
    **{"array": "tensor", "asarray": "tensor", "true_divide": "divide"},
    **{"invert": "bitwise_invert", "bitwise_not": "bitwise_invert"},
    **{"identity": "eye", "around": "round"},
}
# Static questions that NumPy answers itself.
_STATIC = frozenset(
    {"finfo", "iinfo", "can_cast", "result_type", "isdtype", "broadcast_shapes"}
)


_OF_SEQUENCES = frozenset(
    {"concatenate", "concat", "stack", "hstack", "vstack", "multi_dot"}
)
_OF_SHAPES = frozenset({"zeros", "ones", "empty", "full", "array", "asarray"})
_OF_MANY = frozenset(
    {
        *("dot", "where", "outer", "tensordot", "searchsorted", "inner", "take"),
        *("interp", "kron", "trapezoid", "isin", "cross"),
        *("quantile", "percentile", "nanquantile", "nanpercentile"),
    }
)


def _stacked(tensors: Any, axis: int) -> Expr:
    parts = [as_expr(each) for each in tensors]
    wide = [reshape(p, (1,)) if p.shape == () else p for p in parts]
    return concatenate(wide, 0 if wide[0].tensor.rank == 1 else axis)


def _vstack(tensors: Any) -> Expr:
    parts = [as_expr(each) for each in tensors]
    rows = [reshape(p, (1, -1)) if p.tensor.rank < 2 else p for p in parts]
    return concatenate(rows, 0)


def _array(value: Any, dtype: Any = None, *, copy: bool = True, ndmin: int = 0) -> Expr:
    made = as_expr(value) if isinstance(value, Expr) else FUNCTIONS["tensor"](value)
    return convert(made, dtypes.as_dtype(dtype)) if dtype is not None else made


_OWN: dict[Any, Callable[..., Any]] = {
    np.array: _array,
    np.asarray: _array,
    np.hstack: lambda tensors: _stacked(tensors, 1),
    np.vstack: _vstack,
    np.ravel: methods.METHODS["flatten"],
    np.copy: as_expr,
    np.shape: lambda x: as_expr(x).shape,
    np.ndim: lambda x: as_expr(x).tensor.rank,
    np.size: lambda x: as_expr(x).tensor.size,
    np.trace: lambda x: methods.METHODS["trace"](as_expr(x)),
    np.inner: lambda a, b: FUNCTIONS["dot"](
        as_expr(a), methods.PROPERTIES["T"](as_expr(b))
    ),
}
NUMPY: dict[Any, Callable[..., Any]] = {
    getattr(np, name): builder
    for name, builder in FUNCTIONS.items()
    if hasattr(np, name) and name not in _STATIC
}
NUMPY |= {
    getattr(np, name): FUNCTIONS[public]
    for name, public in _RENAMED.items()
    if public in FUNCTIONS
}
NUMPY |= {
    getattr(np.linalg, name): builder
    for name, builder in LINALG.items()
    if hasattr(np.linalg, name)
}
NUMPY |= {getattr(np.fft, name): builder for name, builder in FFT.items()}
NUMPY[np.cross] = LINALG["cross"]
NUMPY |= _OWN


def _whole(name: str) -> Callable[[Any], Expr]:
    return lambda x: methods.as_python(convert(FUNCTIONS[name](x), dtypes.I64))


def _log(x: Any, base: Any = None) -> Any:
    made = FUNCTIONS["log"](x)
    return made if base is None else made / FUNCTIONS["log"](base)


_MATH_RENAMED = {"fabs": "abs", "gamma": "gamma", "isclose": "isclose"}
MATH: dict[Any, Callable[..., Any]] = {
    getattr(math, name): FUNCTIONS[_MATH_RENAMED.get(name, name)]
    for name in (
        *("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt"),
        *("copysign", "cos", "cosh", "erf", "erfc", "exp", "exp2", "expm1", "fabs"),
        *("hypot", "isclose", "isfinite", "isinf", "isnan", "lgamma", "log10"),
        *("log1p", "log2", "nextafter", "pow", "sin", "sinh", "sqrt", "tan", "tanh"),
    )
    if hasattr(math, name) and _MATH_RENAMED.get(name, name) in FUNCTIONS
}
MATH |= {
    math.log: _log,
    math.floor: _whole("floor"),
    math.ceil: _whole("ceil"),
    math.trunc: _whole("trunc"),
    math.fmod: FUNCTIONS["fmod"],
    math.degrees: lambda x: as_expr(x) * (180.0 / math.pi),
    math.radians: lambda x: as_expr(x) * (math.pi / 180.0),
    math.fsum: lambda values: sum(values, 0.0),
    math.prod: lambda values, *, start=1: _product(values, start),
}


def _product(values: Any, start: Any) -> Any:
    for value in values:
        start = start * value
    return start


def call(frame: Frame, callee: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return what a function of NumPy or `math` returns."""
    if any(isinstance(each, Ragged) for each in args):
        with dtypes.float_defaults(dtypes.F64):
            return ragged.call(callee.__name__, args, kwargs)
    if callee in MATH:
        if not has_tensors(args, kwargs):
            return frame.static(callee, *args, **kwargs)
        _check_scalars(callee, args)
        return frame.built(callee.__name__, MATH[callee], args, kwargs)
    if isinstance(callee, np.ufunc) and all(map(is_number, args)) and not kwargs:
        made = callee(*args)
        return made.item() if isinstance(made, np.generic) else made
    options = {
        name: known(value) if name in ("axis", "axes", "shape") else value
        for name, value in kwargs.items()
    }
    with dtypes.float_defaults(dtypes.F64):
        ready = _arrays(callee, args)
        return frame.built(callee.__name__, NUMPY[callee], ready, options)


def _arrays(callee: Any, args: list[Any]) -> list[Any]:
    """Return arguments with lists as arrays where NumPy takes them for arrays."""
    name = callee.__name__
    if name in _OF_SEQUENCES:
        first = args[0] if args else None
        if isinstance(first, list | tuple):
            return [[_as_array(each) for each in first], *args[1:]]
        return args
    if name in _OF_SHAPES:
        return args
    count = len(args) if isinstance(callee, np.ufunc) or name in _OF_MANY else 1
    return [*map(_as_array, args[:count]), *args[count:]]


def _as_array(value: Any) -> Any:
    return FUNCTIONS["tensor"](value) if isinstance(value, list) else value


def _check_scalars(callee: Any, args: list[Any]) -> None:
    for arg in args:
        if isinstance(arg, Expr) and arg.tensor.size != 1:
            raise DefnTypeError(
                f"math.{callee.__name__} takes a number, not {arg.type}",
                hint=f"np.{callee.__name__} takes arrays",
            )


def scalar_type(frame: Frame, cls: type[np.generic], args: list[Any]) -> Any:
    """Return ``np.float32(x)`` and its kin."""
    if args and isinstance(args[0], Expr):
        return convert(args[0], dtypes.as_dtype(cls))
    return frame.static(cls, *args)


def is_random(callee: Any) -> bool:
    """Whether `callee` draws random numbers when the function is compiled."""
    owner = getattr(callee, "__self__", None)
    module = getattr(callee, "__module__", None) or type(owner).__module__
    return str(module).startswith(("numpy.random", "random")) or isinstance(
        owner, np.random.RandomState | np.random.Generator
    )


def is_clock(callee: Any) -> bool:
    """Whether `callee` returns something else at each call, such as the time."""
    owner = getattr(callee, "__self__", None)
    module = getattr(callee, "__module__", None) or getattr(owner, "__module__", None)
    return module in ("time", "secrets", "uuid") or (
        module == "datetime" and callee.__name__ in ("now", "today", "utcnow")
    )
