"""What a call does, by what is called."""

from __future__ import annotations

import ast
import functools
from types import (
    BuiltinFunctionType,
    BuiltinMethodType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.errors import DefnError, DefnSyntaxError, DefnTypeError
from defnpy.base.synonyms import known_as
from defnpy.frontend import inlining, methods, numpy_names, ragged, transforming
from defnpy.frontend.iteration import items_of, mapping
from defnpy.frontend.linearization import Pullback, pull
from defnpy.frontend.memory import Memory, absorb, given_to, memory_of, of_call
from defnpy.frontend.notes import noting
from defnpy.frontend.python_names import (
    CHANGING,
    HANDLERS,
    REFUSED,
    container_method,
)
from defnpy.frontend.source import code_of
from defnpy.frontend.target import DefnTarget, TransformTarget
from defnpy.frontend.values import (
    Closure,
    Ragged,
    TensorMethod,
    describe,
    has_tensors,
)
from defnpy.ir.expr import Expr, called_at, current_span
from defnpy.ops.control import bounds_checks

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.frontend.frame import Frame


def evaluate(frame: Frame, node: ast.Call) -> Any:
    """Return the value of a call."""
    callee = frame.evaluate(node.func)
    args: list[Any] = []
    memories: list[Memory] = []
    for each in node.args:
        starred = isinstance(each, ast.Starred)
        value = frame.evaluate(each.value if starred else each)
        memory = memory_of(frame, each, value)
        made = items_of(frame, value) if starred else [value]
        args += made
        memories += [memory] * len(made)
    kwargs: dict[str, Any] = {}
    named: dict[str, Memory] = {}
    for keyword in node.keywords:
        value = frame.evaluate(keyword.value)
        kwargs |= mapping(value) if keyword.arg is None else {keyword.arg: value}
        named[keyword.arg or "**"] = memory_of(frame, keyword.value, value)
    session, before = frame.session, (frame.session.given, frame.session.result)
    session.given = given = given_to(frame, node, callee, args, memories, named)
    session.result = None
    try:
        with noting(frame, _pairs(node, callee, args)):
            result = call(frame, callee, args, kwargs)
        frame.made[node] = of_call(callee, given, session.result)
    finally:
        session.given, session.result = before
    if _changes(callee):
        absorb(frame, node.func.value, tuple(memories))  # pyright: ignore
    return result


def _changes(callee: Any) -> bool:
    """Whether what is called changes the container it is a method of."""
    owner = getattr(callee, "__self__", None)
    return isinstance(owner, list | dict | set) and callee.__name__ in CHANGING


def _pairs(node: ast.Call, callee: Any, args: list[Any]) -> list[tuple[Any, Any]]:
    """Return what was given, each with its syntax: the receiver and the arguments."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(callee, TensorMethod) and isinstance(node.func, ast.Attribute):
        pairs.append((node.func.value, callee.x))
    if not any(isinstance(each, ast.Starred) for each in node.args):
        pairs += zip(node.args, args, strict=True)
    return pairs


def call(frame: Frame, callee: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return what `callee` returns."""
    if isinstance(callee, Expr):
        raise DefnTypeError(
            f"{callee.type} cannot be called: it is not a function",
            hint="`x[...]` indexes, and `x * (...)` multiplies",
        )
    for kind, rule in _BY_TYPE:
        if isinstance(callee, kind):
            return rule(frame, callee, args, kwargs)
    if _among(callee, HANDLERS):
        handler = functools.partial(HANDLERS[callee], frame)
        return frame.built(callee.__name__, handler, args, kwargs)
    if _among(callee, numpy_names.MATH) or _among(callee, numpy_names.NUMPY):
        return numpy_names.call(frame, callee, args, kwargs)
    builder = getattr(callee, "__defnpy_builder__", None)
    if builder is not None:
        if any(isinstance(each, Ragged) for each in args):
            return ragged.call(callee.__name__, args, kwargs)
        return frame.session.own(frame.built(callee.__name__, builder, args, kwargs))
    kind = getattr(callee, "__defnpy_transform__", None)
    if kind is not None:
        return _transform(frame, kind, args, kwargs)
    target = getattr(callee, "__defnpy_target__", None)
    if target is not None and not isinstance(callee, type):
        return call(frame, target, args, kwargs)
    return _python(frame, callee, args, kwargs)


def _among(callee: Any, table: Any) -> bool:
    try:
        return callee in table
    except TypeError:
        return False


def _transform(frame: Frame, kind: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return ``dn.range(...)``, or a transform of a function."""
    if kind == "range":
        return call(frame, range, args, kwargs)
    return transforming.transform(frame, kind, args, kwargs)


def _method(frame: Frame, callee: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return methods.call(frame, callee.x, callee.name, args, kwargs)


def _closure(frame: Frame, callee: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return inlining.call_closure(frame, callee, args, kwargs)


def _target(frame: Frame, callee: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    frame.session.check_nan |= callee.check_nan
    with bounds_checks(callee.bounds):
        return call(frame, callee.function, args, kwargs)


def _partial(frame: Frame, callee: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return call(frame, callee.func, [*callee.args, *args], callee.keywords | kwargs)


def _bound(frame: Frame, callee: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    owner = callee.__self__
    if isinstance(owner, tuple) and callee.__name__ in ("_replace", "_asdict"):
        return frame.static(callee, *args, **kwargs)
    if isinstance(owner, type):  # a class method
        return frame.static(callee, *args, **kwargs)
    return call(frame, callee.__func__, [owner, *args], kwargs)


_BY_TYPE: list[tuple[type, Callable[..., Any]]] = [
    (TensorMethod, _method),
    (Closure, _closure),
    (DefnTarget, _target),
    (TransformTarget, transforming.call),
    (Pullback, pull),
    (functools.partial, _partial),
    (MethodType, _bound),
]


def _python(frame: Frame, callee: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return what an ordinary Python callable returns."""
    if isinstance(callee, type):
        return _class(frame, callee, args, kwargs)
    if isinstance(callee, FunctionType):
        return _function(frame, callee, args, kwargs)
    if isinstance(callee, BuiltinFunctionType | BuiltinMethodType):
        owner = callee.__self__
        if isinstance(owner, list | dict | set | tuple | str):
            return container_method(frame, callee, args, kwargs)
    elif _has_written_call(type(callee)):
        return call(frame, type(callee).__call__, [callee, *args], kwargs)
    return _static(frame, callee, args, kwargs)


def _has_written_call(cls: type) -> bool:
    """Whether objects of a class are called by a function of Python."""
    found = [vars(each)["__call__"] for each in cls.__mro__ if "__call__" in vars(each)]
    return bool(found) and (
        isinstance(found[0], FunctionType) or hasattr(found[0], "__defnpy_target__")
    )


def _function(
    frame: Frame, callee: FunctionType, args: list[Any], kwargs: dict[str, Any]
) -> Any:
    """Inline a Python function; one of a library that is static runs in Python."""
    static = not has_tensors(args, kwargs)
    if static and _is_library(callee):
        return _static(frame, callee, args, kwargs)
    try:
        code = code_of(callee)
    except DefnSyntaxError as error:
        if static and not _holds_functions(args, kwargs) and not _may_change(args):
            return _static(frame, callee, args, kwargs)
        with called_at(current_span()) as called:
            error.span = error.span and error.span.within(called)
        raise
    try:
        return inlining.call_function(frame, code, callee, args, kwargs)
    except DefnError:
        if _is_library(callee):  # what it says is about its inside
            return _static(frame, callee, args, kwargs)
        raise


def _may_change(args: list[Any]) -> bool:
    """Whether a function may keep something in what it is given, unseen by us."""
    owner = args[0] if args else None
    own = (type, ModuleType, FunctionType)
    return hasattr(owner, "__dict__") and not isinstance(owner, own)


def _is_library(callee: FunctionType) -> bool:
    module = str(callee.__module__).split(".")[0]
    return module in inlining.LIBRARIES


def _holds_functions(args: list[Any], kwargs: dict[str, Any]) -> bool:
    return any(isinstance(each, Closure) for each in (*args, *kwargs.values()))


def _class(frame: Frame, cls: type, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if issubclass(cls, np.generic):
        return numpy_names.scalar_type(frame, cls, args)
    is_record = hasattr(cls, "__dataclass_fields__") or hasattr(cls, "_fields")
    if is_record:
        return frame.static(cls, *args, **kwargs)
    return _static(frame, cls, args, kwargs)


def _static(frame: Frame, callee: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return what Python computes from static values."""
    name = getattr(callee, "__name__", type(callee).__name__)
    if not callable(callee):
        raise DefnTypeError(f"{describe(callee)} cannot be called")
    if _among(callee, REFUSED):
        raise DefnTypeError(f"`{name}` cannot be used in compiled code")
    if numpy_names.is_clock(callee):
        raise DefnTypeError(
            f"`{name}` would be called once, when the function is compiled",
            hint="call it outside, and pass what it returns",
        )
    if numpy_names.is_random(callee):
        raise DefnTypeError(
            f"`{name}` would draw its numbers once, when the function is compiled",
            hint="`dn.random` draws with a key, at each call",
        )
    given = has_tensors(args, kwargs)
    if given or _holds_functions(args, kwargs):
        what = describe(given and _first_tensor(args, kwargs))
        raise DefnTypeError(
            f"`{_full_name(callee, name)}` is not compiled, and cannot take {what}"
            if given
            else f"`{_full_name(callee, name)}` cannot take a function defined here",
            hint=_instead(callee, name) if given else None,
        )
    return frame.static(callee, *args, **kwargs)


def _instead(callee: Any, name: str) -> str:
    """Return what to write instead of a call of a function that is not compiled."""
    module = str(getattr(callee, "__module__", ""))
    known = known_as(name) if module.startswith(("numpy", "scipy", "jax")) else None
    return known or "call it outside, and pass what it returns"


def _first_tensor(args: list[Any], kwargs: dict[str, Any]) -> Any:
    return next(x for x in (*args, *kwargs.values()) if has_tensors(x))


def _full_name(callee: Any, name: str) -> str:
    module = getattr(callee, "__module__", None)
    return f"{module}.{name}" if module and module != "builtins" else name
