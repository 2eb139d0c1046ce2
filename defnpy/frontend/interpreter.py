"""The tables of the interpreter: what each kind of syntax means."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from defnpy.frontend import calls, expressions, matching, statements
from defnpy.frontend.branches import if_, run_block
from defnpy.frontend.frame import Frame
from defnpy.frontend.loops import for_, while_

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_STATEMENTS: dict[type[ast.AST], Callable[..., None]] = statements.RULES | {
    ast.FunctionDef: expressions.define,
    ast.For: for_,
    ast.While: while_,
    ast.Match: matching.match_,
}


def _statement(frame: Frame, node: ast.stmt, rest: Sequence[ast.stmt]) -> bool:
    """Run a statement; return whether it has run the rest of its block too."""
    if isinstance(node, ast.If):
        return if_(frame, node, rest)
    _STATEMENTS[type(node)](frame, node)
    return False


def _block(frame: Frame, body: Sequence[ast.stmt]) -> None:
    run_block(frame, body, _statement)


def _call(frame: Frame, callee: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return calls.call(frame, callee, args, kwargs)


Frame.expressions = expressions.RULES | {ast.Call: calls.evaluate}
Frame.blocks = staticmethod(_block)
Frame.callers = staticmethod(_call)
