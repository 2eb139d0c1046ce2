"""Functions of each element."""

from conformance.forms import Call, form, same

_SAME = (
    *("exp", "expm1", "log1p", "sigmoid", "sin", "cos", "tan", "sinh", "cosh", "tanh"),
    *("sqrt", "rsqrt", "abs", "sign", "floor", "ceil", "round", "erf", "erfc"),
    *("asin", "acos", "atan", "asinh", "acosh", "atanh", "cbrt", "log2", "log10"),
    *("logical_not", "real", "imag", "population_count", "count_leading_zeros"),
    *("add", "subtract", "multiply", "divide", "atan2", "equal", "not_equal"),
    *("greater", "less", "greater_equal", "less_equal", "logical_and", "logical_or"),
    *("logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor", "outer"),
)
_RENAMED = {
    "erf_inv": "erfinv",
    "negate": "negative",
    "is_nan": "isnan",
    "is_infinity": "isinf",
    "bitwise_not": "bitwise_invert",
    "conjugate": "conj",
    "phase": "angle",
    "pow": "power",
    "remainder": "fmod",
    "quotient": "quotient",
    "max": "maximum",
    "min": "minimum",
    "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift",
    "select": "where",
    "clip": "clip",
    "complex": "make_complex",
}


def _log(writer, args, options):
    if len(args) == 1:
        return f"dn.log({writer.expr(args[0])})"
    return f"dn.log({writer.expr(args[0])}) / dn.log({writer.expr(args[1])})"


ELEMENTS: dict[str, Call] = {
    **{f"Nx.{name}": same(name) for name in _SAME},
    **{f"Nx.{theirs}": same(ours) for theirs, ours in _RENAMED.items()},
    "Nx.log": _log,
    "Nx.all_close": same("allclose", rtol="rtol", atol="atol", equal_nan="equal_nan"),
    "Nx.as_type": lambda w, args, options: (
        f"dn.astype({w.expr(args[0])}, {w.expr(args[1])})"
    ),
    "Nx.bitcast": same("bitcast"),
    "Nx.fill": same("full_like", type="dtype"),
    "Nx.Defn.Kernel.+": form("+{0}"),
    "Nx.Defn.Kernel.-": form("-{0}"),
    "Nx.Defn.Kernel.min": form("min({0}, {1})"),
    "Nx.Defn.Kernel.max": form("max({0}, {1})"),
    "Nx.Defn.Kernel.rem": form("{0} % {1}"),
    "Nx.Defn.Kernel.not": form("not {0}"),
}
