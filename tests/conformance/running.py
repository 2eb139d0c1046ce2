"""Run a vector by CPython, call by call, and compiled."""

import linecache
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import defnpy as dn
from conformance.comparing import Leaf, Raises, Same, difference, expectation
from conformance.reasons import REASONS
from conformance.records import Vector
from conformance.translation import Translation, UntranslatableError, translate

PASSED, LISTED, FAILED = "passed", "listed", "failed"
_USER_ERRORS = (dn.DefnError, TypeError, ValueError, IndexError, OverflowError)


@dataclass(frozen=True)
class Outcome:
    """What became of a vector.

    Attributes:
        vector: the vector.
        status: whether it passed, or is listed with a reason, or neither.
        why: the reason of a listed one, or how results differ.
        source: the function that it was translated to.
    """

    vector: Vector
    status: str
    why: str = ""
    source: str = ""


def run(vector: Vector) -> Outcome:
    """Return the outcome of a vector."""
    listed = REASONS.get(vector.id)
    if listed is not None and listed.never_run:
        return Outcome(vector, LISTED, listed.why)
    try:
        wanted = expectation(vector.expect)
        translation = translate(vector.expr)
        other = translate(wanted.expr) if isinstance(wanted, Same) else None
    except UntranslatableError as error:
        return Outcome(vector, LISTED, str(error))
    problem = _first_problem(vector, translation, other or wanted)
    if problem is None and listed is not None:
        problem = f"passes, but is listed: {listed.why}"
    elif problem is None:
        return Outcome(vector, PASSED, source=translation.source)
    elif listed is not None:
        apart = translation.outside or listed.ways_differ
        problem = None if apart else _disagreement(vector, translation)
        if problem is None:
            return Outcome(vector, LISTED, listed.why, translation.source)
    return Outcome(vector, FAILED, problem, translation.source)


def _first_problem(vector: Vector, translation: Translation, wanted: Any) -> str | None:
    ways = [("eager", _eager), ("compiled", _compiled)]
    for how, prepared in ways[: 1 if translation.outside else 2]:
        problem = _problem(prepared, translation, wanted, vector)
        if problem is not None:
            return f"{how}: {problem}"
    return None


def _disagreement(vector: Vector, translation: Translation) -> str | None:
    """Return how a compiled result differs from the one at once.

    What is listed need not be Nx's, but both ways have to agree.
    """
    eager, compiled = (
        _result(prepared(vector.id, translation.source), translation)
        for prepared in (_eager, _compiled)
    )
    if isinstance(eager, Exception) or isinstance(compiled, Exception):
        one, other = type(eager), type(compiled)
        if issubclass(other, one) and isinstance(eager, _USER_ERRORS):
            return None
        return f"eager gives {eager!r}, compiled {compiled!r}"
    problem = difference(compiled, _expected(eager), {"strict": False})
    return problem and f"compiled beside eager: {problem}"


def _result(function: Callable[..., Any], translation: Translation) -> Any:
    try:
        return function(*translation.arrays)
    except Exception as error:
        return error


def _problem(
    prepared: Callable[[str, str], Any],
    translation: Translation,
    wanted: Any,
    vector: Vector,
) -> str | None:
    """Return how results differ from what is wanted, None if they do not."""
    try:
        got = prepared(vector.id, translation.source)(*translation.arrays)
        if isinstance(wanted, Translation):
            other = prepared(f"{vector.id} wanted", wanted.source)(*wanted.arrays)
            wanted = _expected(other)
    except Exception as error:
        expected = isinstance(wanted, Raises) and isinstance(error, _USER_ERRORS)
        return None if expected else f"{type(error).__name__}: {error}"
    return difference(got, wanted, vector.compare)


def _expected(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_expected(each) for each in value]
    return Leaf(value)


def _eager(name: str, source: str) -> Callable[..., Any]:
    """Return the function that a source defines, where its source can be found."""
    file = f"<{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    names: dict[str, Any] = {}
    exec(compile(source, file, "exec"), names)
    return names["vector"]


def _compiled(name: str, source: str) -> Callable[..., Any]:
    return dn.defn(_eager(name, source))
