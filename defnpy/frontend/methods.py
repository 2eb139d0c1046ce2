"""What an array's attributes and methods are on a tensor; dtypes are NumPy's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base import dtypes
from defnpy.base.errors import DefnTypeError
from defnpy.frontend import ragged
from defnpy.frontend.values import Ragged, known
from defnpy.ops.family import convert
from defnpy.ops.movement import transpose
from defnpy.ops.public import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.frontend.frame import Frame
    from defnpy.ir.expr import Expr

PROPERTIES: dict[str, Callable[[Expr], Any]] = {
    "shape": lambda x: x.shape,
    "ndim": lambda x: x.tensor.rank,
    "size": lambda x: x.tensor.size,
    "dtype": lambda x: x.dtype.numpy,
    "itemsize": lambda x: x.dtype.bytes,
    "nbytes": lambda x: x.tensor.bytes,
    "T": lambda x: transpose(x),
    "real": lambda x: FUNCTIONS["real"](x),
    "imag": lambda x: FUNCTIONS["imag"](x),
    "mT": lambda x: FUNCTIONS["matrix_transpose"](x),
}


def item(x: Expr) -> Expr:
    """Return the only element, as the Python number it stands for."""
    if x.tensor.size != 1:
        raise DefnTypeError(
            f"`.item()` needs one element, {x.type} has {x.tensor.size}"
        )
    return as_python(FUNCTIONS["reshape"](x, ()))


def as_python(x: Expr) -> Expr:
    """Return a scalar with Python's precision, adapting to what it meets."""
    wide = {"b": dtypes.BOOL, "i": dtypes.I64, "u": dtypes.I64, "f": dtypes.F64}
    return convert(x, wide.get(x.dtype.kind, dtypes.C128), weak=True)


def _sizes(args: tuple[Any, ...]) -> Any:
    """Return sizes or axes given one by one, or as one tuple."""
    (given,) = args if len(args) == 1 else (args,)
    return tuple(map(known, given)) if isinstance(given, tuple | list) else known(given)


def _reshape(x: Expr, *shape: Any, order: str = "C") -> Expr:
    if order != "C":
        raise DefnTypeError("reshape is in row-major order only")
    return FUNCTIONS["reshape"](x, _sizes(shape))


def _transpose(x: Expr, *axes: Any) -> Expr:
    given = _sizes(axes) if axes and axes != (None,) else None
    return transpose(x, given)


def _flatten(x: Expr) -> Expr:
    return FUNCTIONS["reshape"](x, (-1,))


def _astype(x: Expr, dtype: Any, *, copy: bool = True) -> Expr:
    return convert(x, dtypes.as_dtype(dtype))


def _diagonal(x: Expr) -> Expr:
    rows, columns = x.shape
    flat = _flatten(x)
    count = min(rows, columns)
    return FUNCTIONS["take"](flat, FUNCTIONS["arange"](count) * (columns + 1))


METHODS: dict[str, Callable[..., Any]] = {
    name: FUNCTIONS[name]
    for name in (
        *("sum", "prod", "mean", "var", "std", "max", "min", "any", "all"),
        *("argmax", "argmin", "dot", "squeeze", "swapaxes", "clip", "round"),
        *("cumsum", "cumprod", "repeat", "take", "argsort"),
    )
} | {
    "astype": _astype,
    "reshape": _reshape,
    "transpose": _transpose,
    "flatten": _flatten,
    "ravel": _flatten,
    "copy": lambda x: x,
    "conj": FUNCTIONS["conj"],
    "conjugate": FUNCTIONS["conj"],
    "item": item,
    "diagonal": _diagonal,
    "trace": lambda x: FUNCTIONS["sum"](_diagonal(x)),
}
IN_PLACE = {
    "sort": "use `np.sort(x)`",
    "fill": "use `np.full`",
    "resize": "use `.reshape`",
    "put": "assign to `x[index]`",
    "partition": "use `np.sort(x)`",
    "itemset": "assign to `x[index]`",
}


def call(
    frame: Frame, x: Expr | Ragged, name: str, args: list[Any], kwargs: dict[str, Any]
) -> Any:
    """Return what a method returns."""
    with dtypes.float_defaults(dtypes.F64):
        if isinstance(x, Ragged):
            return ragged.call(name, [x, *args], kwargs)
        return frame.built(name, METHODS[name], [x, *args], kwargs)
