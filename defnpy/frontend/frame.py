"""One call of a function of the language being interpreted."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, ClassVar

from defnpy.base import tree
from defnpy.base.errors import (
    DefnError,
    DefnNameError,
    DefnRecursionError,
    DefnUnboundLocalError,
    InternalError,
    again,
    did_you_mean,
    refine,
)
from defnpy.frontend.operators import truth
from defnpy.frontend.source import is_library
from defnpy.frontend.values import (
    Maybe,
    Poison,
    UnreachedError,
    is_tensor_like,
    wrap,
)
from defnpy.ir.expr import at, current_span
from defnpy.ops.building import built
from defnpy.ops.control import check
from defnpy.ops.leaf import as_expr

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Mapping, Sequence
    from types import FunctionType

    from defnpy.base.span import Span
    from defnpy.frontend.mistakes import Mistakes
    from defnpy.frontend.session import Session
    from defnpy.frontend.source import Code

# What a function's control flow leaves behind, kept among its names.
RETURNED, BROKEN, CONTINUED, RESULT = "%returned", "%broken", "%continued", "%result"
FLAGS = (RETURNED, BROKEN, CONTINUED)


class Frame:
    """The names of one call, and the evaluation of its syntax.

    Attributes:
        code: the function's syntax.
        session: the specialisation it belongs to.
        env: values of the names bound so far.
        outer: the frame a nested function was defined in.
        function: the Python function, for its globals and closure.
        caller: the frame that called it.
        place: of a library's function, where the user called it: what happens
            inside is told as of there.
        needed: names whose values are read after the statement that runs now.
        copies: subscripts that made a copy when they were evaluated last.
        made: what the calls and comprehensions evaluated last share memory with.
        compared: of the `assert` that runs, what is compared, with its syntax.
        places: where each name was bound last.
        mistakes: of the outermost function, those that were found so far.
    """

    # What each node means is knowledge of other files, gathered in `interpreter`.
    expressions: ClassVar[dict[type[ast.AST], Callable[..., Any]]] = {}
    blocks: ClassVar[Callable[..., None]]
    callers: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        code: Code,
        session: Session,
        function: FunctionType,
        outer: Frame | None = None,
        caller: Frame | None = None,
    ) -> None:
        """Start with no names bound."""
        self.code, self.session = code, session
        self.function, self.outer, self.caller = function, outer, caller
        self.is_library = is_library(function)
        self.place = current_span() if self.is_library else None
        self.env: dict[str, Any] = {}
        self.needed: frozenset[str] = frozenset()
        self.copies: set[ast.AST] = set()
        self.made: dict[ast.AST, frozenset[Any]] = {}
        self.compared: list[tuple[ast.expr, Any]] | None = None
        self.places: dict[str, Span | None] = {}
        self.mistakes: Mistakes | None = None

    def span(self, node: ast.AST) -> Span | None:
        """Return the place of `node`, as far as the user is concerned."""
        return self.place if self.is_library else self.code.source.span(node)

    def evaluate(self, node: ast.AST) -> Any:
        """Return the value of an expression."""
        span = self.span(node)
        with at(span):
            try:
                return self.expressions[type(node)](self, node)
            except DefnError as error:
                raise error.at(span) from error.__cause__
            except RecursionError:
                raise DefnRecursionError(
                    "calls are nested too deeply to be compiled", span=span
                ) from None
            except InternalError as error:
                raise error.at(span) from error.__cause__
            except Exception as error:  # of ours: its place helps to find it
                error.__dict__.setdefault("span", span)
                raise

    def test(self, node: ast.AST) -> Any:
        """Return whether an expression is true: a bool, or a bool scalar."""
        value, span = self.evaluate(node), self.span(node)
        with at(span):
            try:
                return truth(value)
            except DefnError as error:
                raise error.at(span) from None

    def execute(self, statements: Sequence[ast.stmt]) -> None:
        """Run statements."""
        Frame.blocks(self, statements)

    def call(self, callee: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Return what a call of `callee` returns."""
        return Frame.callers(self, callee, list(args), kwargs)

    def static(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return what Python computes; its exceptions become the user's."""
        try:
            return wrap(function(*args, **kwargs))
        except (DefnError, InternalError, RecursionError):
            raise
        except Exception as error:
            raise refine(error) from error

    def built(
        self,
        name: str,
        builder: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Return what a function of ours makes; `name` is what the user calls it."""
        return wrap(built(name, builder, args, kwargs))

    def read(self, name: str) -> Any:
        """Return the value of a name, as Python finds it."""
        if name in self.env:
            return self._bound(name, self.env[name])
        if name in self.code.local_names:
            raise DefnUnboundLocalError(f"`{name}` is read before it is assigned")
        if self.outer is not None:
            return self.outer.read(name)
        return self._captured(name)

    def _bound(self, name: str, value: Any) -> Any:
        if isinstance(value, Poison):
            if value.early is not None:
                raise UnreachedError(value.error, value.early)
            raise again(value.error)
        if isinstance(value, Maybe):
            return tree.map(lambda leaf: _assigned(name, leaf, value), value.value)
        return value

    def _captured(self, name: str) -> Any:
        function, session = self.function, self.session
        free = function.__code__.co_freevars
        if name in free and function.__closure__:
            cell = function.__closure__[free.index(name)]
            try:
                return session.capture(cell, name, lambda: cell.cell_contents)
            except ValueError:
                raise DefnNameError(f"`{name}` is not bound yet") from None
        scope = function.__globals__
        if name in scope:
            return session.capture(scope, name, lambda: scope[name])
        if hasattr(builtins, name):
            return getattr(builtins, name)
        known = (*self.env, *scope, *dir(builtins))
        hint = did_you_mean(name, known)
        raise DefnNameError(f"`{name}` is not defined", hint=hint)


def _assigned(name: str, leaf: Any, value: Maybe) -> Any:
    """Return a leaf of a name that may be unbound, checked where it is read."""
    assigned = truth(value.assigned)
    error = f"`{name}` is read, but no iteration or branch has assigned it"
    if assigned is True:
        return leaf
    if assigned is False or not is_tensor_like(leaf):
        raise DefnUnboundLocalError(error)
    return check(as_expr(leaf), assigned, "DefnUnboundLocalError", error)
