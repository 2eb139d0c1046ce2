"""The settings of the process, as ``dn.config``."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from defnpy.base.errors import DefnAttributeError, DefnValueError
from defnpy.base.flags import Flags, flags
from defnpy.runtime.memory import set_limit
from defnpy.runtime.threads import set_threads

if TYPE_CHECKING:
    from collections.abc import Callable

_NAMES = tuple(item.name for item in fields(Flags))
# For each setting, what it may be, and how that is said.
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    # Kernels compile for CUDA (`backends.cuda`), but no call path leads there yet.
    "device": (lambda v: v == "cpu", "'cpu', as functions do not run on CUDA yet"),
    "default_float": (lambda v: v in ("f32", "f64"), "'f32' or 'f64'"),
    "check_nan": (lambda v: isinstance(v, bool), "True or False"),
    "threads": (lambda v: type(v) is int and v >= 0, "an int, 0 for all cores"),
    "spare_memory": (lambda v: type(v) is int and v >= 0, "MiB as an int, or 0"),
    "cache_dir": (lambda v: isinstance(v, str), "a path as a string"),
    "cache": (lambda v: isinstance(v, bool), "True or False"),
    "debug": (lambda v: type(v) is int and 0 <= v <= 5, "an int from 0 to 5"),
    "verify": (lambda v: isinstance(v, bool), "True or False"),
    "traceback": (lambda v: v in ("user", "full"), "'user' or 'full'"),
}


class Config:
    """The settings, each an attribute; setting one checks its value.

    >>> dn.config.default_float
    'f32'
    >>> dn.config.default_float = "f8"
    Traceback (most recent call last):
        ...
    defnpy.errors.DefnValueError: config.default_float must be 'f32' or 'f64'...
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        """Return a setting."""
        return getattr(flags, _known(name))

    def __setattr__(self, name: str, value: Any) -> None:
        """Change a setting, for calls made from now on."""
        accepts, wanted = _RULES[_known(name)]
        if not accepts(value):
            raise DefnValueError(f"config.{name} must be {wanted}, not {value!r}")
        setattr(flags, name, value)
        if name == "threads":
            set_threads(value)
        if name == "spare_memory":
            set_limit(value)

    def __dir__(self) -> list[str]:
        """List the settings."""
        return list(_NAMES)

    def __repr__(self) -> str:
        """Return every setting and its value."""
        shown = ", ".join(f"{name}={getattr(flags, name)!r}" for name in _NAMES)
        return f"config({shown})"


def _known(name: str) -> str:
    if name in _NAMES:
        return name
    raise DefnAttributeError(
        f"there is no setting {name!r}", hint=f"the settings are {', '.join(_NAMES)}"
    )


def _check_environment() -> None:
    """Raise for a variable that sets a flag to what it may not be."""
    for name, (accepts, wanted) in _RULES.items():
        value = getattr(flags, name)
        if not accepts(value):
            variable = f"DEFNPY_{name.upper()}"
            raise DefnValueError(f"{variable} must be {wanted}, not {value!r}")


_check_environment()
config = Config()
