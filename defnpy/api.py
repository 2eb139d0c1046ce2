"""What users decorate, transform and call.

A call goes through these stages, in this order:

1. `runtime.signature` takes its arguments apart: types of arrays, static values.
2. `frontend` reads the function's source and specialises it: a Function.
3. `transforms` differentiate inside of that, where `grad` was asked for.
4. `passes` simplify the Function and lower it to a Kernel.
5. `backends.cpu` makes machine code of the Kernel, or finds it on disk.
6. `runtime.dispatch` keeps it for the next call of that signature, and runs it.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import tree
from defnpy.base.errors import DefnTypeError
from defnpy.frontend.target import (
    OPTIONS,
    DefnTarget,
    TransformTarget,
    transform_of,
)
from defnpy.runtime.boundary import plain, shown_to_users
from defnpy.runtime.dispatch import Dispatcher, Variant
from defnpy.runtime.reasons import signature_text
from defnpy.runtime.signature import Binder

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.runtime.inspection import Lowered
    from defnpy.runtime.reasons import VariantInfo


class Compiled:
    """A function that is compiled for what it is called with.

    Call it with NumPy arrays, Python numbers, Polars frames, or trees of them.
    """

    def __init__(self, target: Any, binder: Callable[[], Binder]) -> None:
        """Keep the target; nothing is compiled before the first call."""
        self.__defnpy_target__ = target
        self._dispatcher = Dispatcher(target, binder)
        self._applied: dict[str, Compiled] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function, compiled for the types of its arguments."""
        if _Interpreted.anywhere and _interpreted.here and isinstance(self, Defn):
            return self.python(*args, **kwargs)
        quick = self._dispatcher.quick
        if quick is not None and not kwargs and quick.is_current():
            made = quick.run(*args)
            if made is not NotImplemented:
                return made
        try:
            return self._dispatcher.call(args, kwargs)
        except Exception as error:
            __tracebackhide__ = True  # for pytest and IPython
            raise plain(error) from None

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program as parsed by the reference evaluator, with NumPy."""
        variant, arrays = _variant(self._dispatcher, args, kwargs)
        program = variant.stages.program
        return variant.returned(_evaluate(program.function, arrays))

    def numba(self, *args: Any, **kwargs: Any) -> Any:
        """Return the program for these arguments as a function for Numba code.

        The arguments are like those of a call, or templates.  What is returned
        can be called from functions decorated with `numba.njit`: with arrays of
        these types, and scalars; it returns an array or a scalar, or a tuple.
        """
        variant, _ = _variant(self._dispatcher, args, kwargs)
        return variant.stages.numba

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """Return the program for these arguments, or templates, to look inside.

        ``.ir`` is its text; ``.compile()`` has ``.kernels``, ``.llvm``, ``.asm``,
        ``.cost`` and ``.memory``.

        >>> print(dn.defn(lambda x: x * 2 + 1).lower(dn.template(3)).ir)
        <lambda>(a0: f32[3]):
            ...
            return ...
        """
        from defnpy.runtime.inspection import Lowered

        variant, _ = _variant(self._dispatcher, args, kwargs)
        return Lowered(variant.stages)

    def explain(self, *args: Any, **kwargs: Any) -> str:
        """Return what the compiler made of the function for these arguments.

        It says why it was compiled, whether that was done in this process or
        found on disk, which operations share a pass over memory, which arrays
        are changed in place and which are copied, and what BLAS does.
        """
        from defnpy.runtime.inspection import explanation

        variant, _ = _variant(self._dispatcher, args, kwargs)
        signature = signature_text(self._dispatcher.leaves(variant.first))
        return explanation(variant, signature, len(self.variants()))

    def variants(self) -> list[VariantInfo]:
        """Return what the function is specialised for by now, and why each was.

        >>> half = dn.defn(lambda x: x / 2)
        >>> half(np.ones(3)), half(1.0)
        (array([0.5, 0.5, 0.5]), np.float64(0.5))
        >>> for each in half.variants():
        ...     print(each.signature, "because", each.why)
        x: f64[3] because it is the first call
        x: f64*[] because `x` is f64*[], not f64[3]
        """
        return self._dispatcher.variants()


@shown_to_users
def _variant(
    dispatcher: Dispatcher, args: Any, kwargs: Any
) -> tuple[Variant, list[Any]]:
    return dispatcher.variant(args, kwargs)


@shown_to_users
def _evaluate(function: Any, arrays: list[np.ndarray]) -> list[np.ndarray]:
    from defnpy.backends import reference

    return reference.evaluate(function, arrays)


class Defn(Compiled):
    """A function of the language; call it like the function it decorates."""

    def __init__(self, function: Callable[..., Any], static: tuple[str, ...]) -> None:
        """Check the syntax; nothing is compiled before the first call."""
        from defnpy.frontend.source import fence

        functools.update_wrapper(self, function, updated=())
        self._function = function
        super().__init__(DefnTarget(function, static), lambda: Binder(function, static))
        shown_to_users(fence)(function)

    def __repr__(self) -> str:
        """Return the name."""
        return f"<defn {self._function.__qualname__}>"

    def __reduce__(self) -> str:
        """Pickle by name."""
        return self._function.__qualname__

    def python(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function undecorated in CPython, on copies of the arrays.

        So do the decorated functions that it calls.
        """
        args, kwargs = tree.map(_copied, (args, kwargs))
        with _interpreted:
            return self._function(*args, **kwargs)


class _Interpreted(threading.local):
    """Tells whether a thread is inside of ``f.python``.

    `anywhere` counts over all threads, so that a call elsewhere costs next to
    nothing.
    """

    anywhere = 0
    here = 0

    def __enter__(self) -> None:
        self.here += 1
        _Interpreted.anywhere += 1

    def __exit__(self, *exception: object) -> None:
        self.here -= 1
        _Interpreted.anywhere -= 1


_interpreted = _Interpreted()


def _copied(leaf: Any) -> Any:
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


@shown_to_users
def defn(function: Any = None, *, static: tuple[str, ...] = ()) -> Any:
    """Compile a function of the language, specialised for what it is called with.

    Args:
        function: plain Python on arrays; see the language's page.
        static: names of positional parameters that are known when compiling.

    Raises:
        DefnSyntaxError: at once, for a construct the language does not have.

    >>> @dn.defn
    ... def total(x):
    ...     s = 0.0
    ...     for i in range(len(x)):
    ...         s = s + x[i] ** 2
    ...     return s
    >>> total(np.array([1.0, 2.0, 3.0]))
    np.float64(14.0)
    """
    if function is None:
        return lambda made: defn(made, static=static)
    if isinstance(function, Compiled):
        return function
    if not callable(function) or not hasattr(function, "__code__"):
        raise DefnTypeError(
            f"defn decorates a function, not a {type(function).__name__}"
        )
    names = (static,) if isinstance(static, str) else tuple(static)
    return Defn(function, names)


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
        made = Compiled(target, inner._dispatcher._make_binder)
        functools.update_wrapper(made, function, updated=())
        return made


def _compiled(function: Any) -> Compiled:
    return function if isinstance(function, Compiled) else defn(function)


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
    kept = tree.map(_copied, primals)
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


def range(*bounds: Any, unroll: bool | int = False) -> Any:
    """Return a range to loop over; `unroll` tells the compiler how.

    Args:
        bounds: stop, or start and stop, or start, stop and step.
        unroll: a number of steps per iteration, or True for all of them.

    >>> list(dn.range(1, 7, 2, unroll=True))
    [1, 3, 5]
    """
    return builtins.range(*bounds)


# The frontend knows it by this mark.
range.__dict__["__defnpy_transform__"] = "range"
