"""What users decorate, transform and call.

A call goes through these stages, in this order:

1. `runtime.signature` takes its arguments apart: types of arrays, static values.
2. `frontend` reads the function's source and specialises it: a Function.
3. `transforms` differentiate, or make lanes, inside of that where it was asked for.
4. `passes` simplify the Function and lower it to a Kernel.
5. `backends.cpu` makes machine code of the Kernel, or finds it on disk.
6. `runtime.dispatch` keeps it for the next call of that signature, and runs it.
"""

from __future__ import annotations

import builtins
import functools
import threading
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import tree
from defnpy.base.errors import DefnTypeError
from defnpy.frontend.target import DefnTarget
from defnpy.runtime.boundary import plain, shown_to_users
from defnpy.runtime.dispatch import Dispatcher, Variant
from defnpy.runtime.reasons import signature_text
from defnpy.runtime.signature import Binder, check_static

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
        if (
            _Interpreted.anywhere
            and _interpreted.here
            and isinstance(self, Interpretable)
        ):
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
        return variant.returned(_evaluate(variant.stages.meaning, arrays))

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
        x: float because `x` is float, not f64[3]
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


class Interpretable(Compiled):
    """A compiled function that CPython can run as well.

    Args:
        target: what is compiled.
        binder: see `Dispatcher`.
        function: what CPython runs.
    """

    def __init__(
        self, target: Any, binder: Callable[[], Binder], function: Callable[..., Any]
    ) -> None:
        """Keep the function, and its name and documentation."""
        super().__init__(target, binder)
        functools.update_wrapper(self, function, updated=())
        self._function = function

    def python(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function undecorated in CPython, on copies of the arrays.

        So do the decorated functions that it calls.
        """
        args, kwargs = tree.map(copied, (args, kwargs))
        with _interpreted:
            return self._function(*args, **kwargs)


class Defn(Interpretable):
    """A function of the language; call it like the function it decorates."""

    def __init__(
        self, function: Callable[..., Any], static: tuple[str, ...], **options: bool
    ) -> None:
        """Check the syntax; nothing is compiled before the first call."""
        from defnpy.frontend.source import fence

        target = DefnTarget(function, static, **options)
        check_static(function, static)
        super().__init__(target, lambda: Binder(function, static), function)
        shown_to_users(fence)(function)

    def __repr__(self) -> str:
        """Return the name."""
        return f"<defn {self._function.__qualname__}>"

    def __reduce__(self) -> str:
        """Pickle by name."""
        return self._function.__qualname__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Return the method of an instance, whose first argument it is."""
        return self if instance is None else MethodType(self, instance)


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


def copied(leaf: Any) -> Any:
    """Return a copy of an array, other leaves as they are."""
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


@shown_to_users
def defn(
    function: Any = None,
    *,
    static: tuple[str, ...] = (),
    check_nan: bool = False,
    bounds: bool = True,
) -> Any:
    """Compile a function of the language, specialised for what it is called with.

    Args:
        function: plain Python on arrays; see the language's page.
        static: names of positional parameters that are known when compiling.
        check_nan: whether to raise where the first NaN is made, forwards or in a
            gradient, naming the line, the operation and the iteration; slow.
        bounds: whether to check indices that may be out of bounds.  Without,
            such an index is undefined behaviour.

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
        return functools.partial(
            defn, static=static, check_nan=check_nan, bounds=bounds
        )
    if isinstance(function, Compiled):
        if static or check_nan or not bounds:
            raise DefnTypeError(
                "what is compiled already takes no options",
                hint="give them where the function is defined",
            )
        return function
    if isinstance(function, MethodType) and isinstance(function.__func__, Defn):
        target = function.__func__.__defnpy_target__
        bound = MethodType(target.function, function.__self__)
        options = {"check_nan": target.check_nan, "bounds": target.bounds}
        return Defn(bound, target.static_names, **options)
    if not callable(function) or not hasattr(function, "__code__"):
        raise _no_function(function)
    names = (static,) if isinstance(static, str) else tuple(static)
    return Defn(function, names, check_nan=check_nan, bounds=bounds)


def _no_function(value: Any) -> DefnTypeError:
    name = getattr(value, "__name__", None)
    if callable(value) and name and not isinstance(value, type):
        return DefnTypeError(
            f"`{name}` has no Python source to compile",
            hint=f"write a function that calls it: `lambda x: {name}(x)`",
        )
    kind = "class" if isinstance(value, type) else type(value).__name__
    return DefnTypeError(f"defn decorates a function, not a {kind}")


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
