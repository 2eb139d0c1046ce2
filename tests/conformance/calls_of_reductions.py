"""Reductions, products, windows, orders and transforms of arrays."""

from typing import Any

from conformance.forms import Call, form, pairs, same
from conformance.translation import UntranslatableError, Writer

Options = dict[str, Any]
_OVER = {"axes": "axis", "keep_axes": "keepdims"}
_ALONG = {"axis": "axis", "keep_axis": "keepdims"}
_SPREAD = {"ddof": "correction", **_OVER}


def _arg(name: str) -> Call:
    """Return the place of an extreme; of several the last if that is asked for."""
    plain = same(name, type="dtype", **_ALONG)

    def write(w: Writer, args: list[Any], options: Options) -> str:
        options.pop("type", None)
        tie = options.pop("tie_break", {"atom": "low"})["atom"]
        if tie == "low":
            return plain(w, args, options)
        if tie != "high":
            raise UntranslatableError("of equal extremes the first is named here")
        axis = w.axes(options["axis"], args[0])
        x = w.named(args[0])
        reverse = {"var": f"dn.flip({x}, {axis})"}
        options["axis"] = axis
        return f"{x}.shape[{axis}] - 1 - {plain(w, [reverse], options)}"

    return write


def _sorted(name: str) -> Call:
    def write(w: Writer, args: list[Any], options: Options) -> str:
        options.pop("type", None)
        axis = w.axes(options.pop("axis", 0), args[0])
        order = options.pop("direction", {"atom": "asc"})
        down = order == {"atom": "desc"}
        if order not in ({"atom": "asc"}, {"atom": "desc"}):
            raise UntranslatableError("a direction is a flag here: descending")
        return f"dn.{name}({w.expr(args[0])}, {axis}, descending={down})"

    return write


def _cumulative(name: str) -> Call:
    def write(w: Writer, args: list[Any], options: Options) -> str:
        axis = w.axes(options.pop("axis", 0), args[0])
        reverse = options.pop("reverse", False)
        return f"dn.{name}({w.expr(args[0])}, axis={axis}, reverse={reverse})"

    return write


def _dot(w: Writer, args: list[Any], options: Options) -> str:
    if len(args) == 2:
        return f"dn.dot({w.expr(args[0])}, {w.expr(args[1])})"
    half = len(args) // 2
    a, b = args[0], args[half]
    axes = [w.axes(args[1], a), w.axes(args[half + 1], b)]
    text = f"dn.dot({w.expr(a)}, {w.expr(b)}, axes={tuple(axes)}"
    if half == 3:
        text += f", batch_axes={(args[2], args[5])}"
    return text + ")"


def _weighted_mean(w: Writer, args: list[Any], options: Options) -> str:
    axes = w.axes(options.pop("axes", None), args[0])
    axis = None if axes is None else tuple(axes)
    keep = options.pop("keep_axes", False)
    x, weights = (w.expr(arg) for arg in args)
    return f"dn.average({x}, {axis}, weights={weights}, keepdims={keep})"


def _covariance(w: Writer, args: list[Any], options: Options) -> str:
    ddof = options.pop("ddof", 0)
    if len(args) == 1:
        return f"dn.cov({w.expr(args[0])}, rowvar=False, ddof={ddof})"
    x, mean = w.named(args[0]), w.expr(args[1])
    apart = w.fresh("v")
    w.lines.append(f"{apart} = {x} - dn.expand_dims({mean}, -2)")
    product = f"dn.matrix_transpose({apart}) @ {apart}"
    return f"dn.divide({product}, {x}.shape[-2] - {ddof})"


def _padding(node: Any, shape: list[int], steps: list[int]) -> str:
    """Return padding; Nx's "same" does not depend on the stride."""
    if node == {"atom": "same"} and any(step != 1 for step in steps):
        return repr([((size - 1) // 2, size // 2) for size in shape])
    return repr(node["atom"] if isinstance(node, dict) else pairs(node))


def _each(node: Any, count: int) -> list[int]:
    return list(node) if isinstance(node, list) else [node] * count


def _window_options(shape: list[int], options: Options) -> str:
    steps = _each(options.pop("strides", 1), len(shape))
    spread = _each(options.pop("window_dilations", 1), len(shape))
    extent = [(s - 1) * d + 1 for s, d in zip(shape, spread, strict=True)]
    padding = _padding(options.pop("padding", {"atom": "valid"}), extent, steps)
    dilation = f", dilation={spread}" if set(spread) != {1} else ""
    return f"strides={steps}, padding={padding}{dilation}"


def _window(name: str) -> Call:
    def write(w: Writer, args: list[Any], options: Options) -> str:
        shape = args[1]["tuple"]
        text = f"{w.expr(args[0])}, {tuple(shape)}, {_window_options(shape, options)}"
        return f"dn.{name}({text})"

    return write


def _window_scatter(name: str) -> Call:
    def write(w: Writer, args: list[Any], options: Options) -> str:
        x, source, initial = (w.expr(arg) for arg in args[:3])
        shape = args[3]["tuple"]
        rest = f"{tuple(shape)}, {_window_options(shape, options)}"
        return f"dn.{name}({x}, {source}, {rest}, initial={initial})"

    return write


def _folding(w: Writer, function: Any) -> str:
    """Return a function of the total and an element; Nx has them the other way."""
    return f"lambda total, x: {w.function(function)}(x, total)"


def _window_reduce(w: Writer, args: list[Any], options: Options) -> str:
    x, initial, shape, function = args
    rest = _window_options(shape["tuple"], options)
    operands = f"{w.expr(x)}, {w.expr(initial)}, {tuple(shape['tuple'])}"
    return f"dn.window_reduce({_folding(w, function)}, {operands}, {rest})"


def _reduce(w: Writer, args: list[Any], options: Options) -> str:
    x, initial, function = args
    made = w.expr(x)
    if "type" in options:
        made = f"dn.astype({made}, {w.expr(options.pop('type'))})"
    axes = w.axes(options.pop("axes", None), x)
    axis = tuple(axes) if axes is not None else None
    over = f"axis={axis}, keepdims={options.pop('keep_axes', False)}"
    return f"dn.reduce({_folding(w, function)}, {made}, {w.expr(initial)}, {over})"


def _conv(w: Writer, args: list[Any], options: Options) -> str:
    x, kernel = (w.expr(arg) for arg in args)
    strides = options.pop("strides", 1)
    padding = options.pop("padding", {"atom": "valid"})
    if padding == {"atom": "same"} and set(_each(strides, 1)) != {1}:
        raise UntranslatableError("`same` depends on the stride here, as in Keras")
    text = f"{x}, {kernel}, strides={strides}, padding={_padding(padding, [], [])}"
    for theirs, ours in _CONV.items():
        if theirs in options:
            text += f", {ours}={options.pop(theirs)}"
    orders = [options.pop(f"{part}_permutation", None) for part in _PARTS]
    if any(order is not None for order in orders):
        text += f", layout={_layout(orders)}"
    return f"dn.conv({text})"


_PARTS = ("input", "kernel", "output")
_CONV = {
    "input_dilation": "input_dilation",
    "kernel_dilation": "kernel_dilation",
    "feature_group_size": "feature_group_count",
    "batch_group_size": "batch_group_count",
}


def _layout(orders: list[Any]) -> tuple[str, ...]:
    """Return letters for axes, given where each letter's axis is."""
    if any(isinstance(axis, dict) for order in orders for axis in order or []):
        raise UntranslatableError("axes have no names here")
    rank = len(next(order for order in orders if order is not None))
    made = []
    for order, first in zip(orders, ("NC", "OI", "NC"), strict=True):
        letters = first + "HWDEFG"[: rank - 2]
        given = order if order is not None else range(rank)
        made.append("".join(letters[list(given).index(a)] for a in range(rank)))
    return tuple(made)


REDUCTIONS: dict[str, Call] = {
    "Nx.sum": same("sum", **_OVER),
    "Nx.product": same("prod", **_OVER),
    "Nx.mean": same("mean", **_OVER),
    "Nx.weighted_mean": _weighted_mean,
    "Nx.variance": same("var", **_SPREAD),
    "Nx.standard_deviation": same("std", **_SPREAD),
    "Nx.reduce_max": same("max", **_OVER),
    "Nx.reduce_min": same("min", **_OVER),
    "Nx.all": same("all", **_OVER),
    "Nx.any": same("any", **_OVER),
    "Nx.argmax": _arg("argmax"),
    "Nx.argmin": _arg("argmin"),
    "Nx.median": same("median", **_ALONG),
    "Nx.mode": same("mode", **_ALONG),
    "Nx.logsumexp": same("logsumexp", exp_scaling_factor="b", **_OVER),
    "Nx.covariance": _covariance,
    "Nx.reduce": _reduce,
    "Nx.cumulative_sum": _cumulative("cumulative_sum"),
    "Nx.cumulative_product": _cumulative("cumulative_prod"),
    "Nx.cumulative_max": _cumulative("cumulative_max"),
    "Nx.cumulative_min": _cumulative("cumulative_min"),
    "Nx.diff": same("diff", order="n", axis="axis"),
    "Nx.sort": _sorted("sort"),
    "Nx.argsort": _sorted("argsort"),
    "Nx.top_k": form("dn.top_k({0}, {k})", k=1),
    "Nx.dot": _dot,
    "Nx.conv": _conv,
    "Nx.window_sum": _window("window_sum"),
    "Nx.window_product": _window("window_prod"),
    "Nx.window_max": _window("window_max"),
    "Nx.window_min": _window("window_min"),
    "Nx.window_mean": _window("window_mean"),
    "Nx.window_reduce": _window_reduce,
    "Nx.window_scatter_max": _window_scatter("window_scatter_max"),
    "Nx.window_scatter_min": _window_scatter("window_scatter_min"),
}
