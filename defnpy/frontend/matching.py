"""`match` on static values."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from defnpy.base.errors import DefnStaticError, DefnTypeError
from defnpy.frontend.attributes import attribute
from defnpy.frontend.memory import bind, memory_of
from defnpy.frontend.operators import truth
from defnpy.frontend.values import known
from defnpy.ir.expr import Expr

if TYPE_CHECKING:
    from defnpy.frontend.frame import Frame


def match_(frame: Frame, node: ast.Match) -> None:
    """Run the first case whose pattern fits."""
    subject = frame.evaluate(node.subject)
    memory = memory_of(frame, node.subject, subject)
    for case in node.cases:
        bound: dict[str, Any] = {}
        if not _fits(frame, case.pattern, subject, bound):
            continue
        for name, value in bound.items():
            frame.env[name] = value
            bind(frame, name, value, memory)
        if case.guard is not None:
            test = truth(frame.evaluate(case.guard))
            if isinstance(test, Expr):
                raise DefnStaticError("the guard of a case must be static")
            if not test:
                continue
        frame.execute(case.body)
        return


def _fits(
    frame: Frame, pattern: ast.pattern, value: Any, bound: dict[str, Any]
) -> bool:
    match pattern:
        case ast.MatchValue() | ast.MatchSingleton():
            return _equals(frame, pattern, known(value))
        case ast.MatchAs():
            if pattern.pattern and not _fits(frame, pattern.pattern, value, bound):
                return False
            if pattern.name:
                bound[pattern.name] = value
            return True
        case ast.MatchOr():
            return any(_fits(frame, each, value, bound) for each in pattern.patterns)
        case ast.MatchSequence():
            return isinstance(value, tuple | list) and _sequence(
                frame, pattern.patterns, list(value), bound
            )
        case ast.MatchMapping():
            return isinstance(value, dict) and _mapping(frame, pattern, value, bound)
        case ast.MatchClass():
            return _class(frame, pattern, value, bound)
    raise DefnTypeError("this pattern cannot be compiled", span=frame.span(pattern))


def _equals(frame: Frame, pattern: Any, value: Any) -> bool:
    if isinstance(value, Expr):
        raise DefnStaticError(
            f"`match` needs a static value, not {value.type}",
            span=frame.span(pattern),
            hint="write `if` and `elif`",
        )
    if isinstance(pattern, ast.MatchSingleton):
        return value is pattern.value
    return frame.static(lambda: value == frame.evaluate(pattern.value))


def _sequence(
    frame: Frame, patterns: list[ast.pattern], items: list[Any], bound: dict[str, Any]
) -> bool:
    stars = [k for k, each in enumerate(patterns) if isinstance(each, ast.MatchStar)]
    if stars:
        place = stars[0]
        after = len(patterns) - place - 1
        if len(items) < len(patterns) - 1:
            return False
        star = patterns[place]
        middle = items[place : len(items) - after]
        if isinstance(star, ast.MatchStar) and star.name:
            bound[star.name] = frame.session.own(middle)
        items = items[:place] + items[len(items) - after :]
        patterns = patterns[:place] + patterns[place + 1 :]
    return len(items) == len(patterns) and all(
        _fits(frame, pattern, item, bound)
        for pattern, item in zip(patterns, items, strict=True)
    )


def _mapping(
    frame: Frame,
    pattern: ast.MatchMapping,
    value: dict[Any, Any],
    bound: dict[str, Any],
) -> bool:
    keys = [frame.evaluate(key) for key in pattern.keys]
    if not all(key in value for key in keys):
        return False
    if pattern.rest:
        rest = {key: item for key, item in value.items() if key not in keys}
        bound[pattern.rest] = frame.session.own(rest)
    return all(
        _fits(frame, each, value[key], bound)
        for each, key in zip(pattern.patterns, keys, strict=True)
    )


def _class(
    frame: Frame, pattern: ast.MatchClass, value: Any, bound: dict[str, Any]
) -> bool:
    cls = frame.evaluate(pattern.cls)
    if not frame.call(isinstance, [value, cls], {}):
        return False
    names = [*getattr(cls, "__match_args__", ())[: len(pattern.patterns)]]
    if len(names) < len(pattern.patterns):
        if (
            cls in (int, float, str, bool, list, dict, tuple)
            and len(pattern.patterns) == 1
        ):
            return _fits(frame, pattern.patterns[0], value, bound)
        raise DefnTypeError(f"{cls.__name__} takes no positional patterns")
    pairs = [*zip(names, pattern.patterns, strict=True)]
    pairs += [*zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True)]
    return all(
        hasattr(value, name)
        and _fits(frame, each, attribute(frame, value, name), bound)
        for name, each in pairs
    )
