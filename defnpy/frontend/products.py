"""What may have been meant by a product of arrays whose sizes do not fit."""

from __future__ import annotations

import ast
import difflib
from typing import TYPE_CHECKING, Any

from defnpy.base.dims import must
from defnpy.ir.expr import Expr

if TYPE_CHECKING:
    from defnpy.frontend.frame import Frame

# How much alike two names are of which one is meant by the other.
_ALIKE = 0.5


def meant(frame: Frame, node: ast.BinOp, a: Any, b: Any) -> str | None:
    """Return a hint at the product that fits, where there is only one.

    ``x * w`` may mean ``x @ w``; in ``x @ w2`` an array of a name like `w2` or the
    transpose of one operand may be meant.
    """
    if frame.is_library or not isinstance(a, Expr) or not isinstance(b, Expr):
        return None
    if isinstance(node.op, ast.Mult):
        found = [(node.left, node.right, b)] if _fit(a.shape, b.shape) else []
    elif isinstance(node.op, ast.MatMult):
        found = _named(frame, node, a, b) or _transposed(node, a, b)
    else:
        return None
    if len(found) != 1:
        return None
    left, right, other = found[0]
    text = ast.unparse(ast.BinOp(left, ast.MatMult(), right))
    return f"did you mean `{text}`{f', {other.type}' if other is not b else ''}?"


def _fit(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    """Whether matrices of these shapes can be multiplied."""
    return len(a) >= 1 and len(b) >= 1 and must(lambda: a[-1] == b[-2:][0])


def _named(
    frame: Frame, node: ast.BinOp, a: Expr, b: Expr
) -> list[tuple[ast.expr, ast.expr, Expr]]:
    """Return products with an array whose name is like that of an operand."""
    found: list[tuple[ast.expr, ast.expr, Expr]] = []
    for name, value in frame.env.items():
        if not isinstance(value, Expr) or value is a or value is b:
            continue
        other = ast.Name(name)
        if _is_like(name, node.right) and _fit(a.shape, value.shape):
            found.append((node.left, other, value))
        if _is_like(name, node.left) and _fit(value.shape, b.shape):
            found.append((other, node.right, value))
    return found


def _is_like(name: str, node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and bool(
        difflib.get_close_matches(name, [node.id], 1, _ALIKE)
    )


def _transposed(
    node: ast.BinOp, a: Expr, b: Expr
) -> list[tuple[ast.expr, ast.expr, Expr]]:
    """Return products in which an operand is transposed."""
    if len(a.shape) != 2 or len(b.shape) != 2:
        return []
    found: list[tuple[ast.expr, ast.expr, Expr]] = []
    if _fit(a.shape, b.shape[::-1]):
        found.append((node.left, _turned(node.right), b))
    if _fit(a.shape[::-1], b.shape):
        found.append((_turned(node.left), node.right, b))
    return found


def _turned(node: ast.expr) -> ast.expr:
    """Return the syntax of the transpose."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return node.value
    return ast.Attribute(node, "T")
