"""Texts that show values of tensors: what `print` writes, and why an `assert` fails."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from defnpy.base import tree
from defnpy.base.errors import DefnTypeError
from defnpy.frontend.closing import INSIDE
from defnpy.frontend.values import Text, describe, has_tensors
from defnpy.ir.expr import Expr
from defnpy.ops.printing import show

if TYPE_CHECKING:
    import ast

    from defnpy.frontend.frame import Frame

_CONVERSIONS = {"r": repr, "s": str, "a": ascii}
_MARK = re.compile("\0(\\d+)\0")


class _Slot:
    """Stands for an operand in a container that is shown."""

    __defnpy_leaf__ = True

    def __init__(self, place: int) -> None:
        self.place = place

    def __repr__(self) -> str:
        return f"\0{self.place}\0"


class Format:
    """A format string under construction, and its operands."""

    def __init__(self, frame: Frame) -> None:
        """Start empty."""
        self._frame = frame
        self.text = ""
        self.operands: list[Expr] = []

    def add(self, value: Any, conversion: str = "", spec: str = "") -> None:
        """Show a value after what is there."""
        if isinstance(value, Text):
            for part in value.parts:
                self.add(*part)
        elif any(isinstance(leaf, INSIDE) for leaf in tree.leaves(value)):
            raise DefnTypeError(f"{describe(value)} cannot be shown here")
        elif not has_tensors(value):
            shown = _CONVERSIONS[conversion](value) if conversion else value
            self.text += _escaped(self._frame.static(format, shown, spec))
        elif isinstance(value, Expr):
            self._tensor(value, conversion, spec)
        else:
            self._container(value, conversion, spec)

    def _tensor(self, x: Expr, conversion: str, spec: str) -> None:
        if spec and not conversion:
            if x.tensor.rank:
                raise DefnTypeError(f"a format such as {spec!r} is for numbers")
            number = x.dtype.numpy.type(0)
            self._frame.static(format, number.item() if x.tensor.weak else number, spec)
        parts = (f"!{conversion}" if conversion else "", f":{spec}" if spec else "")
        self.text += f"{{{self._place(x)}{''.join(parts)}}}"

    def _container(self, value: Any, conversion: str, spec: str) -> None:
        """Show a container as Python does, its items as `repr` shows them."""
        if spec:
            raise DefnTypeError(f"a format such as {spec!r} is for numbers")
        marked = tree.map(self._slot, value)
        text = _escaped(_CONVERSIONS[conversion or "s"](marked))
        self.text += _MARK.sub(r"{\1!r}", text)

    def _slot(self, leaf: Any) -> Any:
        return _Slot(self._place(leaf)) if isinstance(leaf, Expr) else leaf

    def _place(self, x: Expr) -> int:
        if x not in self.operands:
            self.operands.append(x)
        return self.operands.index(x)


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def joined(frame: Frame, node: ast.JoinedStr) -> Any:
    """Return an f-string: a string, or a Text if it shows tensors."""
    parts = [frame.evaluate(part) for part in node.values]
    if all(isinstance(part, str) for part in parts):
        return "".join(parts)
    return Text(tuple(part if isinstance(part, tuple) else (part,) for part in parts))


def formatted(frame: Frame, node: ast.FormattedValue) -> Any:
    """Return one value of an f-string as text, or if it is a tensor with its format."""
    value = frame.evaluate(node.value)
    conversion = chr(node.conversion) if node.conversion > 0 else ""
    spec = "" if node.format_spec is None else frame.evaluate(node.format_spec)
    if has_tensors(spec) or "{" in spec or "}" in spec:
        raise DefnTypeError("the format of a value cannot depend on a tensor")
    if has_tensors(value):
        return value, conversion, spec
    shown = _CONVERSIONS[conversion](value) if conversion else value
    return frame.static(format, shown, spec)


def print_(
    frame: Frame,
    *values: Any,
    sep: str | None = None,
    end: str | None = None,
    file: Any = None,
    flush: bool = False,
) -> None:
    """Print values when the program runs, as Python would."""
    if file is not None:
        raise DefnTypeError("`print` in a program writes to standard output only")
    if has_tensors(sep, end):
        raise DefnTypeError("`sep` and `end` of `print` are strings known beforehand")
    made = Format(frame)
    for place, value in enumerate(values):
        if place:
            made.add(" " if sep is None else sep)
        made.add(value)
    made.add("\n" if end is None else end)
    show(made.text, made.operands)
