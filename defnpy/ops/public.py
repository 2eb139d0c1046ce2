"""The public functions over expressions, by name: what ``dn.exp`` and its kin build.

Names are the Array API's first, then NumPy's and JAX's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.ops import (
    bits,
    complex,
    complex_math,
    composite,
    counting,
    creation,
    curves,
    diagonals,
    division,
    dot,
    einsum,
    elementwise,
    gradient,
    grids,
    inspection,
    manipulation,
    math,
    nans,
    polar,
    quantiles,
    reduce,
    selecting,
    softmax,
    sorting,
    statistics,
    unsized,
    window_scatter,
    windows,
)
from defnpy.ops.examples import EXAMPLES
from defnpy.ops.family import Elementwise

if TYPE_CHECKING:
    from collections.abc import Callable

_ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "abs": polar.absolute,
    "angle": polar.angle,
    "add": elementwise.add,
    "bitwise_and": elementwise.bitwise_and,
    "bitwise_invert": elementwise.bitwise_invert,
    "bitwise_left_shift": elementwise.shift_left,
    "bitwise_or": elementwise.bitwise_or,
    "bitwise_right_shift": elementwise.shift_right,
    "bitwise_xor": elementwise.bitwise_xor,
    "copysign": elementwise.copysign,
    "divide": elementwise.divide,
    "equal": elementwise.equal,
    "floor_divide": elementwise.floor_divide,
    "greater": elementwise.greater,
    "greater_equal": elementwise.greater_equal,
    "isfinite": elementwise.isfinite,
    "isinf": elementwise.isinf,
    "isnan": elementwise.isnan,
    "less": elementwise.less,
    "less_equal": elementwise.less_equal,
    "logical_and": elementwise.logical_and,
    "logical_not": elementwise.logical_not,
    "logical_or": elementwise.logical_or,
    "logical_xor": elementwise.logical_xor,
    "maximum": elementwise.maximum,
    "minimum": elementwise.minimum,
    "multiply": elementwise.multiply,
    "negative": elementwise.negative,
    "not_equal": elementwise.not_equal,
    "remainder": elementwise.remainder,
    "sign": polar.sign,
    "subtract": elementwise.subtract,
    "where": elementwise.where,
    "dot": dot.dot,
    "matmul": dot.matmul,
    "max": reduce.max,
    "min": reduce.min,
    "any": reduce.any,
    "all": reduce.all,
    "argmax": reduce.argmax,
    "argmin": reduce.argmin,
}

_NAMED = {
    composite: (
        *("clip", "square", "reciprocal", "rsqrt", "positive", "floor", "ceil"),
        *("trunc", "round", "signbit", "isclose", "allclose", "bitcast", "outer"),
        *("kron", "tensordot", "vecdot", "isin"),
    ),
    complex: ("real", "imag", "conj", "make_complex"),
    curves: ("interp", "trapezoid"),
    division: ("fmod", "quotient", "divmod"),
    diagonals: ("diag", "diagonal", "trace", "make_diagonal", "put_diagonal"),
    einsum: ("einsum",),
    grids: ("eye", "tri", "tril", "triu", "meshgrid", "one_hot"),
    nans: (
        *("nan_to_num", "fmax", "fmin", "nansum", "nanprod", "nancumsum", "nancumprod"),
        *("nanmean", "nanvar", "nanstd", "nanmax", "nanmin", "nanargmax", "nanargmin"),
        *("nanquantile", "nanpercentile", "nanmedian"),
    ),
    quantiles: (
        *("quantile", "percentile", "median", "mode", "average", "cov"),
        "corrcoef",
    ),
    bits: ("population_count", "count_leading_zeros"),
    inspection: ("finfo", "iinfo", "isdtype", "can_cast", "result_type"),
    softmax: ("logsumexp", "softmax", "log_softmax"),
    sorting: ("argsort", "sort", "top_k"),
    unsized: (
        *(
            "nonzero",
            "flatnonzero",
            "argwhere",
            "extract",
            "unique_all",
            "unique_counts",
            "unique_inverse",
        ),
        *("unique_values", "bincount"),
    ),
    counting: (
        *("histogram", "segment_sum", "segment_prod", "segment_max", "segment_min"),
    ),
    window_scatter: ("window_scatter_max", "window_scatter_min"),
    windows: (
        *("conv", "window_sum", "window_prod", "window_max", "window_min"),
        "window_mean",
    ),
    gradient: ("stop_gradient",),
    creation: (
        *("tensor", "asarray", "astype", "full", "zeros", "ones", "empty"),
        *("zeros_like", "ones_like", "empty_like", "full_like", "arange"),
        *("linspace", "iota"),
    ),
    manipulation: (
        *("reshape", "broadcast_to", "broadcast_arrays", "broadcast_shapes"),
        *("concatenate", "stack", "unstack", "split", "squeeze", "expand_dims"),
        *("permute_dims", "matrix_transpose", "swapaxes", "moveaxis", "flip"),
        *("roll", "repeat", "tile", "pad"),
    ),
    selecting: (
        *("take", "take_along_axis", "indexed_add", "indexed_put"),
        *("dynamic_slice", "dynamic_update_slice", "searchsorted"),
    ),
    statistics: (
        *("sum", "prod", "mean", "var", "std", "count_nonzero", "diff"),
        *("cumulative_sum", "cumulative_prod", "cumulative_max", "cumulative_min"),
        *("cumsum", "cumprod"),
    ),
}
_MATH = (
    *("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos"),
    *(
        "cosh",
        "digamma",
        "erf",
        "erfc",
        "erfinv",
        "exp",
        "exp2",
        "expm1",
        "hypot",
        "lgamma",
    ),
    *("log", "log1p", "log2", "log10", "logaddexp", "log_sigmoid", "nextafter"),
    *("power", "sigmoid", "sin", "sinh", "softplus", "tan", "tanh"),
)
_ALIASES = {
    "absolute": "abs",
    "all_close": "allclose",
    "concat": "concatenate",
    "from_dlpack": "asarray",
    "gammaln": "lgamma",
    "transpose": "permute_dims",
    "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift",
    "mod": "remainder",
    "pow": "power",
    "select": "where",
}


def _all() -> dict[str, Callable[..., Any]]:
    made = dict(_ELEMENTWISE)
    for module, names in _NAMED.items():
        made |= {name: getattr(module, name) for name in names}
    made |= {name: getattr(math, name) for name in _MATH}
    made |= complex_math.EXTENDED | {"power": complex_math.power}
    made |= {alias: made[name] for alias, name in _ALIASES.items()}
    return dict(sorted(made.items()))


FUNCTIONS: dict[str, Callable[..., Any]] = _all()


def documentation(name: str) -> str:
    """Return what a user reads of a public function, with an example.

    >>> documentation("add").splitlines()[0]
    'Sum of two tensors, element by element.'
    """
    builder = FUNCTIONS[name]
    text = builder.__doc__ or ""
    if ">>>" in text:
        return text
    parts = [text, EXAMPLES.get(_ALIASES.get(name, name), "")]
    if isinstance(builder, Elementwise):
        parts.insert(1, _rules(builder))
    return "\n\n".join(filter(None, parts)) + "\n"


def _rules(function: Elementwise) -> str:
    """Say which dtypes an elementwise function takes and returns."""
    said = [f"It takes {function.taken}."]
    if function.floats:
        said = ["Integers become the default float."]
    if function.arity > 1:
        said.insert(0, "Operands broadcast and take their common dtype.")
    return "\n".join(said)
