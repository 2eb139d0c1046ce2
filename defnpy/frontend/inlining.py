"""Calls of functions of the language: their bodies are interpreted in place."""

from __future__ import annotations

import inspect
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from defnpy.base import tree
from defnpy.base.errors import DefnError, DefnRecursionError, DefnTypeError
from defnpy.base.signatures import bind
from defnpy.frontend import memory
from defnpy.frontend.frame import RESULT, RETURNED, Frame
from defnpy.frontend.mistakes import Mistakes
from defnpy.frontend.operators import truth
from defnpy.frontend.values import is_array
from defnpy.ir.expr import Expr, called_at, current_span

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator
    from types import FunctionType

    from defnpy.frontend.source import Code
    from defnpy.frontend.values import Closure

MAX_DEPTH = 1000
# Their functions are not interpreted where they meet static values only.
LIBRARIES = frozenset(sys.stdlib_module_names) | {"numpy", "scipy", "optree", "polars"}
_KINDS = inspect.Parameter


def call_function(
    frame: Frame,
    code: Code,
    function: FunctionType,
    args: list[Any],
    kwargs: dict[str, Any],
) -> Any:
    """Return what a Python function returns."""
    callee = Frame(code, frame.session, function, caller=frame)
    signature = inspect.signature(function, follow_wrapped=False)
    bound = bind(code.name, signature, args, kwargs)
    for name, parameter in signature.parameters.items():
        if name not in bound.arguments and parameter.default is not _KINDS.empty:
            value = parameter.default
            if any(map(is_array, tree.leaves(value))):
                value = frame.session.capture(
                    function,
                    f"default of {name}",
                    lambda name=name: _default(function, name),
                )
            callee.env[name] = value
    return _run(callee, bound, args, memory.OUTSIDE)


def _default(function: FunctionType, name: str) -> Any:
    return inspect.signature(function, follow_wrapped=False).parameters[name].default


def call_closure(
    frame: Frame, closure: Closure, args: list[Any], kwargs: dict[str, Any]
) -> Any:
    """Return what a function defined inside a function returns."""
    code = closure.code
    callee = Frame(code, frame.session, closure.frame.function, closure.frame, frame)
    signature = inspect.Signature(_parameters(code.node.args, closure.defaults))
    bound = bind(code.name, signature, args, kwargs)
    callee.env |= closure.defaults
    return _run(callee, bound, args, closure.memory)


def _parameters(
    arguments: ast.arguments, defaults: dict[str, Any]
) -> list[inspect.Parameter]:
    made: list[inspect.Parameter] = []

    def add(names: list[ast.arg], kind: Any) -> None:
        for each in names:
            default = defaults.get(each.arg, _KINDS.empty)
            made.append(inspect.Parameter(each.arg, kind, default=default))

    add(arguments.posonlyargs, _KINDS.POSITIONAL_ONLY)
    add(arguments.args, _KINDS.POSITIONAL_OR_KEYWORD)
    add([arguments.vararg] if arguments.vararg else [], _KINDS.VAR_POSITIONAL)
    add(arguments.kwonlyargs, _KINDS.KEYWORD_ONLY)
    add([arguments.kwarg] if arguments.kwarg else [], _KINDS.VAR_KEYWORD)
    return made


def _run(
    callee: Frame,
    bound: inspect.BoundArguments,
    args: list[Any],
    defaults: memory.Tokens,
) -> Any:
    """Interpret a body; `defaults` is the memory of the defaults of parameters."""
    session = callee.session
    if session.depth >= MAX_DEPTH:
        raise DefnRecursionError(
            f"calls of `{callee.code.name}` are nested more than {MAX_DEPTH} deep; the"
            " depth of a recursion must be known when compiling",
            hint="a loop can run as long as a tensor says",
        )
    callee.env |= bound.arguments
    for name, parameter in bound.signature.parameters.items():
        if name not in callee.env and parameter.kind is _KINDS.VAR_POSITIONAL:
            callee.env[name] = ()
        elif name not in callee.env and parameter.kind is _KINDS.VAR_KEYWORD:
            callee.env[name] = session.own({})
    _share(callee, bound, args, defaults)
    arguments, given = memory.shares(callee), session.given
    session.given = None
    is_outermost = callee.caller is not None and callee.caller.code.node is None
    with _entered(callee):
        if is_outermost and not callee.is_library:
            _execute_outermost(callee)
        else:
            callee.execute(callee.code.body)
    session.given = given
    returned = memory.shares(callee).get(RESULT, memory.FRESH)
    session.result = returned | (session.result or memory.FRESH)
    if is_outermost:
        memory.check_lost(session, arguments, returned)
    return _result(callee)


def _execute_outermost(callee: Frame) -> None:
    """Run the function the user calls; its mistakes are told together."""
    callee.mistakes = Mistakes()
    try:
        callee.execute(callee.code.body)
    except DefnError as error:
        callee.mistakes.add(error)
    except Exception:
        # After a mistake, what else goes wrong may come of that.
        if not callee.mistakes:
            raise
    if callee.mistakes:
        raise callee.mistakes.combined()


@contextmanager
def _entered(callee: Frame) -> Iterator[None]:
    """Count a call, and tell of what goes wrong inside where it was called."""
    callee.session.depth += 1
    place = None if callee.is_library else current_span()
    with called_at(place) as called:
        try:
            yield
        except DefnError as error:
            told = isinstance(error, DefnRecursionError)
            if error.span is not None and error.span.called is None and not told:
                error.span = error.span.within(called)
            raise
        finally:
            callee.session.depth -= 1


def _share(
    callee: Frame,
    bound: inspect.BoundArguments,
    args: list[Any],
    defaults: memory.Tokens,
) -> None:
    """Note what the parameters share memory with in the caller."""
    given = callee.session.given
    for place, (name, parameter) in enumerate(bound.signature.parameters.items()):
        known: memory.Memory = defaults
        if name in bound.arguments:
            known = given.of(args, parameter, place) if given else memory.FRESH
        memory.bind(callee, name, callee.env.get(name), known)


def _result(callee: Frame) -> Any:
    """Return the value of a call that has ended."""
    returned = truth(callee.env.get(RETURNED, False))
    value = callee.env.get(RESULT) if returned is not False else None
    if isinstance(returned, Expr) and value is not None:
        raise DefnTypeError(
            f"`{callee.code.name}` returns a value on some paths and ends without"
            " `return` on others",
            span=callee.span(callee.code.node),
            hint="end the function with a `return`",
        )
    return callee.read(RESULT) if value is not None else None
