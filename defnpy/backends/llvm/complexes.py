"""Arithmetic of complex values, each a pair of floats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.backends.llvm.convert import join, split
from defnpy.backends.llvm.intrinsics import uniform
from defnpy.backends.llvm.types import register_type
from defnpy.base.dtypes import real_of
from defnpy.base.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.backends.llvm.writer import Writer
    from defnpy.ir.expr import Expr

Pair = tuple[str, str]
_PARTS = {"real": 0, "imag": 1}


def native(w: Writer, node: Expr, values: list[str]) -> str:
    """Return the value of a native op with complex operands or result."""
    name, dtype = node.op.name, node.operands[0].dtype
    part = register_type(real_of(dtype))
    if name == "complex":
        return join(w, values[0], values[1], node.dtype)
    if name in _PARTS:
        return split(w, values[0], dtype)[_PARTS[name]]
    if dtype.kind != "c":
        raise InternalError(f"{name} of {dtype} is complex")
    pairs = [split(w, value, dtype) for value in values]
    if name in ("equal", "not_equal"):
        return _compare(w, name, part, pairs)
    if name not in _ARITHMETIC:
        raise InternalError(f"{name} does not compute with {dtype} yet")
    return join(w, *_ARITHMETIC[name](w, part, *pairs), node.dtype)


def _compare(w: Writer, name: str, part: str, pairs: list[Pair]) -> str:
    word, joined = ("fcmp oeq", "and") if name == "equal" else ("fcmp une", "or")
    tests = [w.value(f"{word} {part} {a}, {b}") for a, b in zip(*pairs, strict=True)]
    return w.value(f"{joined} i1 {tests[0]}, {tests[1]}")


def _each(word: str) -> Callable[..., Pair]:
    def apply(w: Writer, part: str, a: Pair, b: Pair) -> Pair:
        return (
            w.value(f"{word} {part} {a[0]}, {b[0]}"),
            w.value(f"{word} {part} {a[1]}, {b[1]}"),
        )

    return apply


def _negative(w: Writer, part: str, a: Pair) -> Pair:
    return w.value(f"fneg {part} {a[0]}"), w.value(f"fneg {part} {a[1]}")


def _multiply(w: Writer, part: str, a: Pair, b: Pair) -> Pair:
    products = {
        (i, j): w.value(f"fmul {part} {a[i]}, {b[j]}") for i in (0, 1) for j in (0, 1)
    }
    return (
        w.value(f"fsub {part} {products[0, 0]}, {products[1, 1]}"),
        w.value(f"fadd {part} {products[0, 1]}, {products[1, 0]}"),
    )


def _divide(w: Writer, part: str, a: Pair, b: Pair) -> Pair:
    """Divide as Smith does and NumPy after him: by the larger part of `b` first."""
    sizes = [uniform(w, "fabs", part, each) for each in b]
    larger = w.value(f"fcmp oge {part} {sizes[0]}, {sizes[1]}")
    big, small = _choose(w, part, larger, b, (b[1], b[0]))
    ratio = w.value(f"fdiv {part} {small}, {big}")
    lower = w.value(f"fmul {part} {small}, {ratio}")
    divisor = w.value(f"fadd {part} {big}, {lower}")
    # a times (1, -ratio) where the real part is larger, (ratio, -1) elsewhere.
    one = "1.0"
    x, y = _choose(w, part, larger, (one, ratio), (ratio, one))
    sums = _multiply(w, part, a, (x, w.value(f"fneg {part} {y}")))
    quotient = tuple(w.value(f"fdiv {part} {each}, {divisor}") for each in sums)
    none = w.value(f"fcmp oeq {part} {uniform(w, 'maximum', part, *sizes)}, 0.0")
    plain = tuple(w.value(f"fdiv {part} {each}, {sizes[0]}") for each in a)
    return _choose(w, part, none, plain, quotient)


def _scale(w: Writer, part: str, a: Pair, b: Pair) -> Pair:
    """Write a product that is zero where its first factor is."""
    tests = [w.value(f"fcmp oeq {part} {each}, 0.0") for each in a]
    none = w.value(f"and i1 {tests[0]}, {tests[1]}")
    return _choose(w, part, none, ("0.0", "0.0"), _multiply(w, part, a, b))


def _choose(w: Writer, part: str, p: str, a: tuple, b: tuple) -> Pair:
    first, second = (
        w.value(f"select i1 {p}, {part} {x}, {part} {y}")
        for x, y in zip(a, b, strict=True)
    )
    return first, second


_ARITHMETIC: dict[str, Callable[..., Pair]] = {
    "add": _each("fadd"),
    "subtract": _each("fsub"),
    "negative": _negative,
    "multiply": _multiply,
    "scale": _scale,
    "divide": _divide,
}
