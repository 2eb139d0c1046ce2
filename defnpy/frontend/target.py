"""What a call can be compiled for: a function, or a transform of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class DefnTarget:
    """A function of the language.

    Attributes:
        function: the Python function.
        static_names: positional parameters that are known when specialising.
    """

    function: Callable[..., Any]
    static_names: tuple[str, ...] = ()
    __defnpy_leaf__: ClassVar[bool] = True


@dataclass(frozen=True)
class TransformTarget:
    """A transform of a function.

    Attributes:
        kind: ``"grad"`` or ``"value_and_grad"``.
        target: what it transforms: a target, a Python function or a closure.
        options: its options as sorted pairs, so that equal targets compare equal.
    """

    kind: str
    target: Any
    options: tuple[tuple[str, Any], ...] = ()
    __defnpy_leaf__: ClassVar[bool] = True

    def option(self, name: str, default: Any) -> Any:
        """Return the option `name`."""
        return dict(self.options).get(name, default)


def target_of(value: Any) -> Any:
    """Return the target that `value` stands for, or `value` itself."""
    return getattr(value, "__defnpy_target__", value)
