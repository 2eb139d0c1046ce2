"""What each kind of statement does."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from defnpy.base.errors import (
    DefnAssertionError,
    DefnError,
    DefnShapeError,
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
    bind,
    check_store,
    flat,
    is_array_value,
    memory_of,
)
from defnpy.frontend.values import describe
from defnpy.ir.expr import Expr
from defnpy.ir.kernel import SHOWN
from defnpy.ops.control import check
from defnpy.ops.leaf import as_expr

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.frontend.frame import Frame


def assign(frame: Frame, target: ast.expr, value: Any, memory: Memory = FRESH) -> None:
    """Bind a target: a name, a tuple of targets, or part of something."""
    if isinstance(target, ast.Name):
        frame.env[target.id] = value
        bind(frame, target.id, value, memory)
    elif isinstance(target, ast.Tuple | ast.List):
        _unpack(frame, target, value, memory)
    elif isinstance(target, ast.Subscript):
        base = frame.evaluate(target.value)
        index = frame.evaluate(target.slice)
        _store(frame, target, base, index, value)
    else:
        raise DefnTypeError("this cannot be assigned", span=frame.span(target))


def _unpack(
    frame: Frame, target: ast.Tuple | ast.List, value: Any, memory: Memory
) -> None:
    items = items_of(frame, value)
    count = len(target.elts)
    starred = [k for k, e in enumerate(target.elts) if isinstance(e, ast.Starred)]
    if starred:
        place = starred[0]
        after = count - place - 1
        if len(items) < count - 1:
            raise DefnValueError(
                f"not enough values to unpack (expected at least {count - 1},"
                f" got {len(items)})"
            )
        end = len(items) - after
        middle = frame.session.own(items[place:end])
        items = [*items[:place], middle, *items[end:]]
    elif len(items) > count:
        raise DefnValueError(f"too many values to unpack (expected {count})")
    elif len(items) < count:
        raise DefnValueError(
            f"not enough values to unpack (expected {count}, got {len(items)})"
        )
    parts = memory if isinstance(memory, tuple) and not starred else ()
    if len(parts) != count:
        parts = (flat(memory),) * count
    for element, item, part in zip(target.elts, items, parts, strict=True):
        inner = element.value if isinstance(element, ast.Starred) else element
        assign(frame, inner, item, part)


def _store(
    frame: Frame, target: ast.Subscript, base: Any, index: Any, value: Any
) -> None:
    """Put `value` at an index of `base`; a tensor's name is bound anew."""
    if isinstance(base, Expr):
        _replace(frame, target, stores.put(frame, base, index, value))
        return
    if isinstance(base, list | dict):
        frame.session.change(base)
        frame.static(base.__setitem__, index, value)
        return
    raise DefnTypeError(f"an item of {describe(base)} cannot be assigned")


def _replace(frame: Frame, target: ast.Subscript, made: Expr) -> None:
    """Bind what holds a tensor to the tensor after a store into it."""
    check_store(frame, target)
    whole = target.value
    if isinstance(whole, ast.Name):
        frame.env[whole.id] = made
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
        else:
            bind(frame, target.id, value, FRESH)
        frame.env[target.id] = _in_place(frame, kind, before, value)
    elif isinstance(target, ast.Subscript):
        base = frame.evaluate(target.value)
        index = frame.evaluate(target.slice)
        value = frame.evaluate(node.value)
        if isinstance(base, Expr):
            _replace(frame, target, stores.update(frame, base, index, kind, value))
            return
        before = frame.static(lambda: base[index])
        made = _in_place(frame, kind, before, value)
        _store(frame, target, base, index, made)
    else:
        raise DefnTypeError("this cannot be assigned", span=frame.span(target))


def _in_place(frame: Frame, kind: type[ast.operator], before: Any, value: Any) -> Any:
    """Return ``before op value``; arrays and lists keep what they are, as in NumPy."""
    if isinstance(before, list) and kind is ast.Add:
        frame.session.change(before)
        before.extend(items_of(frame, value))
        return before
    made = operators.binary(frame, kind, before, value)
    if not isinstance(before, Expr) or before.shape == () or before.tensor.weak:
        return made
    if made.shape != before.shape:
        raise DefnShapeError(
            f"an operation in place cannot change {before.type} to {made.type}",
            hint="write `x = x op y` to bind the name anew",
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
    test = frame.test(node.test)
    if test is True:
        return
    message = texts.Format(frame)
    message.add("assertion failed" if node.msg is None else frame.evaluate(node.msg))
    shown = message.operands
    if len(shown) > SHOWN or any(x.shape or x.dtype.kind == "c" for x in shown):
        raise DefnTypeError(
            f"the text of an assertion shows at most {SHOWN} real numbers"
        )
    if not isinstance(test, Expr) and not shown:
        raise DefnAssertionError(message.text.format())
    check(as_expr(test), as_expr(test), "DefnAssertionError", message.text, shown)


def raise_(frame: Frame, node: ast.Raise) -> None:
    """Raise the user's exception, where no tensor decides it."""
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
