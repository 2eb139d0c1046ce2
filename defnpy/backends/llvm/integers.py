"""Whole numbers of 8 bytes: what sizes, places and counts are computed with."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from defnpy.backends.llvm.intrinsics import uniform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from defnpy.backends.llvm.writer import Writer

Number = int | str  # known, or a value of the code


def add(w: Writer, a: Number, b: Number) -> Number:
    """Return a sum."""
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    return a if b == 0 else b if a == 0 else w.value(f"add nsw i64 {a}, {b}")


def sub(w: Writer, a: Number, b: Number) -> Number:
    """Return a difference."""
    return a if b == 0 else w.value(f"sub nsw i64 {a}, {b}")


def mul(w: Writer, a: Number, b: Number) -> Number:
    """Return a product."""
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    return a if b == 1 else b if a == 1 else w.value(f"mul nsw i64 {a}, {b}")


def least(w: Writer, a: Number, b: Number) -> Number:
    """Return the lesser of two."""
    return uniform(w, "smin", "i64", str(a), str(b))


def most(w: Writer, a: Number, b: Number) -> Number:
    """Return the greater of two."""
    return uniform(w, "smax", "i64", str(a), str(b))


def parts(w: Writer, whole: Number, size: Number) -> Number:
    """Return how many parts of `size` cover `whole`."""
    up = add(w, whole, sub(w, size, 1) if isinstance(size, str) else size - 1)
    return w.value(f"udiv i64 {up}, {size}")


def multiple(w: Writer, whole: Number, size: Number) -> Number:
    """Return the least multiple of `size` that is not below `whole`."""
    return mul(w, parts(w, whole, size), size)


def where(w: Writer, condition: str, a: Number, b: Number) -> Number:
    """Return one of two numbers."""
    return w.value(f"select i1 {condition}, i64 {a}, i64 {b}")


def compare(w: Writer, how: str, a: Number, b: Number) -> str:
    """Return a comparison, `how` as LLVM calls it."""
    return w.value(f"icmp {how} i64 {a}, {b}")


@contextmanager
def steps(w: Writer, start: Number, stop: Number, step: Number = 1) -> Iterator[str]:
    """Write what is inside for each number of a range, which may be empty."""
    slot = w.head("alloca i64", "number")
    test, body, end = (w.fresh(each) for each in ("test", "body", "end"))
    w.line(f"store i64 {start}, ptr {slot}")
    w.jump(test)
    w.open(test)
    number = w.value(f"load i64, ptr {slot}")
    w.branch(compare(w, "slt", number, stop), body, end)
    w.open(body)
    yield number
    w.line(f"store i64 {add(w, number, step)}, ptr {slot}")
    w.jump(test)
    w.open(end)


@contextmanager
def choice(w: Writer, condition: str) -> Iterator[Callable[[], None]]:
    """Write what is inside before the call of what is given, or else what follows."""
    then, orelse, end = (w.fresh(each) for each in ("then", "else", "end"))
    w.branch(condition, then, orelse)
    w.open(then)

    def otherwise() -> None:
        w.jump(end)
        w.open(orelse)

    yield otherwise
    w.jump(end)
    w.open(end)


@contextmanager
def when(w: Writer, condition: str) -> Iterator[None]:
    """Write what is inside where `condition` holds."""
    then, end = w.fresh("then"), w.fresh("end")
    w.branch(condition, then, end)
    w.open(then)
    yield
    w.jump(end)
    w.open(end)
