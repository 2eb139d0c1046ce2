"""Find the source of a function, wherever it was written.

The whole file is parsed and the function found in it by its first line, so
that positions are those of the file and decorators need no care.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defnpy.base.errors import DefnSyntaxError
from defnpy.base.flags import flags
from defnpy.base.span import Span
from defnpy.frontend.fence import check_syntax
from defnpy.frontend.liveness import Liveness, bound_in, parameter_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FunctionType

    from defnpy.frontend.liveness import FunctionNode


@dataclass(frozen=True, eq=False)
class Source:
    """A parsed file."""

    file: str
    lines: tuple[str, ...]
    tree: ast.Module
    spans: dict[ast.AST, Span] = field(default_factory=dict)

    def span(self, node: ast.AST) -> Span:
        """Return the place of `node`."""
        found = self.spans.get(node)
        if found is None:
            found = self.spans[node] = self._span(node)
        return found

    def _span(self, node: ast.AST) -> Span:
        last: Any = _header(node)
        line, end = node.lineno, last.end_lineno  # pyright: ignore
        column = self._column(end, last.end_col_offset)
        if last is node and isinstance(getattr(node, "body", None), list):
            end, column = line, len(self.lines[line - 1].rstrip(":\n "))
        return Span(
            self.file,
            line,
            self._column(line, node.col_offset),  # pyright: ignore
            end,
            column,
            tuple(text.rstrip("\n") for text in self.lines[line - 1 : end][:3]),
        )

    def _column(self, line: int, offset: int) -> int:
        """Return the column in characters; `ast` counts bytes."""
        if line > len(self.lines):
            return offset
        return len(self.lines[line - 1].encode()[:offset].decode(errors="ignore"))


@dataclass(frozen=True, eq=False)
class Code:
    """A function as syntax."""

    name: str
    node: FunctionNode
    source: Source

    @cached_property
    def body(self) -> list[ast.stmt]:
        """Its statements; a lambda's is one return."""
        if isinstance(self.node, ast.FunctionDef):
            return self.node.body
        value = self.node.body
        return [ast.copy_location(ast.Return(value), value)]

    @cached_property
    def local_names(self) -> frozenset[str]:
        """Names the function binds: its parameters and what it assigns."""
        return frozenset(parameter_names(self.node.args)) | bound_in(self.body)

    @cached_property
    def liveness(self) -> Liveness:
        """Which names are read later, at each loop."""
        return Liveness(self.body)


def _header(node: ast.AST) -> ast.AST:
    """Return where the part of a statement ends that stands before its body."""
    match node:
        case ast.For() | ast.AsyncFor():
            return node.iter
        case ast.With() | ast.AsyncWith():
            return node.items[-1].optional_vars or node.items[-1].context_expr
        case ast.If() | ast.While():
            return node.test
        case ast.Match():
            return node.subject
        case ast.FunctionDef():
            defaults = [*node.args.defaults, *node.args.args, *node.args.kwonlyargs]
            return max(defaults, key=lambda each: each.lineno) if defaults else node
    return node


def is_library(function: FunctionType) -> bool:
    """Whether a function is of defnpy or of Python's library, not of the user's."""
    if flags.traceback == "full":
        return False
    module = str(function.__globals__.get("__name__")).split(".")[0]
    file = function.__code__.co_filename
    return file.startswith(_PACKAGE) or module in sys.stdlib_module_names


_PACKAGE = str(Path(__file__).parent.parent) + os.sep
_sources: dict[tuple[str, int], Source] = {}
_codes: dict[CodeType, Code] = {}


def code_of(function: FunctionType) -> Code:
    """Return the syntax of a Python function, checked to be in the language."""
    key = function.__code__
    found = _codes.get(key)
    if found is None:
        found = _codes[key] = _find(function)
    return found


def _find(function: FunctionType) -> Code:
    name, code = function.__name__, function.__code__
    source = _source_of(function)
    if source is None:
        raise DefnSyntaxError(
            f"the source of `{name}` cannot be found; write it in a file, a notebook"
            " or a prompt that keeps its source"
        )
    nodes = [
        node
        for node in _functions(source.tree)
        if _first_line(node) == (code.co_firstlineno)
        and _name(node) == code.co_name  # `functools.wraps` changes the function's
        and _parameters(node) == _code_parameters(code)
    ]
    if len(nodes) > 1:
        nodes = [node for node in nodes if _holds(source, node, code)][:1]
    if not nodes:
        raise DefnSyntaxError(
            f"the source of `{name}` has changed since it was defined, or is not"
            f" at {source.file}:{code.co_firstlineno}"
        )
    check_syntax(nodes[0], source.span)
    return Code(name, nodes[0], source)


def _source_of(function: FunctionType) -> Source | None:
    file = function.__code__.co_filename
    lines = linecache.getlines(file, function.__globals__)
    if not lines:
        try:
            lines = inspect.findsource(function)[0]
        except (OSError, TypeError):
            return None
    key = (file, hash(tuple(lines)))
    if key not in _sources:
        try:
            tree = ast.parse("".join(lines))
        except SyntaxError:
            return None
        _sources[key] = Source(file, tuple(lines), tree)
    return _sources[key]


def _functions(tree: ast.Module) -> Iterator[FunctionNode]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            yield node
        elif isinstance(node, ast.AsyncFunctionDef):
            yield node  # pyright: ignore  # the fence names it


def _first_line(node: FunctionNode) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _name(node: FunctionNode) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def _parameters(node: FunctionNode) -> list[str]:
    return parameter_names(node.args)


def _code_parameters(code: CodeType) -> list[str]:
    flags = bool(code.co_flags & inspect.CO_VARARGS) + bool(
        code.co_flags & inspect.CO_VARKEYWORDS
    )
    count = code.co_argcount + code.co_kwonlyargcount + flags
    return list(code.co_varnames[:count])


def _holds(source: Source, node: FunctionNode, code: CodeType) -> bool:
    """Whether the instructions of `code` lie inside `node`'s body."""
    body = node.body if isinstance(node, ast.Lambda) else node
    start = (body.lineno, body.col_offset)
    end = (body.end_lineno or 0, body.end_col_offset or 0)
    places = [
        (line, column, end_line, end_column)
        for line, end_line, column, end_column in code.co_positions()
        if line and column and end_line and end_column
    ]
    return bool(places) and all(
        start <= (line, column) and (end_line, end_column) <= end
        for line, column, end_line, end_column in places
    )


def fence(function: Callable[..., object]) -> None:
    """Raise DefnSyntaxError unless `function` is written in the language."""
    code_of(function)  # pyright: ignore
