"""Which names share memory in CPython, so that a store can be told from a copy.

A tensor is a value: a store makes a new one for one name.  In CPython every name of
the same array would see it.  Where that makes a difference the store is rejected;
so each name keeps tokens of the arrays it may share memory with.
"""

from __future__ import annotations

import ast
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from defnpy.base.dims import Dim
from defnpy.base.errors import DefnTypeError
from defnpy.frontend.liveness import reads, root_name
from defnpy.frontend.values import Closure, Rows, TensorMethod, is_number
from defnpy.ir.expr import Expr, current_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
_VIEWS = frozenset(
    {
        *("reshape", "ravel", "transpose", "swapaxes", "squeeze", "permute_dims"),
        *("broadcast_to", "asarray", "moveaxis", "expand_dims", "matrix_transpose"),
        *("get", "items", "values", "pop", "_replace", "replace", "diagonal"),
        *("list", "tuple", "dict", "zip", "enumerate", "reversed", "iter"),
    }
)


def flat(memory: Memory) -> Tokens:
    """Return all tokens of a memory."""
    if isinstance(memory, frozenset):
        return memory
    return FRESH.union(*map(flat, memory))


def memory_of(frame: Frame, node: ast.expr | None, value: Any) -> Memory:
    """Return what the value of `node` may share memory with."""
    if node is None or _is_scalar(value):
        return FRESH
    match node:
        case ast.Name():
            return shares(frame).get(node.id, FRESH)
        case ast.Tuple() | ast.List():
            items = value if isinstance(value, tuple | list) else ()
            if len(items) != len(node.elts):
                items = [None] * len(node.elts)
            pairs = zip(node.elts, items, strict=True)
            return tuple(memory_of(frame, each, item) for each, item in pairs)
        case ast.Dict():
            return FRESH.union(*(_tokens(frame, each) for each in node.values))
        case ast.Subscript():
            return FRESH if node in frame.copies else _tokens(frame, node.value)
        case ast.Attribute() | ast.Starred() | ast.NamedExpr():
            return _tokens(frame, node.value)
        case ast.IfExp():
            return _tokens(frame, node.body) | _tokens(frame, node.orelse)
        case ast.BoolOp():
            return FRESH.union(*(_tokens(frame, each) for each in node.values))
        case ast.Call():
            return _of_call(frame, node)
    return FRESH


def _tokens(frame: Frame, node: ast.expr) -> Tokens:
    return flat(memory_of(frame, node, None))


def _is_scalar(value: Any) -> bool:
    if isinstance(value, Expr):
        return value.shape == ()
    return is_number(value) or isinstance(value, str | Closure | TensorMethod | Dim)


def _of_call(frame: Frame, node: ast.Call) -> Tokens:
    if node in frame.returned:
        return frame.returned[node]
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else None
    name = called.id if isinstance(called, ast.Name) else name
    if name not in _VIEWS:
        return FRESH
    found = FRESH.union(*(_tokens(frame, each) for each in node.args))
    if isinstance(called, ast.Attribute):
        found |= _tokens(frame, called.value)
    return found


def shares(frame: Frame) -> Mapping[str, Tokens]:
    """Return the tokens of each name."""
    return frame.env.get(SHARES, {})


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
    if any(name == each and tokens & found for each, found in frame.iterated):
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
                raise DefnTypeError(
                    f"`{name}` and `{other}` may be one array, and `{other}` is read"
                    " later: CPython would show it this store",
                    hint=f"make `{name}` with `.copy()`",
                )
        here = here.caller


@contextmanager
def iterating(frame: Frame, node: ast.expr, value: Any) -> Iterator[None]:
    """Note that a loop runs over the tensors that the names in `node` hold."""
    before = frame.iterated
    if isinstance(value, Expr | Rows):
        held = {each: shares(frame).get(each, FRESH) for each in reads(node)}
        frame.iterated = (*before, *held.items())
    try:
        yield
    finally:
        frame.iterated = before


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
