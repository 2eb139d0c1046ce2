"""Which names share memory in CPython, so that a store can be told from a copy.

A tensor is a value: a store makes a new one for one name.  In CPython every name of
the same array would see it.  Where that makes a difference the store is rejected;
so each name keeps tokens of the arrays it may share memory with.
"""

from __future__ import annotations

import ast
import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import tree
from defnpy.base.dims import Dim
from defnpy.base.errors import DefnTypeError
from defnpy.frontend.liveness import root_name
from defnpy.frontend.values import Closure, Ragged, Rows, TensorMethod, is_number
from defnpy.ir.expr import Expr, current_span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from defnpy.frontend.frame import Frame
    from defnpy.frontend.session import Session


@dataclass(frozen=True, eq=False)
class Token:
    """An array; `root` is set where it is seen after a branch or a loop."""

    root: Token | None = None


Tokens = frozenset[Token]
# Of a tuple display, the memory of each item.
Memory = Tokens | tuple[Any, ...]
SHARES = "%shares"
FRESH: Tokens = frozenset()
# What is reached by a name from outside of the function.
OUTSIDE: Tokens = frozenset({Token()})
# What is held by a container that may hold one array twice.
TWICE: Tokens = frozenset({Token()})
# Functions and methods of arrays that return, in NumPy, what they were given.
_VIEWS = frozenset(
    {
        *("reshape", "ravel", "transpose", "swapaxes", "squeeze", "permute_dims"),
        *("broadcast_to", "asarray", "moveaxis", "expand_dims", "matrix_transpose"),
        *("diagonal", "flip", "fliplr", "flipud", "rot90", "rollaxis", "unstack"),
        *("atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "real", "imag"),
        *("split", "array_split", "hsplit", "vsplit", "dsplit", "ascontiguousarray"),
        *("asanyarray", "asfortranarray", "diag", "real_if_close", "stop_gradient"),
    }
)
# Functions of Python's that return an array of their own.
_MAKERS = frozenset({"abs", "sum", "pow", "divmod", "round", "deepcopy"})
# Functions of Python's that call a function to choose among what they are given.
_CHOOSERS = (filter, sorted, min, max)


@dataclass(frozen=True, eq=False)
class Given:
    """What the arguments of a call share memory with.

    Attributes:
        args: the positional arguments, by which a callee knows that they are its own.
        memories: of each of them.
        named: of keyword arguments.
        all: of any of them, and of what the function was reached through.
        items: of what a function is called with that goes through the arguments.
    """

    args: list[Any]
    memories: list[Memory]
    named: dict[str, Memory]
    all: Tokens
    items: list[Memory] | None

    def of(self, args: list[Any], parameter: inspect.Parameter, place: int) -> Memory:
        """Return the memory of a parameter of a function called with `args`."""
        many = parameter.kind in (_KINDS.VAR_POSITIONAL, _KINDS.VAR_KEYWORD)
        known = self.memories if args is self.args else self.items
        if known is None or many:
            return self.all
        if place < len(known):
            return known[place]
        return self.named.get(parameter.name, FRESH)


_KINDS = inspect.Parameter


def flat(memory: Memory) -> Tokens:
    """Return all tokens of a memory."""
    return memory if isinstance(memory, frozenset) else _held(map(flat, memory))


def _held(items: Iterable[Tokens]) -> Tokens:
    """Return the memory of a container of items."""
    found = FRESH
    for tokens in items:
        found |= tokens | (TWICE if tokens & found else FRESH)
    return found


def memory_of(frame: Frame, node: ast.expr | None, value: Any) -> Memory:
    """Return what the value of `node` may share memory with."""
    if node is None or _is_scalar(value):
        return FRESH
    match node:
        case ast.Name():
            return _of_name(frame, node.id)
        case ast.Tuple() | ast.List():
            items = value if isinstance(value, tuple | list) else ()
            if len(items) != len(node.elts):
                items = [None] * len(node.elts)
            pairs = zip(node.elts, items, strict=True)
            return tuple(memory_of(frame, each, item) for each, item in pairs)
        case ast.Dict():
            return _held(_tokens(frame, each) for each in node.values)
        case ast.Subscript():
            return FRESH if node in frame.copies else _tokens(frame, node.value)
        case ast.Attribute() | ast.Starred() | ast.NamedExpr():
            return _tokens(frame, node.value)
        case ast.IfExp():
            return _tokens(frame, node.body) | _tokens(frame, node.orelse)
        case ast.BoolOp():
            return FRESH.union(*(_tokens(frame, each) for each in node.values))
    return frame.made.get(node, FRESH)


def _of_name(frame: Frame, name: str) -> Tokens:
    here: Frame | None = frame
    while here is not None:
        if name in here.code.local_names or name in shares(here):
            return shares(here).get(name, FRESH)
        here = here.outer
    value = frame.read(name)
    return FRESH if _is_scalar(value) or _is_named(value) else OUTSIDE


def _is_named(value: Any) -> bool:
    """Whether a value is a function, a class or a module, which holds no arrays."""
    return isinstance(value, type | ModuleType) or hasattr(value, "__name__")


def _tokens(frame: Frame, node: ast.expr) -> Tokens:
    return flat(memory_of(frame, node, None))


def _is_scalar(value: Any) -> bool:
    if isinstance(value, Expr):
        return value.shape == ()
    return is_number(value) or isinstance(value, str | Closure | TensorMethod | Dim)


def given_to(
    frame: Frame,
    node: ast.Call,
    callee: Any,
    args: list[Any],
    memories: list[Memory],
    named: dict[str, Memory],
) -> Given:
    """Return what the arguments of a call share memory with."""
    each = (*map(flat, memories), *map(flat, named.values()))
    found = _tokens(frame, node.func).union(*each)
    items = memories[1:] if callee is map or callee is tree.map else None
    return Given(args, memories, named, found, items)


def of_call(callee: Any, given: Given, returned: Tokens | None) -> Tokens:
    """Return what the value of a call shares memory with.

    `returned` is the memory of what the functions returned that it interpreted.
    """
    if returned is not None and not any(callee is each for each in _CHOOSERS):
        return returned
    name = callee.name if isinstance(callee, TensorMethod) else None
    name = name or getattr(callee, "__name__", "")
    if "copy" in given.named or name in _VIEWS:
        return given.all
    ours = ("__defnpy_builder__", "__defnpy_transform__", "__defnpy_leaf__")
    is_array_function = any(hasattr(callee, each) for each in ours) or (
        str(getattr(callee, "__module__", "")).split(".")[0] in ("numpy", "_operator")
    )
    is_maker = isinstance(callee, np.ufunc) or name in _MAKERS
    return FRESH if is_array_function or is_maker else given.all


def absorb(frame: Frame, holder: ast.expr, memory: Memory) -> None:
    """Note that a container now holds what `memory` tells, by whatever name."""
    held, found = _tokens(frame, holder), flat(memory)
    here: Frame | None = frame
    while here is not None and held and found:
        known = shares(here).items()
        more = {n: _held((t, found)) if t & held else t for n, t in known}
        here.env[SHARES] = more
        here = here.outer or here.caller


def shares(frame: Frame) -> Mapping[str, Tokens]:
    """Return the tokens of each name."""
    return frame.env.get(SHARES, {})


def of_sum(frame: Frame, node: ast.BinOp) -> Tokens:
    """Return the memory of a list made by `+` or `*`."""
    sides = _held((_tokens(frame, node.left), _tokens(frame, node.right)))
    return sides | TWICE if isinstance(node.op, ast.Mult) else sides


def forget(frame: Frame, names: set[str], before: Mapping[str, Tokens]) -> None:
    """Let names of a comprehension share again what they did before it."""
    now = {name: t for name, t in shares(frame).items() if name not in names}
    frame.env[SHARES] = now | {name: t for name, t in before.items() if name in names}


def bind(frame: Frame, name: str, value: Any, memory: Memory) -> None:
    """Note what `name` shares memory with from now on."""
    tokens = flat(memory)
    if _is_scalar(value):
        tokens = FRESH
    elif not tokens:
        tokens = frozenset({Token()})
    frame.env[SHARES] = {**shares(frame), name: tokens}


def join(a: Mapping[str, Tokens], b: Mapping[str, Tokens]) -> dict[str, Tokens]:
    """Return what names share where either may hold.

    Two names share memory then if they do in `a` or in `b`, not if one of them has
    in `a` what the other has in `b`: two arrays that swap names stay apart.
    """
    if a == b:
        return dict(a)
    # Sets of names that share memory, by the array they share.
    groups = {(t.root or t, frozenset(names)) for t, names in _holders(a).items()}
    groups |= {(t.root or t, frozenset(names)) for t, names in _holders(b).items()}
    found: dict[str, set[Token]] = {name: set() for name in (*a, *b)}
    for root, names in groups:
        if not any(root is r and names < wider for r, wider in groups):
            token = Token(root)
            for name in names:
                found[name].add(token)
    return {name: frozenset(tokens) for name, tokens in found.items()}


def _holders(names: Mapping[str, Tokens]) -> dict[Token, set[str]]:
    found: dict[Token, set[str]] = {}
    for name, tokens in names.items():
        for token in tokens:
            found.setdefault(token, set()).add(name)
    return found


def roots(tokens: Tokens) -> Tokens:
    """Return the arrays that tokens stand for, wherever names swapped them."""
    return frozenset(token.root or token for token in tokens)


def check_store(frame: Frame, target: ast.expr) -> None:
    """Raise if a store through `target` would be seen through another name."""
    name = root_name(target)
    if name is None:
        return
    if name not in frame.code.local_names:
        raise DefnTypeError(
            f"`{name}` is not a name of this function, and cannot be stored into",
            hint="pass it as an argument and return it",
        )
    tokens = shares(frame).get(name, FRESH)
    if tokens & OUTSIDE:
        raise DefnTypeError(
            f"`{name}` may be an array from outside of this function, and cannot be"
            " stored into",
            hint=f"make `{name}` with `.copy()`",
        )
    if tokens & TWICE and not isinstance(frame.env.get(name), Expr):
        raise DefnTypeError(
            f"`{name}` may hold one array twice, and both would show this store",
            hint="make each with `.copy()`",
        )
    if roots(tokens) & frame.session.iterated:
        raise DefnTypeError(
            f"`{name}` is stored into while a loop runs over it",
            hint=f"loop over `{name}.copy()`, or over its indices",
        )
    frame.session.stored |= {t: (name, current_span()) for t in roots(tokens)}
    here: Frame | None = frame
    while here is not None:
        for other, found in shares(here).items():
            seen = other in here.needed and not (here is frame and other == name)
            if seen and found & tokens:
                is_array = isinstance(frame.env.get(name), Expr)
                raise DefnTypeError(
                    f"`{name}` and `{other}` may be one array, and `{other}` is read"
                    " later: CPython would show it this store",
                    hint=f"make `{name}` with `.copy()`"
                    if is_array
                    else f"put `{other}.copy()` into `{name}`",
                )
        here = here.caller


@contextmanager
def iterating(frame: Frame, node: ast.expr, value: Any) -> Iterator[None]:
    """Note that a loop runs over the arrays that the value of `node` shows."""
    session, before = frame.session, frame.session.iterated
    if isinstance(value, Expr | Rows | Ragged):
        session.iterated = before | roots(_tokens(frame, node))
    try:
        yield
    finally:
        session.iterated = before


def check_lost(
    session: Session, arguments: Mapping[str, Tokens], returned: Tokens
) -> None:
    """Raise if an argument was stored into and is not returned."""
    for name, tokens in arguments.items():
        lost = [t for t in roots(tokens) - roots(returned) if t in session.stored]
        if lost:
            _, span = session.stored[lost[0]]
            raise DefnTypeError(
                f"the store into the argument `{name}` is lost: it is not returned, and"
                " the caller's array does not change",
                span=span,
                hint=f"return `{name}`, or begin with `{name} = {name}.copy()`",
            )


def is_array_value(value: Any) -> bool:
    """Whether `value` is a tensor that NumPy would change in place."""
    return isinstance(value, Expr) and value.shape != () and not value.tensor.weak
