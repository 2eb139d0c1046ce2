"""Gradients, constants, dtypes, linear algebra, transforms and random numbers."""

from typing import Any

from conformance.forms import Call, form, same
from conformance.translation import UntranslatableError, Writer, dtype

Options = dict[str, Any]


def _variables(w: Writer, node: Any) -> str:
    """Return what is differentiated by; integers have no gradient here."""
    if isinstance(node, dict) and "tuple" in node:
        parts = [_variables(w, part) for part in node["tuple"]]
        return f"({', '.join(parts)},)"
    kinds = {"s", "u"}
    if isinstance(node, dict) and "tensor" in node:
        text = w.expr(node)
        integers = node["tensor"]["dtype"][0] in kinds
        return f"dn.astype({text}, 'f32')" if integers else text
    if isinstance(node, dict) and ("call" in node or "lane" in node.get("var", "")):
        x = w.named(node)
        return f"dn.astype({x}, dn.result_type({x}, 'f32'))"
    return repr(float(node)) if isinstance(node, int) else w.expr(node)


def _grad(w: Writer, args: list[Any], options: Options) -> str:
    variables, function = args[:2]
    text = _variables(w, variables)
    f = w.function(function, "dn.sum({})")
    if not _is_complex(args):
        return f"dn.grad({f})({text})"
    # What is complex has no gradient, but a cotangent for 1.
    value, back = w.fresh("v"), w.fresh("v")
    w.lines.append(f"{value}, {back} = dn.vjp({f}, {text})")
    return f"{back}(dn.ones_like({value}))[0]"


def _is_complex(node: Any) -> bool:
    text = str(node)
    return any(mark in text for mark in ("'c64'", "'complex'", "Constants.i'"))


def _value_and_grad(w: Writer, args: list[Any], options: Options) -> str:
    text = _variables(w, args[0])
    return f"dn.value_and_grad({w.function(args[1])})({text})"


def _custom_grad(w: Writer, args: list[Any], options: Options) -> str:
    result, inputs, backward = args
    names = ", ".join(node["var"] for node in inputs)
    inner = Writer(arrays=w.arrays, count=w.count)
    made, back = inner.expr(result), inner.function(backward)
    w.count = inner.count
    name = w.fresh("f")
    body = [*inner.lines, f"return {made}, lambda ct: tuple({back}(ct))"]
    w.lines += [f"def {name}({names}):", *(f"    {line}" for line in body)]
    return f"dn.custom_grad({name})({names})"


def _constant(text: str) -> Call:
    """Return a constant of a dtype, f32 where none is given."""

    def write(w: Writer, args: list[Any], options: Options) -> str:
        if not args:
            return text  # a number takes the dtype it meets
        asked = dtype(args[0])
        kind = "iinfo" if asked[1] in "iu" else "finfo"
        return f"dn.asarray({text.format(dtype=asked, info=kind)}, {asked})"

    return write


def _limit(name: str) -> Call:
    """Return the least or the greatest number of a dtype, infinities counted."""

    def write(w: Writer, args: list[Any], options: Options) -> str:
        asked = dtype(args[0])
        if asked[1] in "iu":
            return f"dn.asarray(dn.iinfo({asked}).{name}, {asked})"
        sign = "-" if name == "min" else ""
        return f"dn.asarray({sign}dn.inf, {asked})"

    return write


def _imaginary(w: Writer, args: list[Any], options: Options) -> str:
    asked = dtype(args[0]) if args else "'c64'"
    return f"dn.asarray(1j, {asked})"


def _merge(w: Writer, args: list[Any], options: Options) -> str:
    return f"dn.result_type({', '.join(map(dtype, args))})"


def _merge_number(w: Writer, args: list[Any], options: Options) -> str:
    return f"dn.result_type({dtype(args[0])}, {w.expr(args[1])})"


def _is_kind(kind: str) -> Call:
    def write(w: Writer, args: list[Any], options: Options) -> str:
        return f"dn.isdtype({dtype(args[0])}, {kind!r})"

    return write


def _triangular_solve(w: Writer, args: list[Any], options: Options) -> str:
    a, b = (w.named(arg) for arg in args)
    lower = options.pop("lower", True)
    transform = options.pop("transform_a", {"atom": "none"})["atom"]
    if transform not in ("none", "transpose", "conjugate"):
        raise UntranslatableError("a transform is a number here: trans=0, 1 or 2")
    if transform == "conjugate":
        a, lower = f"dn.conj({a})", lower
    trans = f", trans={int(transform == 'transpose')}"
    if options.pop("left_side", True):
        return _solved(
            f"dn.linalg.solve_triangular({a}, {{}}, lower={lower}{trans})", a, b
        )
    # x a = b is aᵀ xᵀ = bᵀ.
    trans = f", trans={int(transform != 'transpose')}"
    form = f"dn.linalg.solve_triangular({a}, {{}}, lower={lower}{trans})"
    turned = form.format(f"dn.matrix_transpose({b})")
    if_vectors = _solved(form, a, b)
    return f"({if_vectors} if {b}.ndim < {a}.ndim else dn.matrix_transpose({turned}))"


def _solve(w: Writer, args: list[Any], options: Options) -> str:
    a, b = (w.named(arg) for arg in args)
    return _solved(f"dn.linalg.solve({a}, {{}})", a, b)


def _solved(form: str, a: str, b: str) -> str:
    """Return a solution; with an axis less than `a`, `b` is a batch of vectors."""
    vectors = form.format(f"dn.expand_dims({b}, -1)") + "[..., 0]"
    return f"({vectors} if {b}.ndim < {a}.ndim else {form.format(b)})"


def _norm(w: Writer, args: list[Any], options: Options) -> str:
    order = options.pop("ord", None)
    if isinstance(order, dict):
        named = {"inf": "dn.inf", "neg_inf": "-dn.inf"}
        names = {"frobenius": "'fro'", "nuclear": "'nuc'"}
        known = named | names
        order = known.get(order["atom"], repr(order["atom"]))
    rest = "" if order is None else f", ord={order}"
    if "axes" in options:
        axes = w.axes(options.pop("axes"), args[0])
        rest += f", axis={axes[0] if len(axes) == 1 else tuple(axes)}"
    return f"dn.linalg.norm({w.expr(args[0])}{rest}{_kept(options)})"


def _kept(options: Options) -> str:
    return f", keepdims={options.pop('keep_axes')}" if "keep_axes" in options else ""


def _qr(w: Writer, args: list[Any], options: Options) -> str:
    mode = options.pop("mode", {"atom": "reduced"})["atom"]
    options.pop("eps", None)
    return f"dn.linalg.qr({w.expr(args[0])}, mode={mode!r})"


def _svd(w: Writer, args: list[Any], options: Options) -> str:
    options.pop("max_iter", None)
    full = options.pop("full_matrices?", True)
    return f"dn.linalg.svd({w.expr(args[0])}, full_matrices={full})"


def _plain(text: str) -> Call:
    """Return a form whose options only say how hard Nx tries."""

    def write(w: Writer, args: list[Any], options: Options) -> str:
        options.pop("max_iter", None)
        options.pop("eps", None)
        return form(text)(w, args, options)

    return write


def _length(x: str, axis: int, given: Any) -> str:
    """Return the length of a transform."""
    if given == {"atom": "power_of_two"}:
        return f"1 << ({x}.shape[{axis}] - 1).bit_length()"
    return repr(given["atom"] if isinstance(given, dict) else given)


def _fft(name: str) -> Call:
    def write(w: Writer, args: list[Any], options: Options) -> str:
        options.pop("eps", None)
        axis = w.axes(options.pop("axis", -1), args[0])
        length = options.pop("length", None)
        x = w.named(args[0])
        rest = "" if length is None else f", n={_length(x, axis, length)}"
        return f"dn.fft.{name}({x}, axis={axis}{rest})"

    return write


def _fft2(name: str) -> Call:
    def write(w: Writer, args: list[Any], options: Options) -> str:
        options.pop("eps", None)
        axes = tuple(w.axes(options.pop("axes", [-2, -1]), args[0]))
        lengths = options.pop("lengths", options.pop("length", None))
        if not isinstance(lengths, list):
            rest = "" if lengths is None else f", s={w.expr(lengths)}"
            return f"dn.fft.{name}({w.expr(args[0])}, axes={axes}{rest})"
        x = w.named(args[0])
        sizes = [_length(x, a, n) for a, n in zip(axes, lengths, strict=True)]
        return f"dn.fft.{name}({x}, axes={axes}, s=({', '.join(sizes)}))"

    return write


def _sampler(name: str, *places: str) -> Call:
    """Return a sampler of a key that is split first, and the other half."""
    plain = _split_sampler(name, *places)

    def write(w: Writer, args: list[Any], options: Options) -> str:
        keys = w.fresh("v")
        w.lines.append(f"{keys} = dn.random.split({w.expr(args[0])})")
        made = plain(w, [{"var": f"{keys}[0]"}, *args[1:]], options)
        return f"({made}, {keys}[1])"

    return write


def _split_sampler(name: str, *places: str) -> Call:
    def write(w: Writer, args: list[Any], options: Options) -> str:
        text = w.expr(args[0])
        shape = options.pop("shape", {"tuple": []})
        given = dict(zip(places, args[1:], strict=False))
        text += f", shape={w.expr(shape)}"
        text += "".join(f", {key}={w.expr(value)}" for key, value in given.items())
        if "type" in options:
            text += f", dtype={dtype(options.pop('type'))}"
        return f"dn.random.{name}({text})"

    return write


def _normal(sampler: Call) -> Call:
    """Return normal numbers of a mean and a deviation."""

    def write(w: Writer, args: list[Any], options: Options) -> str:
        made = sampler(w, args[:1], options)
        if len(args) == 1:
            return made
        mean, deviation = (w.expr(arg) for arg in args[1:])
        if made.startswith("("):
            value = w.fresh("v")
            w.lines.append(f"{value} = {made}")
            return f"({value}[0] * {deviation} + {mean}, {value}[1])"
        return f"({made} * {deviation} + {mean})"

    return write


def _choice(w: Writer, args: list[Any], options: Options) -> str:
    keys = w.fresh("v")
    w.lines.append(f"{keys} = dn.random.split({w.expr(args[0])})")
    x = w.expr(args[1])
    rest = f", p={w.expr(args[2])}" if len(args) > 2 else ""
    axis = options.pop("axis", None)
    if axis is None:
        x = f"dn.reshape({x}, -1)"
    else:
        rest += f", axis={w.axes(axis, args[1])}"
    replace, count = options.pop("replace", True), options.pop("samples", 1)
    text = f"{keys}[0], {x}, ({count},), replace={replace}{rest}"
    return f"(dn.random.choice({text}), {keys}[1])"


def _shuffle(w: Writer, args: list[Any], options: Options) -> str:
    shuffle = same("random.shuffle", axis="axis", independent="independent")
    return f"({shuffle(w, args, options)}, None)"


_LINALG: dict[str, Call] = {
    "adjoint": form("dn.conj(dn.matrix_transpose({0}))"),
    "cholesky": same("linalg.cholesky"),
    "determinant": same("linalg.det"),
    "eigh": _plain("tuple(dn.linalg.eigh({0}))"),
    "invert": same("linalg.inv"),
    "least_squares": _plain("dn.linalg.lstsq({0}, {1})[0]"),
    "lu": _plain("dn.linalg.lu({0})"),
    "matrix_power": same("linalg.matrix_power"),
    "matrix_rank": _plain("dn.linalg.matrix_rank({0})"),
    "norm": _norm,
    "pinv": _plain("dn.linalg.pinv({0})"),
    "qr": _qr,
    "solve": _solve,
    "svd": _svd,
    "triangular_solve": _triangular_solve,
}
_RANDOM: dict[str, Call] = {
    "key": same("random.key"),
    "split": same("random.split", parts="num"),
    "uniform": _sampler("uniform", "minval", "maxval"),
    "uniform_split": _split_sampler("uniform", "minval", "maxval"),
    "normal": _normal(_sampler("normal")),
    "normal_split": _normal(_split_sampler("normal")),
    "randint": _sampler("randint", "minval", "maxval"),
    "randint_split": _split_sampler("randint", "minval", "maxval"),
    "gumbel": _sampler("gumbel"),
    "choice": _choice,
    "shuffle": _shuffle,
    "multivariate_normal": _sampler("multivariate_normal", "mean", "cov"),
    "multivariate_normal_split": _split_sampler("multivariate_normal", "mean", "cov"),
}
_CONSTANTS: dict[str, Call] = {
    "nan": _constant("dn.nan"),
    "infinity": _constant("dn.inf"),
    "neg_infinity": _constant("-dn.inf"),
    "pi": _constant("dn.pi"),
    "e": _constant("dn.e"),
    "euler_gamma": _constant("dn.euler_gamma"),
    "epsilon": _constant("dn.finfo({dtype}).eps"),
    "smallest_positive_normal": _constant("dn.finfo({dtype}).smallest_normal"),
    "max_finite": _constant("dn.{info}({dtype}).max"),
    "min_finite": _constant("dn.{info}({dtype}).min"),
    "max": _limit("max"),
    "min": _limit("min"),
    "i": _imaginary,
}

PROGRAMS: dict[str, Call] = {
    "grad": _grad,
    "value_and_grad": _value_and_grad,
    "custom_grad": _custom_grad,
    "stop_grad": same("stop_gradient"),
    "Nx.fft": _fft("fft"),
    "Nx.ifft": _fft("ifft"),
    "Nx.rfft": _fft("rfft"),
    "Nx.irfft": _fft("irfft"),
    "Nx.fft2": _fft2("fft2"),
    "Nx.ifft2": _fft2("ifft2"),
    **{f"Nx.LinAlg.{name}": call for name, call in _LINALG.items()},
    **{f"Nx.Random.{name}": call for name, call in _RANDOM.items()},
    **{f"Nx.Constants.{name}": call for name, call in _CONSTANTS.items()},
    "Nx.Type.merge": _merge,
    "Nx.Type.merge_number": _merge_number,
    "Nx.Type.integer?": _is_kind("integral"),
    "Nx.Type.float?": _is_kind("real floating"),
    "Nx.Type.complex?": _is_kind("complex floating"),
    "Nx.Defn.Composite.count": form("len(dn.tree.leaves({0}))"),
    "Nx.Defn.Composite.traverse": form("dn.tree.map({1}, {0})"),
}
