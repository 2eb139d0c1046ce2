"""What each kind of statement does."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from defnpy.base.errors import (
    NOTE,
    DefnAssertionError,
    DefnError,
    DefnShapeError,
    DefnStaticError,
    DefnTypeError,
    DefnValueError,
    users,
)
from defnpy.frontend import operators, stores, texts
from defnpy.frontend.branches import cast
from defnpy.frontend.frame import BROKEN, CONTINUED, RESULT, RETURNED
from defnpy.frontend.iteration import items_of
from defnpy.frontend.memory import (
    FRESH,
    Memory,
    Token,
    absorb,
    bind,
    check_store,
    flat,
    is_array_value,
    memory_of,
)
from defnpy.frontend.notes import noting
from defnpy.frontend.values import describe, is_tensor_like
from defnpy.ir.expr import Expr, current_span
from defnpy.ir.kernel import SHOWN
from defnpy.ops.control import check
from defnpy.ops.leaf import as_expr, scalar_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.frontend.frame import Frame


# Longest expression that an assertion shows the value of.
_LONGEST = 24


def assign(frame: Frame, target: ast.expr, value: Any, memory: Memory = FRESH) -> None:
    """Bind a target: a name, a tuple of targets, or part of something."""
    if isinstance(target, ast.Name):
        frame.env[target.id] = value
        frame.places[target.id] = current_span()
        bind(frame, target.id, value, memory)
    elif isinstance(target, ast.Tuple | ast.List):
        _unpack(frame, target, value, memory)
    elif isinstance(target, ast.Subscript):
        base = frame.evaluate(target.value)
        index = frame.evaluate(target.slice)
        _store(frame, target, base, index, value, memory)
    else:
        raise DefnTypeError("this cannot be assigned", span=frame.span(target))


def _unpack(
    frame: Frame, target: ast.Tuple | ast.List, value: Any, memory: Memory
) -> None:
    if is_tensor_like(value) and not getattr(value, "shape", ()):
        raise DefnTypeError(f"{describe(value)} cannot be unpacked: it is one number")
    items = items_of(frame, value)
    count = len(target.elts)
    unpacked = (f"what is unpacked: {describe(value)}",)
    starred = [k for k, e in enumerate(target.elts) if isinstance(e, ast.Starred)]
    if starred:
        place = starred[0]
        after = count - place - 1
        if len(items) < count - 1:
            raise DefnValueError(
                f"not enough values to unpack (expected at least {count - 1},"
                f" got {len(items)})",
                notes=unpacked,
            )
        end = len(items) - after
        middle = frame.session.own(items[place:end])
        items = [*items[:place], middle, *items[end:]]
    elif len(items) > count:
        raise DefnValueError(
            f"too many values to unpack (expected {count}, got {len(items)})",
            notes=unpacked,
        )
    elif len(items) < count:
        raise DefnValueError(
            f"not enough values to unpack (expected {count}, got {len(items)})",
            notes=unpacked,
        )
    parts = memory if isinstance(memory, tuple) and not starred else ()
    if len(parts) != count:
        parts = (flat(memory),) * count
    for element, item, part in zip(target.elts, items, parts, strict=True):
        inner = element.value if isinstance(element, ast.Starred) else element
        assign(frame, inner, item, part)


def _store(
    frame: Frame,
    target: ast.Subscript,
    base: Any,
    index: Any,
    value: Any,
    memory: Memory = FRESH,
) -> None:
    """Put `value` at an index of `base`; a tensor's name is bound anew."""
    if isinstance(base, Expr):
        with noting(frame, [(target.value, base), (target.slice, index)]):
            made = stores.put(frame, base, index, value)
        _replace(frame, target, made)
        return
    if isinstance(base, list | dict):
        frame.session.change(base)
        frame.static(base.__setitem__, index, value)
        absorb(frame, target.value, memory)
        return
    if isinstance(base, tuple):
        raise DefnTypeError(
            f"the tuple {describe(base)} cannot be changed",
            hint="make a new tuple, or a list",
        )
    raise DefnTypeError(f"{describe(base)} has no items that could be assigned")


def _replace(frame: Frame, target: ast.Subscript, made: Expr) -> None:
    """Bind what holds a tensor to the tensor after a store into it."""
    check_store(frame, target)
    whole = target.value
    if isinstance(whole, ast.Name):
        frame.env[whole.id] = made
        frame.places[whole.id] = current_span()
    else:
        assign(frame, whole, made)


def assignment(frame: Frame, node: ast.Assign) -> None:
    """Run ``a = b = value``."""
    value = frame.evaluate(node.value)
    memory = memory_of(frame, node.value, value)
    if len(node.targets) > 1 and not flat(memory):
        memory = frozenset({Token()})
    for target in node.targets:
        assign(frame, target, value, memory)


def annotated(frame: Frame, node: ast.AnnAssign) -> None:
    """Run ``a: type = value``."""
    if node.value is not None:
        value = frame.evaluate(node.value)
        assign(frame, node.target, value, memory_of(frame, node.value, value))


def augmented(frame: Frame, node: ast.AugAssign) -> None:
    """Run ``target op= value``; the base and the index are evaluated once."""
    target, kind = node.target, type(node.op)
    if isinstance(target, ast.Name):
        before = frame.read(target.id)
        value = frame.evaluate(node.value)
        if is_array_value(before):
            check_store(frame, target)
        elif not isinstance(before, list):
            bind(frame, target.id, value, FRESH)
        with noting(frame, [(target, before), (node.value, value)]):
            frame.env[target.id] = _in_place(frame, node, before, value)
        if isinstance(before, list):
            absorb(frame, target, memory_of(frame, node.value, value))
        frame.places[target.id] = current_span()
    elif isinstance(target, ast.Subscript):
        base = frame.evaluate(target.value)
        index = frame.evaluate(target.slice)
        value = frame.evaluate(node.value)
        if isinstance(base, Expr):
            with noting(frame, [(target.value, base), (target.slice, index)]):
                made = stores.update(frame, base, index, kind, value)
            _replace(frame, target, made)
            return
        before = frame.static(lambda: base[index])
        if is_array_value(before):
            check_store(frame, target)
        made = _in_place(frame, node, before, value)
        _store(frame, target, base, index, made)
    else:
        raise DefnTypeError("this cannot be assigned", span=frame.span(target))


def _in_place(frame: Frame, node: ast.AugAssign, before: Any, value: Any) -> Any:
    """Return ``before op value``; arrays and lists keep what they are, as in NumPy."""
    kind = type(node.op)
    if isinstance(before, list) and kind is ast.Add:
        frame.session.change(before)
        before.extend(items_of(frame, value))
        return before
    made = operators.binary(frame, kind, before, value)
    if not isinstance(before, Expr) or before.shape == () or before.tensor.weak:
        return made
    if made.shape != before.shape:
        target = ast.unparse(node.target)
        plain = ast.BinOp(node.target, node.op, node.value)
        raise DefnShapeError(
            f"an operation in place cannot change {before.type} to {made.type}",
            hint=f"write `{target} = {ast.unparse(plain)}` for a new array",
        )
    return cast(stores.storable(made, before), before.tensor)


def expression(frame: Frame, node: ast.Expr) -> None:
    """Evaluate an expression for what it does."""
    if not isinstance(node.value, ast.Constant):
        frame.evaluate(node.value)


def return_(frame: Frame, node: ast.Return) -> None:
    """Leave the function with a value."""
    value = None if node.value is None else frame.evaluate(node.value)
    frame.env[RESULT] = value
    bind(frame, RESULT, value, memory_of(frame, node.value, value))
    frame.env[RETURNED] = True
    frame.session.left = frame.span(node)


def break_(frame: Frame, node: ast.Break) -> None:
    """Leave the loop."""
    frame.env[BROKEN] = True


def continue_(frame: Frame, node: ast.Continue) -> None:
    """Leave the iteration."""
    frame.env[CONTINUED] = True


def pass_(frame: Frame, node: ast.Pass) -> None:
    """Do nothing."""


def assert_(frame: Frame, node: ast.Assert) -> None:
    """Check now what is static, and at run time what is a tensor."""
    frame.compared = compared = []
    test = frame.test(node.test)
    frame.compared = None
    if test is True:
        return
    message = texts.Format(frame)
    message.add("assertion failed" if node.msg is None else frame.evaluate(node.msg))
    if not message.operands:
        _add_compared(frame, message, compared)
    shown = message.operands
    if len(shown) > SHOWN or any(x.shape or x.dtype.kind == "c" for x in shown):
        raise DefnTypeError(
            f"the text of an assertion shows at most {SHOWN} real numbers"
        )
    if not isinstance(test, Expr) and not shown:
        raise DefnAssertionError(message.text.format())
    check(as_expr(test), as_expr(test), "DefnAssertionError", message.text, shown)


def _add_compared(
    frame: Frame, message: texts.Format, compared: list[tuple[ast.expr, Any]]
) -> None:
    """Add the numbers that were compared, each with the name it has."""
    shown: list[str] = []
    for node, value in compared:
        text = ast.unparse(node)
        if isinstance(value, Expr) and _can_show(frame, value) and text not in shown:
            if len(shown) < SHOWN and len(text) <= _LONGEST:
                message.add(f"{NOTE if not shown else '   '}{text}: ")
                message.add(value)
                shown.append(text)


def _can_show(frame: Frame, x: Expr) -> bool:
    """Whether a value is a real number that is known here, not in a branch alone."""
    is_known = x.scope is None or x.scope.contains(frame.session.region)
    return is_known and x.shape == () and x.dtype.kind != "c" and scalar_of(x) is None


def raise_(frame: Frame, node: ast.Raise) -> None:
    """Raise the user's exception, where no tensor decides it."""
    if frame.session.tests and frame.is_library:
        raise DefnStaticError("an argument must be known when compiling")
    if frame.session.tests:
        raise DefnTypeError(
            "`raise` cannot depend on the value of a tensor",
            hint="write `assert`, which is checked at run time",
        )
    if node.exc is None:
        raise DefnTypeError("there is no exception to raise again")
    error = frame.evaluate(node.exc)
    if isinstance(error, type):
        error = frame.static(error)
    if not isinstance(error, BaseException):
        raise DefnTypeError(f"{describe(error)} is not an exception")
    if isinstance(error, DefnError):
        raise error
    raise users(error) from None


RULES: dict[type[ast.AST], Callable[..., None]] = {
    ast.Assign: assignment,
    ast.AnnAssign: annotated,
    ast.AugAssign: augmented,
    ast.Expr: expression,
    ast.Return: return_,
    ast.Break: break_,
    ast.Continue: continue_,
    ast.Pass: pass_,
    ast.Assert: assert_,
    ast.Raise: raise_,
}
