"""What a call can be compiled for: a function, or a transform of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from defnpy.base.errors import DefnTypeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class DefnTarget:
    """A function of the language.

    Attributes:
        function: the Python function.
        static_names: positional parameters that are known when specialising.
        check_nan: whether its programs raise where the first NaN is made.
        bounds: whether indices are checked.
    """

    function: Callable[..., Any]
    static_names: tuple[str, ...] = ()
    check_nan: bool = False
    bounds: bool = True
    __defnpy_leaf__: ClassVar[bool] = True

    @property
    def __name__(self) -> str:
        """The function's name."""
        return self.function.__name__


@dataclass(frozen=True)
class TransformTarget:
    """A transform of a function.

    Attributes:
        kind: a name in `OPTIONS`.
        target: what it transforms: a target, a Python function or a closure.
        options: its options as sorted pairs, so that equal targets compare equal.
    """

    kind: str
    target: Any
    options: tuple[tuple[str, Any], ...] = ()
    __defnpy_leaf__: ClassVar[bool] = True

    @property
    def __name__(self) -> str:
        """The call that makes it, as errors name it."""
        return f"{self.kind}({getattr(self.target, '__name__', '...')})"

    def option(self, name: str, default: Any) -> Any:
        """Return the option `name`."""
        return dict(self.options).get(name, default)


# The transforms that take a function and return one, and their options.
OPTIONS: dict[str, dict[str, Any]] = {
    "grad": {"argnums": 0, "has_aux": False},
    "value_and_grad": {"argnums": 0, "has_aux": False},
    "jacobian": {"argnums": 0},
    "hessian": {"argnums": 0},
    "vmap": {"in_axes": 0, "out_axes": 0},
    "checkpoint": {},
    "custom_grad": {},
}


def transform_of(
    kind: str, target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> TransformTarget:
    """Return a transform of `target` with options as given in a call."""
    known = OPTIONS[kind]
    given = dict(zip(known, args, strict=False)) | dict(kwargs)
    unknown = [name for name in given if name not in known]
    if unknown or len(args) > len(known):
        taken = ", ".join(known) or "nothing"
        raise DefnTypeError(
            f"{kind} takes, after the function, {taken}"
            + (f", not {unknown[0]}" if unknown else "")
        )
    if kind == "hessian":
        inner = transform_of("grad", target, args, kwargs)
        return transform_of("jacobian", inner, args, kwargs)
    return TransformTarget(kind, target, tuple(sorted((known | given).items())))


def target_of(value: Any) -> Any:
    """Return the target that `value` stands for, or `value` itself."""
    return getattr(value, "__defnpy_target__", value)
