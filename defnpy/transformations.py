"""Transforms of functions: derivatives, lanes, what gradients keep.

Each is known to the frontend by its mark, so that it means the same inside of a
program; outside it makes a `Compiled`, or runs one.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from defnpy.api import Compiled, Interpretable, copied, defn
from defnpy.base import tree
from defnpy.frontend.target import OPTIONS, TransformTarget, transform_of
from defnpy.runtime.boundary import shown_to_users
from defnpy.runtime.signature import Binder

if TYPE_CHECKING:
    from collections.abc import Callable


class Transform:
    """A transform of functions, usable outside and inside of programs.

    Args:
        kind: its name in the compiler.
        doc: its documentation.
    """

    def __init__(self, kind: str, doc: str) -> None:
        """Keep the kind."""
        self.__defnpy_transform__ = kind
        self.__name__ = kind
        self.__doc__ = doc

    def __repr__(self) -> str:
        """Return the name."""
        return f"<function dn.{self.__name__}>"

    @property
    def __signature__(self) -> inspect.Signature:
        """The signature, for `help`."""
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        options = OPTIONS[self.__name__].items()
        first = inspect.Parameter("function", inspect.Parameter.POSITIONAL_ONLY)
        rest = [inspect.Parameter(n, kind, default=default) for n, default in options]
        return inspect.Signature([first, *rest])

    @shown_to_users
    def __call__(self, function: Any, /, *args: Any, **options: Any) -> Any:
        """Return the transformed function."""
        inner = _compiled(function)
        target = transform_of(self.__name__, inner.__defnpy_target__, args, options)
        binder = inner._dispatcher._make_binder
        if self.__name__ in _IN_PYTHON and isinstance(inner, Interpretable):
            run = _IN_PYTHON[self.__name__](inner._function)
            return Interpretable(target, binder, run)
        made = Compiled(target, binder)
        functools.update_wrapper(made, function, updated=())
        return made


def _compiled(function: Any) -> Compiled:
    """Return a function compiled; a public one is its own target."""
    if hasattr(function, "__defnpy_builder__"):
        return Compiled(function, lambda: Binder(function, ()))
    return function if isinstance(function, Compiled) else defn(function)


def _first_of(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def first(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)[0]

    return first


# What is left of a transform in CPython, where it is a function of its own.
_IN_PYTHON: dict[str, Callable[..., Any]] = {
    "checkpoint": lambda function: function,
    "custom_grad": _first_of,
}


grad = Transform(
    "grad",
    """Return a function that computes the gradient of `function`.

    Args:
        function: returns a float scalar, or with `has_aux` a pair of one and
            anything else.
        argnums: which positional argument, an int, or several, a tuple.
        has_aux: whether the function returns more than the scalar.

    Returns the gradient, in the structure of the argument; a tuple of gradients
    for a tuple of `argnums`; with `has_aux` a pair of that and the rest.

    >>> dn.grad(lambda x: x**3)(2.0)
    np.float64(12.0)
    """,
)
value_and_grad = Transform(
    "value_and_grad",
    """Return a function that computes the value and the gradient of `function`.

    The arguments are those of `grad`.

    >>> dn.value_and_grad(lambda x: x**3)(2.0)
    (np.float64(8.0), np.float64(12.0))
    """,
)
jacobian = Transform(
    "jacobian",
    """Return a function that computes the Jacobian of `function`.

    Args:
        function: returns floats, one array or a tree of them.
        argnums: which positional argument, an int, or several, a tuple.

    Returns, for each array of the result and each of the argument, all derivatives:
    an array of the shape of the first and then of the second, in the structure of
    the argument inside that of the result.  It takes one run in reverse for each
    element of the result, or one forwards for each of the argument, whichever are
    fewer.

    >>> dn.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """,
)
hessian = Transform(
    "hessian",
    """Return a function that computes the Hessian of `function`, forwards over reverse.

    Args:
        function: returns a float scalar.
        argnums: which positional argument, an int, or several, a tuple.

    Returns the Jacobian of the gradient.

    >>> dn.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """,
)
vmap = Transform(
    "vmap",
    """Return a function that applies `function` to many arguments at once, in lanes.

    Args:
        function: of one lane.
        in_axes: the axis of the positional arguments that the lanes lie along; an
            int or None for all, or a tuple of these or of trees of them, one for
            each argument.  What has None is the same in every lane.
        out_axes: the axis of the results that the lanes are put along, likewise.

    It is the loop over the lanes, and each op is done for all lanes together where
    it can be.  A `while` stops each lane at its own time.  A branch on what differs
    between the lanes computes both of its sides for all of them where they are
    arithmetic alone; else, as a loop that differs, it is done lane after lane.

    >>> dn.vmap(lambda a, b: dn.dot(a, b))(np.eye(2), np.array([[1.0, 2], [3, 4]]))
    array([1., 4.])
    >>> dn.vmap(dn.grad(lambda w, x: w * x**2), in_axes=(None, 0))(1.0, np.arange(3.0))
    array([0., 1., 4.])
    """,
)
checkpoint = Transform(
    "checkpoint",
    """Return `function` with an inside that gradients compute again, not keep.

    A gradient keeps the arguments of the call and nothing of its inside; that is
    run once more in reverse.  Loops right inside are run again in blocks: of n
    iterations the state at about √n is kept at a time, instead of at all n.

    >>> @dn.defn
    ... def simulate(x):
    ...     for _ in range(1000):
    ...         x = x + 0.001 * dn.sin(x)
    ...     return x
    >>> dn.grad(dn.checkpoint(simulate))(1.0).round(6)
    np.float64(1.101705)
    """,
)
custom_grad = Transform(
    "custom_grad",
    """Return a function that says its own gradient.

    Args:
        function: returns a pair: the value, and a function from the cotangent of
            the value to the gradients of the arguments, a tuple, with None for an
            argument that has none; one alone for a single argument.

    Calls return the value.

    >>> @dn.custom_grad
    ... def with_clipped_gradient(x):
    ...     return x, lambda ct: dn.clip(ct, -1.0, 1.0)
    >>> dn.grad(lambda x: with_clipped_gradient(x) * 5.0)(2.0)
    np.float64(1.0)
    """,
)


class Derivative:
    """A transform that is applied to arguments at once, not to a function alone.

    Args:
        kind: its name in the compiler.
        run: what it does outside of programs.
    """

    def __init__(self, kind: str, run: Callable[..., Any]) -> None:
        """Keep the function; its documentation is the user's."""
        functools.update_wrapper(self, run, updated=())
        self.__defnpy_transform__ = kind
        self._run = run

    def __repr__(self) -> str:
        """Return the name."""
        return f"<function dn.{self.__defnpy_transform__}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it."""
        return self._run(*args, **kwargs)


def _jvp(function: Any, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """Return the value of `function`, and how it changes with its arguments.

    Args:
        function: of floats.
        primals: its arguments, a tuple.
        tangents: how each of them changes, in the structure of `primals`.

    Returns the value and its tangent, which is None for what is not a float.

    >>> dn.jvp(lambda x, y: x * y, (3.0, 4.0), (1.0, 0.5))
    (np.float64(12.0), np.float64(5.5))
    """
    return _applied("jvp", function, primals, tangents)


def _vjp(function: Any, /, *primals: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return the value of `function`, and a function that takes cotangents back.

    Args:
        function: what to differentiate.
        primals: its arguments.

    That function takes a cotangent of the value, in its structure, and returns
    those of the arguments, a tuple with one for each, None for what is no float.
    Outside of programs it runs `function` again; inside, the compiler shares what
    both need.

    >>> value, pullback = dn.vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> value, pullback(1.0)
    (np.float64(12.0), (np.float64(4.0), np.float64(3.0)))
    """
    inner = _compiled(function)
    kept = tree.map(copied, primals)
    return inner(*primals), lambda cotangent: _applied(
        "pullback", inner, kept, cotangent
    )


def _applied(kind: str, function: Any, *args: Any) -> Any:
    """Return what a transform with two arguments makes of them, compiled once."""
    inner = _compiled(function)
    made = inner._applied.get(kind)
    if made is None:
        target = TransformTarget(kind, inner.__defnpy_target__)
        made = Compiled(target, lambda: Binder(lambda first, second: None, ()))
        inner._applied[kind] = made
    return made(*args)


jvp = Derivative("jvp", _jvp)
vjp = Derivative("vjp", _vjp)
