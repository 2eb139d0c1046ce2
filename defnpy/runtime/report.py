"""Faults of defnpy's own: said to be so, with a file that repeats them."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import os
import platform
import textwrap
import traceback
from dataclasses import fields
from importlib import metadata
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.errors import DefnError, InternalError, is_users
from defnpy.base.flags import Flags, flags
from defnpy.frontend.target import DefnTarget, TransformTarget, target_of
from defnpy.ir.types import TensorType
from defnpy.runtime import disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PACKAGES = ("defnpy", "numpy", "llvmlite", "numba", "scipy", "optree", "ml_dtypes")
_ONES = {"b": "True", "i": "1", "f": "1.0", "c": "1j"}
_DEPTH = 20  # functions that one function calls, and those that they call


@contextlib.contextmanager
def reported(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator:
    """Make an InternalError of any exception that is not about the user's program."""
    try:
        yield
    except (DefnError, MemoryError):
        raise
    except Exception as error:
        told = isinstance(error, InternalError) and error.report is not None
        if told or is_users(error):
            raise
        raise _internal(error, target, args, kwargs) from error


def _internal(
    error: Exception, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> InternalError:
    kind = "" if isinstance(error, InternalError) else f"{type(error).__name__}: "
    what = f"{kind}{error}".splitlines()[0] if f"{kind}{error}" else kind
    path = _written(_reproduction(error, target, args, kwargs))
    made = InternalError(
        f"a fault of defnpy's own, not of your program: {what}",
        span=getattr(error, "span", None),
        notes=(f"a file that repeats it: {path}",) if path else (),
        hint="please report it with that file; `f.python(...)` runs without compiling"
        if path
        else "please report it; `f.python(...)` runs without compiling",
    )
    made.report = path or ""
    return made


def _written(text: str) -> str | None:
    """Write a report into the cache directory; return its path."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = disk.directory() / f"fault-{digest}.py"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError:
        return None
    return os.fspath(path)


def _reproduction(
    error: Exception, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> str:
    """Return a program that repeats a fault, as far as it can be written down."""
    with _best_effort() as lines:
        lines += _definitions(_function_of(target))
        called = f"{_called(target)}.lower({_arguments(args, kwargs)})"
        lines += ["", "", f"{called}.compile()"]
    trace = "".join(traceback.format_exception(error))
    return "\n".join(
        [
            '"""A fault of defnpy\'s own; running this file repeats it."""',
            "",
            *lines,
            "",
            *(f"# {line}".rstrip() for line in [*_versions(), "", *trace.split("\n")]),
            "",
        ]
    )


@contextlib.contextmanager
def _best_effort() -> Iterator[list[str]]:
    """Collect lines; what goes wrong on the way is told among them."""
    lines: list[str] = []
    try:
        yield lines
    except Exception as error:  # a report is better than none
        lines.append(f"# the rest cannot be written: {error!r}")


def _versions() -> list[str]:
    changed = [
        f"DEFNPY_{item.name.upper()}={getattr(flags, item.name)}"
        for item in fields(Flags)
        if getattr(flags, item.name) != item.default
    ]
    return [
        f"python {platform.python_version()}, {platform.platform()}",
        *map(_version, _PACKAGES),
        *changed,
    ]


def _version(name: str) -> str:
    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return f"{name} is not installed"


def _function_of(target: Any) -> Any:
    target = target_of(target)
    while isinstance(target, DefnTarget | TransformTarget):
        inner = target.function if isinstance(target, DefnTarget) else target.target
        target = target_of(inner)
    return target


def _called(target: Any) -> str:
    """Return the expression that makes what was called."""
    target = target_of(target)
    if isinstance(target, TransformTarget):
        options = [f", {name}={value!r}" for name, value in target.options]
        return f"dn.{target.kind}({_called(target.target)}{''.join(options)})"
    static = f", static={target.static_names!r}" if target.static_names else ""
    return f"defn({_name(target.function)}{static})"


def _name(function: Any) -> str:
    name = function.__name__
    return name if name.isidentifier() else "f"


def _arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    given = [_argument(each) for each in args]
    return ", ".join([*given, *(f"{k}={_argument(v)}" for k, v in kwargs.items())])


def _argument(value: Any) -> str:
    """Return an expression for an argument of this type."""
    if isinstance(value, TensorType):
        if value.weak and not value.shape:
            return _ONES[value.dtype.kind]
        return f'dn.template({value.shape}, "{value.dtype}")'
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k!r}: {_argument(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_argument, value))}]"
    if type(value) is tuple:
        return f"({''.join(f'{_argument(each)}, ' for each in value)})"
    return repr(value)


def _definitions(function: Any) -> list[str]:
    """Return imports, values and functions that the source of a function needs."""
    imports = {"dn": "import defnpy as dn", "defn": "from defnpy import defn"}
    values: dict[str, str] = {}
    sources: list[str] = []
    waiting, seen = [function], set()
    while waiting and len(seen) < _DEPTH:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        sources.append(_source(here))
        for name, value in _names(here).items():
            value = _plain(value)
            if isinstance(value, ModuleType):
                imports[name] = f"import {value.__name__} as {name}"
            elif isinstance(value, FunctionType):
                if value.__module__.split(".")[0] == "defnpy":
                    imports[name] = f"from {value.__module__} import {name}"
                else:
                    waiting.append(value)
            else:
                values[name] = f"{name} = {_value(value)}"
    return [*imports.values(), "", *values.values(), *reversed(sources)]


def _plain(value: Any) -> Any:
    """Return the Python function of a decorated one."""
    found = _function_of(value)
    return found if isinstance(found, FunctionType) else value


def _names(function: FunctionType) -> dict[str, Any]:
    """Return the globals and closure variables that a function reads."""
    closure = inspect.getclosurevars(function)
    return {**closure.globals, **closure.nonlocals}


def _source(function: FunctionType) -> str:
    text = textwrap.dedent(inspect.getsource(function))
    lines = text.rstrip().splitlines()
    if function.__name__ == "<lambda>":
        return f"\n\n# f is the lambda in\n# {lines[0]}"
    start = next(k for k, line in enumerate(lines) if line.startswith("def "))
    return "\n".join(["", "", *lines[start:]])


def _value(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f'dn.zeros({value.shape}, dtype="{value.dtype}")'
    return repr(value)


def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a stage of `Stages` whose faults are reported."""

    @functools.wraps(method)
    def run(stages: Any) -> Any:
        if stages.is_trial:
            return method(stages)
        with reported(stages.target, stages.args, stages.kwargs):
            return method(stages)

    return run
