"""Functions that make, rearrange and index arrays."""

from typing import Any

from conformance.forms import Call, form, pairs, same, sizes
from conformance.translation import UntranslatableError, Writer, dtype

Options = dict[str, Any]


def _tensor(w: Writer, args: list[Any], options: Options) -> str:
    if "backend" in options:
        raise UntranslatableError("there are no backends to move arrays between here")
    ask = f", dtype={dtype(options.pop('type'))}" if "type" in options else ""
    return f"dn.tensor({w.expr(args[0])}{ask})"


def _iota(w: Writer, args: list[Any], options: Options) -> str:
    if "vectorized_axes" in options:
        raise UntranslatableError(_lanes())
    names = [n["atom"] if isinstance(n, dict) else n for n in options.pop("names", [])]
    asked = options.pop("axis", None)
    axis = names.index(asked["atom"]) if isinstance(asked, dict) else asked
    return f"dn.iota({sizes(w, args[0])}{_and(axis=axis)}{_type(options)})"


def _lanes() -> str:
    from conformance.calls import ABSENT

    return ABSENT["Nx.vectorize"]


def _and(**options: Any) -> str:
    given = (f", {k}={v!r}" for k, v in options.items() if v is not None)
    return "".join(given)


def _type(options: Options) -> str:
    return f", dtype={dtype(options.pop('type'))}" if "type" in options else ""


def _eye(w: Writer, args: list[Any], options: Options) -> str:
    if "vectorized_axes" in options:
        raise UntranslatableError(_lanes())
    ask = _type(options) or ", dtype='i32'"
    if not isinstance(args[0], dict):
        return f"dn.eye({args[0]}{ask})"
    if "call" in args[0]:
        return f"dn.eye(*{sizes(w, args[0])}{ask})"
    *batch, rows, columns = args[0]["tuple"]
    made = f"dn.eye({rows}, {columns}{ask})"
    return f"dn.broadcast_to({made}, {(*batch, rows, columns)})" if batch else made


def _tri(w: Writer, args: list[Any], options: Options) -> str:
    offset = options.pop("k", 0)
    ask = _type(options) or ", dtype='u8'"
    return f"dn.tri({', '.join(map(w.expr, args))}, k={offset}{ask})"


def _linspace(w: Writer, args: list[Any], options: Options) -> str:
    bounds = ", ".join(map(w.expr, args))
    endpoint = options.pop("endpoint", None)
    text = f"{bounds}, {w.expr(options.pop('n'))}{_and(endpoint=endpoint)}, axis=-1"
    return f"dn.linspace({text}{_type(options)})"


def _broadcast(w: Writer, args: list[Any], options: Options) -> str:
    shape = sizes(w, args[1])
    if "axes" not in options:
        return f"dn.broadcast_to({w.expr(args[0])}, {shape})"
    axes = options.pop("axes")
    kept = w.axes(axes, args[1])
    rest = [a for a in range(len(args[1]["tuple"])) if a not in kept]
    return f"dn.broadcast_to(dn.expand_dims({w.expr(args[0])}, {tuple(rest)}), {shape})"


def _reshape(w: Writer, args: list[Any], options: Options) -> str:
    return f"dn.reshape({w.expr(args[0])}, {sizes(w, args[1])})"


def _flatten(w: Writer, args: list[Any], options: Options) -> str:
    if "axes" not in options:
        return f"dn.reshape({w.expr(args[0])}, -1)"
    axes = w.axes(options.pop("axes"), args[0])
    if sorted(axes) != list(range(min(axes), max(axes) + 1)):
        raise UntranslatableError("axes are made one by dn.reshape, which has no axes")
    x = w.named(args[0])
    shape = f"(*{x}.shape[:{axes[0]}], -1, *{x}.shape[{axes[-1] + 1}:])"
    return f"dn.reshape({x}, {shape})"


def _pad(w: Writer, args: list[Any], options: Options) -> str:
    x, value, config = args
    edges = [low_high for *low_high, _ in pairs(config)]
    interior = [between for *_, between in pairs(config)]
    edges, interior = repr(edges), repr(interior)
    return (
        f"dn.pad({w.expr(x)}, {edges}, constant_values={w.expr(value)},"
        f" interior={interior})"
    )


_MODES = {
    "cyclic": "wrap",
    "mirror": "symmetric",
    "reflect": "reflect",
    "replicate": "edge",
}


def _pad_outer(w: Writer, args: list[Any], options: Options) -> str:
    x, value, config = args
    edges = repr([list(pair) for pair in pairs(config)])
    if isinstance(value, dict) and "atom" in value:
        return f"dn.pad({w.expr(x)}, {edges}, {_MODES[value['atom']]!r})"
    return f"dn.pad({w.expr(x)}, {edges}, constant_values={w.expr(value)})"


def _split(w: Writer, args: list[Any], options: Options) -> str:
    axis = w.axes(options.pop("axis", 0), args[0])
    x, where = w.named(args[0]), args[1]
    if isinstance(where, float) and where < 0:
        raise UntranslatableError("split takes places here, not a share of the length")
    if isinstance(where, float):
        where = f"math.ceil({where} * {x}.shape[{axis}])"
    return f"dn.split({x}, [{where}], {axis})"


def _slice(w: Writer, args: list[Any], options: Options) -> str:
    x, starts, lengths = (w.expr(arg) for arg in args)
    made = f"dn.dynamic_slice({x}, {starts}, {lengths}, mode='clip')"
    strides = options.pop("strides", 1)
    if strides == 1:
        return made
    steps = strides if isinstance(strides, list) else [strides] * len(args[2])
    return f"{made}[{', '.join(f'::{step}' for step in steps)}]"


def _slice_along_axis(w: Writer, args: list[Any], options: Options) -> str:
    axis = w.axes(options.pop("axis", 0), args[0])
    x, step = w.named(args[0]), options.pop("strides", 1)
    start, length = w.expr(args[1]), args[2]
    first = f"dn.clip({start}, 0, {x}.shape[{axis}] - {length})"
    return f"dn.take({x}, {first} + dn.arange(0, {length}, {step}), axis={axis})"


def _along(name: str) -> Call:
    def write(w: Writer, args: list[Any], options: Options) -> str:
        axis = w.axes(options.pop("axis", 0), args[0])
        return f"dn.{name}({w.expr(args[0])}, {w.expr(args[1])}, axis={axis})"

    return write


def _places(w: Writer, args: list[Any], options: Options) -> tuple[str, str, Any]:
    """Return an operand with its indexed axes first, its indices, and those axes."""
    axes = options.pop("axes", None)
    if axes is not None:
        axes = w.axes(axes, args[0])
    x, places = w.expr(args[0]), f"dn.unstack({w.expr(args[1])}, axis=-1)"
    if axes is not None:
        x = f"dn.moveaxis({x}, {axes}, {list(range(len(axes)))})"
    return x, places, axes


def _gather(w: Writer, args: list[Any], options: Options) -> str:
    x, places, _ = _places(w, args, options)
    return f"{x}[{places}]"


def _wide(w: Writer, x: Any, update: Any) -> tuple[str, str]:
    """Return operands of one dtype: a store keeps that of the array here."""
    update = w.named(update)
    x = w.named(x)
    return f"dn.astype({x}, dn.result_type({x}, {update}))", update


def _put_slice(w: Writer, args: list[Any], options: Options) -> str:
    x, update = _wide(w, args[0], args[2])
    return f"dn.dynamic_update_slice({x}, {update}, {w.expr(args[1])}, mode='clip')"


def _put_diagonal(w: Writer, args: list[Any], options: Options) -> str:
    x, update = _wide(w, args[0], args[1])
    return f"dn.put_diagonal({x}, {update}, {options.pop('offset', 0)})"


def _indexed(name: str) -> Call:
    def write(w: Writer, args: list[Any], options: Options) -> str:
        wide, update = _wide(w, args[0], args[2])
        if "axes" in options:
            options["axes"] = w.axes(options["axes"], args[0])
        x, places, axes = _places(w, [{"var": wide}, args[1]], options)
        made = f"dn.{name}({x}, {places}, {update})"
        if axes is None:
            return made
        return f"dn.moveaxis({made}, {list(range(len(axes)))}, {axes})"

    return write


def _to_batched(w: Writer, args: list[Any], options: Options) -> str:
    leftover = options.pop("leftover", {"atom": "repeat"})["atom"]
    return f"list(dn.to_batched({w.expr(args[0])}, {args[1]}, leftover={leftover!r}))"


def _reflect(w: Writer, args: list[Any], options: Options) -> str:
    edges = [list(pair) for pair in pairs(options.pop("padding_config"))]
    return f"dn.pad({w.expr(args[0])}, {edges}, 'reflect')"


def _new_axis(w: Writer, args: list[Any], options: Options) -> str:
    return f"dn.expand_dims({w.expr(args[0])}, {args[1]})"


def _asked(text: str) -> Call:
    """Return a question about an array, or about the shape that is given instead."""

    def write(w: Writer, args: list[Any], options: Options) -> str:
        (x,) = args
        if isinstance(x, dict) and "tuple" in x:
            return text.format(f"dn.zeros({w.expr(x)})")
        if isinstance(x, dict) and ("tensor" in x or "var" in x):
            return text.format(w.expr(x))
        return text.format(f"dn.asarray({w.expr(x)})")

    return write


def _axis_size(w: Writer, args: list[Any], options: Options) -> str:
    return f"{w.expr(args[0])}.shape[{w.axes(args[1], args[0])}]"


def _template(w: Writer, args: list[Any], options: Options) -> str:
    return f"dn.template({sizes(w, args[0])}, {w.expr(args[1])})"


ARRAYS: dict[str, Call] = {
    "Nx.tensor": _tensor,
    "Nx.to_tensor": form("dn.asarray({0})"),
    "Nx.template": _template,
    "Nx.iota": _iota,
    "Nx.eye": _eye,
    "Nx.linspace": _linspace,
    "Nx.tri": _tri,
    "Nx.tril": same("tril", k="k"),
    "Nx.triu": same("triu", k="k"),
    "Nx.take_diagonal": form("dn.diagonal({0}, {offset}, -2, -1)", offset=0),
    "Nx.make_diagonal": same("make_diagonal", offset="offset"),
    "Nx.put_diagonal": _put_diagonal,
    "Nx.broadcast": _broadcast,
    "Nx.reshape": _reshape,
    "Nx.flatten": _flatten,
    "Nx.new_axis": _new_axis,
    "Nx.squeeze": same("squeeze", axes="axis"),
    "Nx.transpose": same("permute_dims", axes="axes"),
    "Nx.concatenate": same("concatenate", axis="axis"),
    "Nx.stack": same("stack", axis="axis"),
    "Nx.tile": same("tile"),
    "Nx.pad": _pad,
    "Nx.pad_outer": _pad_outer,
    "Nx.reflect": _reflect,
    "Nx.reverse": same("flip", axes="axis"),
    "Nx.split": _split,
    "Nx.slice": _slice,
    "Nx.slice_along_axis": _slice_along_axis,
    "Nx.put_slice": _put_slice,
    "Nx.take": _along("take"),
    "Nx.take_along_axis": _along("take_along_axis"),
    "Nx.gather": _gather,
    "Nx.indexed_add": _indexed("indexed_add"),
    "Nx.indexed_put": _indexed("indexed_put"),
    "Nx.shape": _asked("{}.shape"),
    "Nx.rank": _asked("{}.ndim"),
    "Nx.size": _asked("{}.size"),
    "Nx.flat_size": _asked("{}.size"),
    "Nx.type": _asked("{}.dtype"),
    "Nx.byte_size": _asked("{}.nbytes"),
    "Nx.bit_size": _asked("8 * {}.nbytes"),
    "Nx.axes": _asked("list(range({}.ndim))"),
    "Nx.axis_size": _axis_size,
    "Nx.to_number": form("{0}"),
    "Nx.to_list": form("{0}"),
    "Nx.to_flat_list": form("dn.reshape({0}, -1)[:{limit}]", limit=None),
    "Nx.to_batched": _to_batched,
}
