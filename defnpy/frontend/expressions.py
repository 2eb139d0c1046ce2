"""The value of each kind of expression."""

from __future__ import annotations

import ast
import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from defnpy.base.errors import DefnShapeError, DefnStaticError
from defnpy.frontend import operators, subscripts, texts
from defnpy.frontend.attributes import attribute
from defnpy.frontend.branches import choose
from defnpy.frontend.iteration import items_of, mapping
from defnpy.frontend.memory import (
    FRESH,
    Memory,
    flat,
    forget,
    memory_of,
    of_sum,
    shares,
)
from defnpy.frontend.notes import noting
from defnpy.frontend.products import meant
from defnpy.frontend.source import Code
from defnpy.frontend.statements import assign
from defnpy.frontend.values import Closure, has_tensors
from defnpy.ir.expr import Expr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from defnpy.frontend.frame import Frame

# Longest expression that a hint spells out.
_LONGEST = 60


def name(frame: Frame, node: ast.Name) -> Any:
    """Return what a name stands for."""
    return frame.read(node.id)


def constant(frame: Frame, node: ast.Constant) -> Any:
    """Return a literal."""
    return node.value


def sequence(frame: Frame, nodes: Sequence[ast.expr]) -> list[Any]:
    """Return the values of items, starred ones spread out."""
    made: list[Any] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            made.extend(items_of(frame, frame.evaluate(node.value)))
        else:
            made.append(frame.evaluate(node))
    return made


def tuple_(frame: Frame, node: ast.Tuple) -> Any:
    """Return a tuple."""
    return tuple(sequence(frame, node.elts))


def list_(frame: Frame, node: ast.List) -> Any:
    """Return a list."""
    return frame.session.own(sequence(frame, node.elts))


def set_(frame: Frame, node: ast.Set) -> Any:
    """Return a set of static values."""
    return frame.session.own(set(_hashable(sequence(frame, node.elts))))


def dict_(frame: Frame, node: ast.Dict) -> Any:
    """Return a dict with static keys."""
    made: dict[Any, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            made.update(mapping(frame.evaluate(value)))
        else:
            (found,) = _hashable([frame.evaluate(key)])
            made[found] = frame.evaluate(value)
    return frame.session.own(made)


def _hashable(keys: list[Any]) -> list[Any]:
    if has_tensors(keys):
        raise DefnStaticError("a tensor cannot be a key or an item of a set")
    return keys


def attribute_(frame: Frame, node: ast.Attribute) -> Any:
    """Return an attribute."""
    return attribute(frame, frame.evaluate(node.value), node.attr)


def subscript(frame: Frame, node: ast.Subscript) -> Any:
    """Return an item or a part."""
    value = frame.evaluate(node.value)
    index = frame.evaluate(node.slice)
    if isinstance(value, Expr) and subscripts.is_copy(index):
        frame.copies.add(node)
    else:
        frame.copies.discard(node)
    with noting(frame, [(node.value, value), (node.slice, index)]):
        return subscripts.get(frame, value, index)


def slice_(frame: Frame, node: ast.Slice) -> Any:
    """Return a slice, whose bounds may be tensors."""
    parts = (node.lower, node.upper, node.step)
    return slice(*(None if p is None else frame.evaluate(p) for p in parts))


def binary(frame: Frame, node: ast.BinOp) -> Any:
    """Return ``a op b``."""
    a, b = frame.evaluate(node.left), frame.evaluate(node.right)
    with noting(frame, [(node.left, a), (node.right, b)]):
        try:
            made = operators.binary(frame, type(node.op), a, b)
        except DefnShapeError as error:
            error.hint = error.hint or meant(frame, node, a, b)
            raise
    if not isinstance(made, list | tuple):
        return made
    frame.made[node] = of_sum(frame, node)
    return frame.session.own(made)


def unary(frame: Frame, node: ast.UnaryOp) -> Any:
    """Return ``op x``."""
    value = frame.evaluate(node.operand)
    if isinstance(node.op, ast.Not):
        instead = ast.UnaryOp(ast.Invert(), node.operand)
        value = _truth(frame, node.operand, value, instead)
    with noting(frame, [(node.operand, value)]):
        return operators.unary(frame, node.op, value)


def compare(frame: Frame, node: ast.Compare) -> Any:
    """Return a chain of comparisons; each runs only if those before it hold."""
    return _chain(
        frame,
        (node.left, frame.evaluate(node.left)),
        list(zip(node.ops, node.comparators, strict=True)),
    )


def _chain(
    frame: Frame,
    left: tuple[ast.expr, Any],
    rest: list[tuple[ast.cmpop, ast.expr]],
) -> Any:
    (op, node), *others = rest
    right = (node, frame.evaluate(node))
    if frame.compared is not None:
        frame.compared += (left, right)
    with noting(frame, [left, right]):
        first = operators.compare(frame, op, left[1], right[1])
    if not others:
        return first
    next_op, next_node = others[0]
    pair = [
        ast.Compare(left[0], [op], [node]),
        ast.Compare(node, [next_op], [next_node]),
    ]
    test = _truth(frame, None, first, _joined(ast.BitAnd(), pair))
    if isinstance(test, Expr):
        return choose(frame, test, lambda: _chain(frame, right, others), lambda: False)
    return _chain(frame, right, others) if test else first


def _truth(frame: Frame, node: ast.expr | None, value: Any, instead: ast.expr) -> Any:
    """Return whether a value is true; `instead` is what arrays need in its place."""
    try:
        return operators.truth(value)
    except DefnShapeError as error:
        text = ast.unparse(instead)
        if len(text) <= _LONGEST:
            error.hint = f"write `{text}` for each element"
        raise error.at(node and frame.span(node)) from None


def _joined(sign: ast.operator, nodes: Sequence[ast.expr]) -> ast.expr:
    return functools.reduce(lambda a, b: ast.BinOp(a, sign, b), nodes)


def boolean(frame: Frame, node: ast.BoolOp) -> Any:
    """Return ``a and b`` or ``a or b``; `b` is evaluated only where it matters."""
    is_and = isinstance(node.op, ast.And)
    instead = _joined(ast.BitAnd() if is_and else ast.BitOr(), node.values)
    return _boolean(frame, is_and, node.values, instead)


def _boolean(
    frame: Frame, is_and: bool, nodes: list[ast.expr], instead: ast.expr
) -> Any:
    first, *others = nodes
    value = frame.evaluate(first)
    if not others:
        return value
    test = _truth(frame, first, value, instead)
    if not isinstance(test, Expr):
        if test == is_and:
            return _boolean(frame, is_and, others, instead)
        return value

    def rest() -> Any:
        return _boolean(frame, is_and, others, instead)

    def stop() -> Any:
        return value

    return choose(frame, test, *((rest, stop) if is_and else (stop, rest)))


def conditional(frame: Frame, node: ast.IfExp) -> Any:
    """Return ``a if test else b``."""
    sides = [node.test, node.body, node.orelse]
    instead = ast.Call(ast.Name("np.where"), sides, [])
    test = _truth(frame, node.test, frame.evaluate(node.test), instead)
    if not isinstance(test, Expr):
        return frame.evaluate(node.body if test else node.orelse)
    return choose(
        frame,
        test,
        lambda: frame.evaluate(node.body),
        lambda: frame.evaluate(node.orelse),
    )


def walrus(frame: Frame, node: ast.NamedExpr) -> Any:
    """Bind a name and return its value."""
    value = frame.evaluate(node.value)
    assign(frame, node.target, value, memory_of(frame, node.value, value))
    return value


def lambda_(frame: Frame, node: ast.Lambda) -> Closure:
    """Return a function."""
    return closure(frame, node, "<lambda>")


def closure(frame: Frame, node: ast.FunctionDef | ast.Lambda, called: str) -> Closure:
    """Return the function that a nested `def` or `lambda` makes."""
    arguments = node.args
    plain = [*arguments.posonlyargs, *arguments.args]
    with_default = plain[len(plain) - len(arguments.defaults) :]
    pairs = [
        *zip(with_default, arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    defaults: dict[str, Any] = {}
    memory = FRESH
    for each, default in pairs:
        if default is not None:
            value = defaults[each.arg] = frame.evaluate(default)
            memory |= flat(memory_of(frame, default, value))
    return Closure(_nested_code(frame, node, called), frame, defaults, memory)


def define(frame: Frame, node: ast.FunctionDef) -> None:
    """Run a nested `def`."""
    made: Any = closure(frame, node, node.name)
    for decorator in reversed(node.decorator_list):
        made = frame.call(frame.evaluate(decorator), [made], {})
    frame.env[node.name] = made


_nested: dict[ast.AST, Code] = {}


def _nested_code(frame: Frame, node: Any, called: str) -> Code:
    if node not in _nested:
        _nested[node] = Code(called, node, frame.code.source)
    return _nested[node]


def list_comprehension(frame: Frame, node: ast.ListComp) -> Any:
    """Return a list made by a comprehension."""
    return frame.session.own(_comprehend(frame, node, node.elt))


def generator(frame: Frame, node: ast.GeneratorExp) -> Any:
    """Return what a generator would yield, as a list: it is used at once."""
    return frame.session.own(_comprehend(frame, node, node.elt))


def set_comprehension(frame: Frame, node: ast.SetComp) -> Any:
    """Return a set made by a comprehension."""
    return frame.session.own(set(_hashable(_comprehend(frame, node, node.elt))))


def dict_comprehension(frame: Frame, node: ast.DictComp) -> Any:
    """Return a dict made by a comprehension."""
    pair = ast.copy_location(ast.Tuple([node.key, node.value], ast.Load()), node.key)
    made = _comprehend(frame, node, pair)
    _hashable([key for key, _ in made])
    return frame.session.own(dict(made))


def _comprehend(frame: Frame, node: Any, element: ast.expr) -> list[Any]:
    made: list[Any] = []
    memory: list[Memory] = []

    def emit() -> None:
        made.append(frame.evaluate(element))
        memory.append(memory_of(frame, element, made[-1]))

    with _own_names(frame, node.generators):
        _generate(frame, node.generators, emit)
    frame.made[node] = flat(tuple(memory))
    return made


def _generate(
    frame: Frame, generators: Sequence[ast.comprehension], emit: Callable[[], None]
) -> None:
    if not generators:
        emit()
        return
    first, *rest = generators
    items = items_of(frame, frame.evaluate(first.iter))
    memory = memory_of(frame, first.iter, None)
    for item in items:
        assign(frame, first.target, item, memory)
        if all(_static_test(frame, test) for test in first.ifs):
            _generate(frame, rest, emit)


def _static_test(frame: Frame, node: ast.expr) -> bool:
    test = operators.truth(frame.evaluate(node))
    if isinstance(test, Expr):
        raise DefnStaticError(
            "a comprehension cannot leave items out by the value of a tensor",
            span=frame.span(node),
            hint="use `np.where`, or a sum of products with the test",
        )
    return test


@contextmanager
def _own_names(frame: Frame, generators: Sequence[ast.comprehension]) -> Iterator[None]:
    """Restore names that a comprehension's targets hide."""
    hidden = {
        each.id
        for generator in generators
        for each in ast.walk(generator.target)
        if isinstance(each, ast.Name)
    }
    before = {each: frame.env[each] for each in hidden if each in frame.env}
    shared = shares(frame)
    try:
        yield
    finally:
        forget(frame, hidden, shared)
        for each in hidden:
            frame.env.pop(each, None)
        frame.env |= before


RULES: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Name: name,
    ast.Constant: constant,
    ast.Tuple: tuple_,
    ast.List: list_,
    ast.Set: set_,
    ast.Dict: dict_,
    ast.Attribute: attribute_,
    ast.Subscript: subscript,
    ast.Slice: slice_,
    ast.BinOp: binary,
    ast.UnaryOp: unary,
    ast.Compare: compare,
    ast.BoolOp: boolean,
    ast.IfExp: conditional,
    ast.NamedExpr: walrus,
    ast.Lambda: lambda_,
    ast.JoinedStr: texts.joined,
    ast.FormattedValue: texts.formatted,
    ast.ListComp: list_comprehension,
    ast.GeneratorExp: generator,
    ast.SetComp: set_comprehension,
    ast.DictComp: dict_comprehension,
}
