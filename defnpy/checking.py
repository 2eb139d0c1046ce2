"""`dn.check`: the ways to run a function held against each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.api import Compiled, Interpretable, defn
from defnpy.base import tree
from defnpy.base.errors import DefnAssertionError
from defnpy.transformations import grad

if TYPE_CHECKING:
    from collections.abc import Sequence

_DIFFERENCES = "finite differences"
_DIRECTIONS = 2  # in which each argument's gradient is tried
_ROUNDINGS = 1e4  # of the result's dtype that two ways of computing may differ by


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two ways of computing something, held against each other.

    Attributes:
        what: the first way.
        against: the second way.
        where: the part of the result they differ in most.
        difference: how much they do, the largest value being 1.
        allowed: how much they may.
        note: why they could not be compared, if they could not.
    """

    what: str
    against: str
    where: str = ""
    difference: float = 0.0
    allowed: float = 0.0
    note: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the difference is small."""
        return self.difference <= self.allowed

    def row(self) -> tuple[str, str, str]:
        """Return what was compared, where it differs, and how much, as text."""
        found = self.note or f"{self.difference:.2g}, at most {self.allowed:.2g}"
        return f"{self.what}, {self.against}", self.where, found


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` found; its text is a table.

    Attributes:
        name: of the function.
        comparisons: all that were made.
    """

    name: str
    comparisons: tuple[Comparison, ...]

    @property
    def is_good(self) -> bool:
        """Whether every difference is small."""
        return all(each.is_good for each in self.comparisons)

    def __str__(self) -> str:
        """Return a line for each comparison, in columns."""
        return "\n".join([self.name, *(f"  {line}" for line in self.lines())])

    def lines(self) -> list[str]:
        """Return the lines of the table."""
        rows = [each.row() for each in self.comparisons]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return [
            "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True))
            for row in rows
        ]


def check(function: Any, /, *args: Any, **kwargs: Any) -> Report:
    """Run a function in every way there is, and compare what it returns.

    Machine code is compared with the reference evaluator and with CPython.  If the
    function returns one float and takes floats, its gradient is compared with
    finite differences, in double precision and in random directions.

    Args:
        function: a `defn`, or a function that could be one.
        args: what to call it with.
        kwargs: static options.

    Raises:
        DefnAssertionError: if two ways differ; it names which and where.

    >>> print(dn.check(lambda x: (x**2).sum(), np.array([1.0, 2.0])))
    <lambda>
      compiled, evaluator           result  0, at most ...
      compiled, CPython             result  0, at most ...
      gradient, finite differences  args[0]  ..., at most ...
    """
    f = function if isinstance(function, Compiled) else defn(function)
    name = getattr(f, "__name__", repr(f))
    made = f(*args, **kwargs)
    evaluated = f.evaluate(*args, **kwargs)
    found = [_compare("evaluator", made, evaluated, same_dtype=True)]
    if isinstance(f, Interpretable):
        found.append(_with_python(f, made, args, kwargs))
    if _is_float(made) and np.ndim(made) == 0:
        found += _gradients(f, args, kwargs)
    report = Report(name, tuple(found))
    for each in report.comparisons:
        if not each.is_good:
            raise DefnAssertionError(
                f"{name}: {each.what} and {each.against} differ in `{each.where}`"
                f" by {each.difference:.2g}, which is more than {each.allowed:.2g}",
                notes=tuple(report.lines()),
            )
    return report


def _with_python(
    f: Interpretable, made: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> Comparison:
    try:
        with np.errstate(all="ignore"):
            wanted = f.python(*args, **kwargs)
    except Exception as error:
        raise DefnAssertionError(
            f"compiled it returns a result, in CPython it raises"
            f" {type(error).__name__}: {error}"
        ) from error
    return _compare("CPython", made, wanted, same_dtype=False)


def _compare(against: str, made: Any, wanted: Any, *, same_dtype: bool) -> Comparison:
    """Return how far two results are apart; trees of other structure are infinitely."""
    (found, structure), (other, expected) = tree.flatten(made), tree.flatten(wanted)
    if structure != expected:
        return Comparison("compiled", against, "result", math.inf)
    paths = tree.paths(made, "result")
    each = [
        Comparison(
            "compiled",
            against,
            path,
            _difference(a, b, same_dtype),
            max(_rounding(a), _rounding(b)) * _ROUNDINGS,
        )
        for path, a, b in zip(paths, found, other, strict=True)
    ]
    return max(each, key=_excess, default=Comparison("compiled", against))


def _excess(made: Comparison) -> float:
    return made.difference - made.allowed


def _difference(a: Any, b: Any, same_dtype: bool) -> float:
    """Return the largest difference of elements, relative to the largest element."""
    if not _is_numeric(a) or not _is_numeric(b):
        return 0.0 if type(a) is type(b) and a == b else math.inf
    x, y = np.asarray(a), np.asarray(b)
    if x.shape != y.shape or (same_dtype and x.dtype != y.dtype):
        return math.inf
    if x.size == 0:
        return 0.0
    wide = np.complex128 if "c" in (x.dtype.kind, y.dtype.kind) else np.float64
    x, y = x.astype(wide), y.astype(wide)
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.where(same, 0.0, np.abs(x - y))
    finite = np.abs(y[np.isfinite(y)])
    largest = float(np.max(finite)) if finite.size else 0.0
    return float(np.max(np.nan_to_num(apart, nan=np.inf, posinf=np.inf))) / (
        largest or 1.0
    )


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic | bool | int | float | complex)


def _is_float(value: Any) -> bool:
    if isinstance(value, float):
        return True
    return isinstance(value, np.ndarray | np.generic) and _is_inexact(value)


def _is_inexact(value: np.ndarray | np.generic) -> bool:
    return value.dtype.kind == "f" or value.dtype.name == "bfloat16"


def _rounding(value: Any) -> float:
    """Return the relative error of one rounding of a value's dtype."""
    if not _is_numeric(value):
        return 0.0
    dtype = np.asarray(value).dtype
    if dtype.kind in "biu":
        return 0.0
    return 2.0**-8 if dtype.name == "bfloat16" else float(np.finfo(dtype).eps)


def _gradients(
    f: Compiled, args: Sequence[Any], kwargs: dict[str, Any]
) -> list[Comparison]:
    """Return how far the gradient of each argument of floats is from differences."""
    wide = [tree.map(_widened, arg) for arg in args]
    numbers = [k for k, arg in enumerate(args) if _is_of_floats(arg)]
    if not numbers:
        return []
    if not np.isfinite(f(*wide, **kwargs)):
        return [Comparison("gradient", _DIFFERENCES, note="the value is not finite")]
    try:
        found = grad(f, tuple(numbers))(*wide, **kwargs)
    except TypeError as error:  # what cannot be differentiated says so
        note = getattr(error, "message", str(error))
        return [Comparison("gradient", _DIFFERENCES, note=note)]
    rng = np.random.default_rng(0)
    return [
        max(
            (_along(f, (wide, kwargs), k, each, rng) for _ in range(_DIRECTIONS)),
            key=_excess,
        )
        for k, each in zip(numbers, found, strict=True)
    ]


def _is_of_floats(arg: Any) -> bool:
    leaves = tree.leaves(arg)
    return bool(leaves) and all(_is_float(leaf) for leaf in leaves)


def _widened(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray | np.generic) and _is_inexact(leaf):
        return np.asarray(leaf, np.float64)
    return leaf


def _along(
    f: Compiled, call: Any, k: int, gradient: Any, rng: np.random.Generator
) -> Comparison:
    """Compare the gradient by argument `k` with a difference in one direction."""
    args, kwargs = call
    value = f(*args, **kwargs)
    step = _rounding(value) ** (1 / 3)
    leaves, treedef = tree.flatten(args[k])
    sizes = [1.0 + float(np.max(np.abs(leaf), initial=0.0)) for leaf in leaves]
    ways = [
        size * rng.standard_normal(np.shape(leaf))
        for leaf, size in zip(leaves, sizes, strict=True)
    ]

    def moved(by: float) -> Any:
        pairs = zip(leaves, ways, strict=True)
        made = [_like(leaf, leaf + by * way) for leaf, way in pairs]
        return f(*args[:k], tree.unflatten(treedef, made), *args[k + 1 :], **kwargs)

    difference = (float(moved(step)) - float(moved(-step))) / (2 * step)
    parts = zip(tree.leaves(gradient), ways, strict=True)
    exact = float(sum(np.sum(g * way) for g, way in parts))
    size = max(abs(difference), abs(exact))
    rounding = 50 * _rounding(value) * abs(float(value)) / step
    allowed = 1e-6 + 100 * step**2 + (rounding / size if size else 0.0)
    apart = abs(difference - exact) / (size or 1.0)
    apart = math.inf if math.isnan(apart) else apart
    return Comparison("gradient", _DIFFERENCES, f"args[{k}]", apart, allowed)


def _like(leaf: Any, moved: Any) -> Any:
    return float(moved) if isinstance(leaf, float) else np.asarray(moved)
