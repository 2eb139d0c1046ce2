"""What of Python's syntax the language has, as one table.

Checked when a function is decorated, so the interpreter holds no complaints
about syntax.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from defnpy.base.errors import DefnError, DefnSyntaxError, together

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.base.span import Span

ALLOWED: frozenset[type[ast.AST]] = frozenset(
    {
        # functions
        *(ast.FunctionDef, ast.Lambda, ast.arguments, ast.arg, ast.Return),
        # statements
        *(ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Pass, ast.Assert),
        *(ast.If, ast.For, ast.While, ast.Break, ast.Continue, ast.Raise),
        # match on static values
        *(ast.Match, ast.match_case, ast.MatchValue, ast.MatchSingleton),
        *(ast.MatchSequence, ast.MatchStar, ast.MatchMapping, ast.MatchClass),
        *(ast.MatchAs, ast.MatchOr),
        # expressions
        *(ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.IfExp, ast.NamedExpr),
        *(ast.Call, ast.keyword, ast.Attribute, ast.Subscript, ast.Slice, ast.Starred),
        *(ast.Name, ast.Constant, ast.JoinedStr, ast.FormattedValue),
        *(ast.Tuple, ast.List, ast.Dict, ast.Set),
        *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
        ast.comprehension,
    }
)
MARKS = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)

INSTEAD: dict[type[ast.AST], str] = {
    ast.ClassDef: "a class cannot be defined here; define it outside and use it",
    ast.Try: "`try` cannot catch what compiled code raises; test the values instead",
    ast.With: "`with` has no meaning in compiled code; use it around the call",
    ast.AsyncWith: "`async with` has no meaning here; use it around the call",
    ast.AsyncFor: "`async for` has no meaning here; write a plain `for`",
    ast.AsyncFunctionDef: "an async function cannot be compiled; write a plain `def`",
    ast.Await: "`await` has no meaning in compiled code; await around the call",
    ast.Yield: "`yield` cannot be compiled; return an array or a tuple",
    ast.YieldFrom: "`yield from` cannot be compiled; return an array or a tuple",
    ast.Global: "`global` names cannot be assigned; return the new value instead",
    ast.Nonlocal: "`nonlocal` names cannot be assigned; return the new value instead",
    ast.Import: "write the import at the top of the module",
    ast.ImportFrom: "write the import at the top of the module",
    ast.Delete: "`del` is not needed; memory is freed after its last use",
}
if hasattr(ast, "TryStar"):
    INSTEAD[ast.TryStar] = INSTEAD[ast.Try]


def check_syntax(node: ast.AST, span: Callable[[ast.AST], Span]) -> None:
    """Raise if constructs under the function `node` are not allowed."""
    found: list[DefnError] = []
    stack = [node]
    while stack:
        here = stack.pop()
        try:
            _check(here, span)
        except DefnSyntaxError as error:
            found.append(error)
        else:
            stack += reversed(_children(here))
    if found:
        raise together(found)


def _children(node: ast.AST) -> list[ast.AST]:
    """Return what is right under a node, but decorators and annotations."""
    found: list[ast.AST] = []
    for name, value in ast.iter_fields(node):
        if name not in ("decorator_list", "annotation", "returns", "type_params"):
            children = value if isinstance(value, list) else [value]
            found += [child for child in children if isinstance(child, ast.AST)]
    return found


def _check(node: ast.AST, span: Callable[[ast.AST], Span]) -> None:
    if isinstance(node, MARKS):
        return
    if type(node) not in ALLOWED:
        name = type(node).__name__
        text = INSTEAD.get(type(node), f"`{name}` is not in the language")
        raise DefnSyntaxError(text, span=span(node))
    if isinstance(node, ast.comprehension) and node.is_async:
        raise DefnSyntaxError(INSTEAD[ast.AsyncFor], span=span(node.target))
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        raise DefnSyntaxError(
            "an attribute cannot be assigned; make a new object, with"
            " `dataclasses.replace` or `_replace`",
            span=span(node),
        )
