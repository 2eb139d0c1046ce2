"""Python's builtins, and a few functions of its library, on tensors."""

from __future__ import annotations

import ast
import builtins
import copy
import dataclasses
import functools
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import dtypes, tree
from defnpy.base.dims import Dim
from defnpy.base.errors import DefnTypeError
from defnpy.frontend import iteration, methods, operators, ragged, subscripts, texts
from defnpy.frontend.attributes import attribute
from defnpy.frontend.values import Closure, Ragged, Rows, describe, has_tensors, known
from defnpy.ir.expr import Expr
from defnpy.ops import elementwise
from defnpy.ops.leaf import as_expr
from defnpy.ops.public import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defnpy.frontend.frame import Frame

Handler = "Callable[..., Any]"


def _len(frame: Frame, x: Any) -> Any:
    if isinstance(x, Ragged):
        return attribute(frame, x, "shape")[0]
    if isinstance(x, Expr):
        if x.tensor.rank == 0:
            raise DefnTypeError(f"{x.type} has no len: it has no axes")
        return x.shape[0]
    return x.length if isinstance(x, Rows) else frame.static(len, x)


def _range(frame: Frame, *bounds: Any, unroll: bool | int = False) -> Any:
    return iteration.counting(frame, list(bounds), unroll)


def _enumerate(frame: Frame, values: Any, start: int = 0) -> Any:
    return iteration.enumerated(frame, values, start)


def _zip(frame: Frame, *values: Any, strict: bool = False) -> Any:
    return iteration.zipped(frame, list(values), strict)


def _reversed(frame: Frame, values: Any) -> Any:
    return iteration.backwards(frame, values)


def _abs(frame: Frame, x: Any) -> Any:
    if isinstance(x, Ragged):
        return ragged.call("abs", [x], {})
    return abs(x) if isinstance(x, Expr) else frame.static(abs, x)


def _extreme(name: str) -> Callable[..., Any]:
    python = getattr(builtins, name)
    pair = FUNCTIONS[f"{name}imum"]

    def handle(frame: Frame, *args: Any, **options: Any) -> Any:
        if not has_tensors(args):
            return frame.static(python, *args, **_callables(frame, options))
        if options:
            raise DefnTypeError(f"{name} of tensors takes no options")
        if len(args) == 1 and isinstance(args[0], Ragged):
            return ragged.reduce(name, args[0])
        if len(args) == 1 and isinstance(args[0], Expr):
            if args[0].tensor.rank != 1:
                raise DefnTypeError(
                    f"{name} of {args[0].type} is not defined",
                    hint=f"`np.{name}` takes arrays of any rank",
                )
            return FUNCTIONS[name](args[0])
        items = iteration.items_of(frame, args[0]) if len(args) == 1 else list(args)
        return functools.reduce(pair, [as_expr(item) for item in items])

    return handle


def _sum(frame: Frame, values: Any, start: Any = 0) -> Any:
    if isinstance(values, Ragged):
        return operators.binary(frame, ast.Add, ragged.reduce("sum", values, 0), start)
    if isinstance(values, Expr):
        made = FUNCTIONS["sum"](values, axis=0)
        return made if start == 0 else made + start
    total = start
    for item in iteration.items_of(frame, values):
        total = operators.binary(frame, ast.Add, total, item)
    return total


def _all(frame: Frame, values: Any) -> Any:
    return _fold(frame, "all", values, elementwise.logical_and, True)


def _any(frame: Frame, values: Any) -> Any:
    return _fold(frame, "any", values, elementwise.logical_or, False)


def _fold(frame: Frame, name: str, values: Any, pair: Any, start: bool) -> Any:
    if isinstance(values, Expr):
        return FUNCTIONS[name](values)
    total: Any = start
    for item in iteration.items_of(frame, values):
        test = operators.truth(item)
        if not isinstance(test, Expr):
            if test != start:
                return test
        else:
            total = test if total is start else pair(total, test)
    return total


def _float(frame: Frame, x: Any = 0.0) -> Any:
    return _number(frame, x, float, dtypes.F64)


def _int(frame: Frame, x: Any = 0, *rest: Any) -> Any:
    return frame.static(int, x, *rest) if rest else _number(frame, x, int, dtypes.I64)


def _complex(frame: Frame, x: Any = 0j, *rest: Any) -> Any:
    if rest:
        return frame.static(complex, x, *rest)
    return _number(frame, x, complex, dtypes.C128)


def _number(frame: Frame, x: Any, python: type, dtype: dtypes.DType) -> Any:
    x = known(x)
    if isinstance(x, Dim):
        return x if python is int else methods.convert(as_expr(x), dtype, weak=True)
    if not isinstance(x, Expr):
        return frame.static(python, x)
    if x.tensor.size != 1:
        raise DefnTypeError(
            f"{python.__name__} takes one number, not {x.type}",
            hint="`.astype` converts arrays",
        )
    scalar = FUNCTIONS["reshape"](x, ())
    return methods.convert(scalar, dtype, weak=True)


def _bool(frame: Frame, x: Any = False) -> Any:
    return operators.truth(x)


def _round(frame: Frame, x: Any, digits: Any = None) -> Any:
    if not isinstance(x, Expr):
        return frame.static(round, x, digits)
    if x.shape != ():
        raise DefnTypeError(
            f"round takes a number, not {x.type}", hint="`np.round` takes arrays"
        )
    made = FUNCTIONS["round"](x, 0 if digits is None else digits)
    return _int(frame, made) if digits is None else made


def _pow(frame: Frame, x: Any, y: Any, modulus: Any = None) -> Any:
    if modulus is not None:
        return frame.static(pow, x, y, modulus)
    return operators.binary(frame, ast.Pow, x, y)


def _divmod(frame: Frame, a: Any, b: Any) -> Any:
    return (
        operators.binary(frame, ast.FloorDiv, a, b),
        operators.binary(frame, ast.Mod, a, b),
    )


def _isinstance(frame: Frame, x: Any, classes: Any) -> bool:
    if isinstance(x, Closure):
        x = _isinstance
    if not isinstance(x, Expr):
        return frame.static(isinstance, 2 if isinstance(x, Dim) else x, classes)
    given = classes if isinstance(classes, tuple) else (classes,)
    if x.tensor.weak and x.shape == ():
        stand_in: Any = x.dtype.numpy.type(0).item()
    elif x.shape == ():
        stand_in = x.dtype.numpy.type(0)
    else:
        stand_in = np.empty(0)
    return isinstance(stand_in, given)


def _type(frame: Frame, x: Any) -> Any:
    if isinstance(x, Expr):
        raise DefnTypeError("the type of a tensor is not a value; use its `.dtype`")
    if isinstance(x, Dim):
        return int
    return type(x)


def _getattr(frame: Frame, x: Any, name: str, *default: Any) -> Any:
    if default and not isinstance(x, Expr) and not hasattr(x, name):
        return default[0]
    return attribute(frame, x, name)


def _map(frame: Frame, function: Any, *values: Any) -> Any:
    columns = [iteration.items_of(frame, each) for each in values]
    rows = zip(*columns, strict=False)
    return frame.session.own([frame.call(function, row, {}) for row in rows])


def _filter(frame: Frame, function: Any, values: Any) -> Any:
    kept = []
    for item in iteration.items_of(frame, values):
        test = operators.truth(
            item if function is None else frame.call(function, [item], {})
        )
        if isinstance(test, Expr):
            raise DefnTypeError("filter needs a test that is known when compiling")
        if test:
            kept.append(item)
    return frame.session.own(kept)


def _sorted(
    frame: Frame, values: Any, *, key: Any = None, reverse: bool = False
) -> Any:
    items = iteration.items_of(frame, values)
    by = items if key is None else [frame.call(key, [each], {}) for each in items]
    if has_tensors(by):
        raise DefnTypeError(
            "sorted takes what is known when compiling", hint="`np.sort` sorts arrays"
        )
    order = frame.static(sorted, range(len(by)), key=by.__getitem__, reverse=reverse)
    return frame.session.own([items[place] for place in order])


def _collect(kind: type) -> Callable[..., Any]:
    def handle(frame: Frame, values: Any = ()) -> Any:
        if isinstance(values, dict) and kind is dict:
            return frame.session.own(dict(values))
        items = iteration.items_of(frame, values)
        if kind is set and has_tensors(items):
            raise DefnTypeError("a tensor cannot be an item of a set")
        return frame.session.own(kind(items))

    return handle


def _dict(frame: Frame, values: Any = (), **items: Any) -> Any:
    pairs = values if isinstance(values, dict) else iteration.items_of(frame, values)
    return frame.session.own(dict(pairs, **items))


def _reduce(frame: Frame, function: Any, values: Any, *start: Any) -> Any:
    items = [*start, *iteration.items_of(frame, values)]
    return functools.reduce(lambda a, b: frame.call(function, [a, b], {}), items)


def _partial(frame: Frame, function: Any, *args: Any, **kwargs: Any) -> Any:
    return functools.partial(function, *args, **kwargs)


def _tree_map(frame: Frame, function: Any, first: Any, *rest: Any) -> Any:
    made = frame.static(
        tree.map, lambda *leaves: frame.call(function, leaves, {}), first, *rest
    )
    return frame.session.own(made)


def _tree(function: Callable[..., Any]) -> Callable[..., Any]:
    def handle(frame: Frame, *args: Any) -> Any:
        return frame.session.own(frame.static(function, *args))

    return handle


def _replace(frame: Frame, value: Any, /, **changes: Any) -> Any:
    return frame.static(dataclasses.replace, value, **changes)


def _callable(frame: Frame, value: Any) -> bool:
    return isinstance(value, Closure) or callable(value)


def _callables(frame: Frame, options: dict[str, Any]) -> dict[str, Any]:
    """Return options with functions of the language made callable by Python."""
    return {
        name: (lambda *a, f=value, **k: frame.call(f, a, k))
        if isinstance(value, Closure)
        else value
        for name, value in options.items()
    }


def _same(leaf: Any) -> Any:
    return leaf


def _operator(kind: type[ast.AST]) -> Callable[..., Any]:
    def handle(frame: Frame, a: Any, b: Any) -> Any:
        if issubclass(kind, ast.cmpop):
            return operators.compare(frame, kind(), a, b)
        return operators.binary(frame, kind, a, b)  # pyright: ignore

    return handle


_OPERATORS: dict[str, type[ast.AST]] = {
    **{"add": ast.Add, "sub": ast.Sub, "mul": ast.Mult, "truediv": ast.Div},
    **{"floordiv": ast.FloorDiv, "mod": ast.Mod, "pow": ast.Pow},
    **{"matmul": ast.MatMult, "and_": ast.BitAnd, "or_": ast.BitOr},
    **{"xor": ast.BitXor, "lt": ast.Lt, "le": ast.LtE, "gt": ast.Gt},
    **{"ge": ast.GtE, "eq": ast.Eq, "ne": ast.NotEq},
}
HANDLERS: dict[Any, Callable[..., Any]] = {
    len: _len,
    range: _range,
    enumerate: _enumerate,
    zip: _zip,
    reversed: _reversed,
    abs: _abs,
    min: _extreme("min"),
    max: _extreme("max"),
    sum: _sum,
    all: _all,
    any: _any,
    float: _float,
    int: _int,
    complex: _complex,
    bool: _bool,
    round: _round,
    pow: _pow,
    divmod: _divmod,
    isinstance: _isinstance,
    type: _type,
    getattr: _getattr,
    callable: _callable,
    map: _map,
    filter: _filter,
    sorted: _sorted,
    list: _collect(list),
    tuple: _collect(tuple),
    set: _collect(set),
    dict: _dict,
    print: texts.print_,
    **{getattr(operator, name): _operator(kind) for name, kind in _OPERATORS.items()},
    operator.neg: lambda frame, x: operators.unary(frame, ast.USub(), x),
    operator.not_: lambda frame, x: operators.unary(frame, ast.Not(), x),
    operator.getitem: lambda frame, x, index: subscripts.get(frame, x, index),
    copy.copy: lambda frame, x: frame.session.own(tree.map(_same, x)),
    copy.deepcopy: lambda frame, x: frame.session.own(tree.map(_same, x)),
    functools.reduce: _reduce,
    functools.partial: _partial,
    dataclasses.replace: _replace,
    tree.map: _tree_map,
    tree.flatten: _tree(tree.flatten),
    tree.unflatten: _tree(tree.unflatten),
    tree.leaves: _tree(tree.leaves),
}
REFUSED = frozenset(
    getattr(builtins, name)
    for name in (
        *("open", "input", "exec", "eval", "globals", "locals", "vars", "iter"),
        *("next", "setattr", "delattr", "compile", "breakpoint", "super"),
    )
)


def container_method(
    frame: Frame, callee: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> Any:
    """Return what a method of a list, dict, set, tuple or string returns."""
    owner, name = callee.__self__, callee.__name__
    if isinstance(owner, list | dict | set):
        if name in CHANGING:
            frame.session.change(owner)
        elif name in _COMPARING and has_tensors(owner, args):
            raise DefnTypeError(f"`{name}` cannot compare tensors")
    elif isinstance(owner, tuple):
        if name in _COMPARING and has_tensors(owner, args):
            raise DefnTypeError(f"`{name}` cannot compare tensors")
    elif has_tensors(args, kwargs):
        raise DefnTypeError(f"`{name}` takes static values, not {describe(args)}")
    if name in ("extend", "update") and args:
        args = [args[0] if isinstance(args[0], dict) else _listed(frame, args[0])]
    made = frame.static(callee, *args, **_callables(frame, kwargs))
    return frame.session.own(made) if name == "copy" else made


def _listed(frame: Frame, values: Any) -> list[Any]:
    return iteration.items_of(frame, values)


CHANGING = frozenset(
    {
        *("append", "extend", "insert", "pop", "clear", "reverse", "sort", "remove"),
        *("update", "setdefault", "popitem", "add", "discard"),
    }
)
_COMPARING = frozenset({"index", "count", "remove", "sort"})
