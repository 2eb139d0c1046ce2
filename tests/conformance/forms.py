"""Forms that calls of many functions share when they are translated."""

from collections.abc import Callable
from typing import Any

from conformance.translation import UntranslatableError, Writer, dtype

Call = Callable[[Writer, list[Any], dict[str, Any]], str]


def same(name: str, **renamed: str) -> Call:
    """Return the translation to `dn.<name>` with the same operands.

    Args:
        name: the function here.
        renamed: what the options are called here.
    """

    def write(writer: Writer, args: list[Any], options: dict[str, Any]) -> str:
        parts = [writer.expr(arg) for arg in args]
        for theirs, ours in renamed.items():
            if theirs in options:
                value = option(writer, args[0], ours, options.pop(theirs))
                parts.append(f"{ours}={value}")
        return f"dn.{name}({', '.join(parts)})"

    return write


def option(writer: Writer, operand: Any, name: str, value: Any) -> str:
    """Return the text of an option's value."""
    if name == "axis":
        axes = writer.axes(value, operand)
        return repr(tuple(axes) if isinstance(axes, list) else axes)
    return dtype(value) if name == "dtype" else writer.expr(value)


def form(text: str, **defaults: Any) -> Call:
    """Return the translation to a text with operands {0}, {1}, … and options.

    Args:
        text: the text; an option is named in braces.
        defaults: the options, and what they are where they are not given.
    """

    def write(writer: Writer, args: list[Any], options: dict[str, Any]) -> str:
        operands = [
            writer.named(arg) if text.count(f"{{{k}}}") > 1 else writer.expr(arg)
            for k, arg in enumerate(args)
        ]
        values = {
            name: option(writer, args[0], name, options.pop(name, default))
            for name, default in defaults.items()
        }
        return text.format(*operands, **values)

    return write


def absent(why: str) -> Call:
    """Return the translation of what does not exist here."""

    def write(writer: Writer, args: list[Any], options: dict[str, Any]) -> str:
        raise UntranslatableError(why)

    return write


def pairs(node: list[Any]) -> list[tuple[int, ...]]:
    """Return a list of tuples of numbers."""
    return [tuple(each["tuple"]) for each in node]


def sizes(writer: Writer, node: Any) -> str:
    """Return a shape: a tuple of sizes, or that of a tensor."""
    if isinstance(node, dict) and node.get("call") == "Nx.shape":
        return writer.expr(node)
    if isinstance(node, dict) and "tuple" in node:
        auto = {"atom": "auto"}
        return repr(tuple(-1 if size == auto else size for size in node["tuple"]))
    return f"{writer.expr(node)}.shape"
