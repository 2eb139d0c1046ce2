"""Sizes that are known only when a program runs.

A `Dim` is a polynomial over symbols with integer coefficients, each symbol a size of
at least `LEAST`; quotients that are not exact count as symbols too.  Equal ones look
alike, so `==` compares what they look like.  What that and the least sizes leave open
is *decided* by the sizes of the call a program is made for, inside of `deciding`, and
noted: the program serves calls that decide alike.
"""

from __future__ import annotations

import math
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

LEAST = 2  # sizes 0 and 1 mean something of their own: they stay numbers

Atom = tuple[Any, ...]  # ("n0",), or ("//", key of a Dim, key of a Dim)
Monomial = tuple[Atom, ...]
Terms = dict[Monomial, int]


class NeedsSizeError(BaseException):
    """The number itself is needed where a program has a symbol.

    No error of anyone's, so nothing that handles errors must stop it: the program is
    made again with the number.

    Attributes:
        symbols: names of the sizes that must be numbers.
        lasting: whether other sizes would need the same.
    """

    def __init__(self, symbols: frozenset[str], *, lasting: bool = True) -> None:
        """Keep the symbols."""
        super().__init__(", ".join(sorted(symbols)))
        self.symbols, self.lasting = symbols, lasting


@dataclass(slots=True)
class Decisions:
    """What was decided by the sizes of one call.

    Attributes:
        sizes: of the symbols, by name.
        guards: a size less than 0 (``"<"``) or not 0 (``"!="``), and whether it was.
        settled: whether the program is what it is, so that sizes are equal only if
            they look alike, and may be shown.
    """

    sizes: Mapping[str, int]
    guards: dict[tuple[Any, str], bool] = field(default_factory=dict)
    settled: bool = False

    def settle(self) -> Decisions:
        """Return the same decisions for a program that is what it is."""
        return replace(self, settled=True)

    def hold(self, sizes: Mapping[str, int]) -> bool:
        """Whether a call of other sizes decides alike."""
        for (terms, relation), outcome in self.guards.items():
            value = _value(terms, sizes)
            if (value < 0 if relation == "<" else value != 0) is not outcome:
                return False
        return True


class _Current(threading.local):
    decisions: Decisions | None = None


_current = _Current()


@contextmanager
def deciding(decisions: Decisions | None) -> Iterator[None]:
    """Decide comparisons inside by the sizes of a call; None decides nothing."""
    before, _current.decisions = _current.decisions, decisions
    try:
        yield
    finally:
        _current.decisions = before


class Dim:
    """A size that is not known yet: an immutable polynomial.

    >>> n = symbol("n")
    >>> shown(2 * n + 1 - n), (n * 6 - 4) // 2 == 3 * n - 2, n > 1
    ('n+1', True, True)
    """

    __slots__ = ("key",)
    __array_ufunc__ = None
    __defnpy_leaf__: ClassVar[bool] = True

    def __init__(self, key: tuple[tuple[Monomial, int], ...]) -> None:
        """Use `symbol` and arithmetic."""
        self.key = key

    def __repr__(self) -> str:
        """Return the text; a program may not have it, as it is not the number's."""
        if _open() is not None:
            raise self._needed()
        return shown(self)

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        """Return the text, as `repr` does."""
        return repr(self)

    def __hash__(self) -> int:
        """Return a hash; a program may not have it, as it is not the number's."""
        if _open() is not None:
            raise self._needed()
        return hash(self.key)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the terms."""
        return Dim, (self.key,)

    def _needed(self) -> NeedsSizeError:
        return NeedsSizeError(symbols_of(self))

    def __index__(self) -> int:
        """Ask for the number."""
        raise self._needed()

    __int__ = __index__

    def __float__(self) -> float:
        """Ask for the number."""
        raise self._needed()

    def __bool__(self) -> bool:
        """Whether it is not 0."""
        return self != 0

    def __add__(self, other: Any) -> Any:
        """Return the sum."""
        if not _is_size(other):
            return NotImplemented
        terms = dict(self.key)
        for monomial, factor in _terms(other).items():
            terms[monomial] = terms.get(monomial, 0) + factor
        return _made(terms)

    __radd__ = __add__

    def __neg__(self) -> Any:
        """Return the negative."""
        return self * -1

    def __pos__(self) -> Dim:
        """Return the same."""
        return self

    def __sub__(self, other: Any) -> Any:
        """Return the difference."""
        return self + other * -1 if _is_size(other) else NotImplemented

    def __rsub__(self, other: Any) -> Any:
        """Return the difference."""
        return self * -1 + other if _is_size(other) else NotImplemented

    def __mul__(self, other: Any) -> Any:
        """Return the product."""
        if not _is_size(other):
            return NotImplemented
        terms: Terms = {}
        for a, first in self.key:
            for b, second in _terms(other).items():
                both = tuple(sorted((*a, *b)))
                terms[both] = terms.get(both, 0) + first * second
        return _made(terms)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        """Return the quotient, rounded down."""
        return _quotient(self, other) if _is_size(other) else NotImplemented

    def __rfloordiv__(self, other: Any) -> Any:
        """Return the quotient, rounded down."""
        return _quotient(other, self) if _is_size(other) else NotImplemented

    def __mod__(self, other: Any) -> Any:
        """Return the remainder."""
        return self - self // other * other if _is_size(other) else NotImplemented

    def __rmod__(self, other: Any) -> Any:
        """Return the remainder."""
        return other - other // self * self if _is_size(other) else NotImplemented

    def __eq__(self, other: object) -> bool:
        """Whether two sizes are equal; where they are by chance, numbers are needed."""
        if isinstance(other, Dim):
            if self.key == other.key:
                return True
        elif not _is_size(other):
            return False
        decisions = _open()
        if decisions is None:
            return False
        distance = self - other
        low, high = _interval(distance)
        if (low is not None and low > 0) or (high is not None and high < 0):
            return False
        if _value(distance.key, decisions.sizes) == 0:
            raise _by_chance(self, other)
        decisions.guards[distance.key, "!="] = True
        return False

    def __lt__(self, other: Any) -> Any:
        """Whether it is less."""
        return is_negative(self - other) if _is_size(other) else NotImplemented

    def __gt__(self, other: Any) -> Any:
        """Whether it is greater."""
        return is_negative(other - self) if _is_size(other) else NotImplemented

    def __le__(self, other: Any) -> Any:
        """Whether it is not greater."""
        return not is_negative(other - self) if _is_size(other) else NotImplemented

    def __ge__(self, other: Any) -> Any:
        """Whether it is not less."""
        return not is_negative(self - other) if _is_size(other) else NotImplemented


Size = int | Dim


def symbol(name: str) -> Dim:
    """Return the size called `name`."""
    return Dim(((((name,),), 1),))


def shown(size: Size) -> str:
    """Return a size as text."""
    if not isinstance(size, Dim):
        return str(size)
    text = "".join(_term_text(*term) for term in reversed(size.key))
    return text.removeprefix("+")


def _term_text(monomial: Monomial, factor: int) -> str:
    names = [
        atom[0] if len(atom) == 1 else f"({_key_text(atom[1])}//{_key_text(atom[2])})"
        for atom in monomial
    ]
    if abs(factor) != 1 or not names:
        names.insert(0, str(abs(factor)))
    return ("-" if factor < 0 else "+") + "*".join(names)


def _key_text(key: Any) -> str:
    text = shown(_made(dict(key)))
    return text if text.isalnum() else f"({text})"


def is_negative(size: Size) -> bool:
    """Whether a size is less than 0: as it must be, or as is decided."""
    if not isinstance(size, Dim):
        return size < 0
    low, high = _interval(size)
    if low is not None and low >= 0:
        return False
    if high is not None and high < 0:
        return True
    decisions = _current.decisions
    if decisions is None:
        raise NeedsSizeError(symbols_of(size))
    outcome = _value(size.key, decisions.sizes) < 0
    decisions.guards[size.key, "<"] = outcome
    return outcome


def must(test: Callable[[], bool]) -> bool:
    """Whether `test` holds for every size there may be; nothing is decided.

    >>> n, m = symbol("n"), symbol("m")
    >>> must(lambda: n - 1 < n), must(lambda: n < m)
    (True, False)
    """
    with deciding(None):
        try:
            return test()
        except NeedsSizeError:
            return False


def same(a: tuple[Size, ...], b: tuple[Size, ...]) -> bool:
    """Whether two shapes are equal whatever their symbols are."""
    if len(a) != len(b):
        return False
    if a is b or _current.decisions is None:
        return a == b
    return must(lambda: a == b)


def substitute(value: Any, sizes: Mapping[str, int]) -> Any:
    """Return a size, or a tuple of them, as numbers.

    >>> n = symbol("n")
    >>> substitute((n // 2, 3), {"n": 5})
    (2, 3)
    """
    if isinstance(value, tuple):
        return tuple(substitute(each, sizes) for each in value)
    return _value(value.key, sizes) if isinstance(value, Dim) else value


def estimate(size: Size, typical: int = 64) -> int:
    """Return a number for a size, where only speed depends on it."""
    if not isinstance(size, Dim):
        return size
    return _value(size.key, dict.fromkeys(symbols_of(size), typical))


def product(sizes: Sequence[Size]) -> Any:
    """Return the product of sizes."""
    return math.prod(sizes)  # pyright: ignore[reportCallIssue, reportArgumentType]


def symbols_of(size: Any) -> frozenset[str]:
    """Return the names of the symbols in a size."""
    key = size.key if isinstance(size, Dim) else ()
    return frozenset(name for monomial, _ in key for a in monomial for name in _in(a))


def _in(atom: Atom) -> Iterator[str]:
    if len(atom) == 1:
        yield atom[0]
        return
    for key in atom[1:]:
        for monomial, _ in key:
            for inner in monomial:
                yield from _in(inner)


def _open() -> Decisions | None:
    """Return the decisions under which what a program means is being found out."""
    decisions = _current.decisions
    return None if decisions is None or decisions.settled else decisions


def _is_size(value: object) -> bool:
    return isinstance(value, Dim) or type(value) is int


def _terms(size: Size) -> Terms:
    if isinstance(size, Dim):
        return dict(size.key)
    return {(): size} if size else {}


def _made(terms: Terms) -> Any:
    kept = sorted((m, factor) for m, factor in terms.items() if factor)
    if not kept:
        return 0
    if len(kept) == 1 and kept[0][0] == ():
        return kept[0][1]
    return Dim(tuple(kept))


def _quotient(a: Size, b: Size) -> Any:
    """Return a // b: exact where every term can be divided, or by parts."""
    if not isinstance(b, Dim):
        if b == 0:
            raise ZeroDivisionError("integer division or modulo by zero")
        divisor: Monomial = ()
        factor = b
    elif len(b.key) == 1:
        divisor, factor = b.key[0]
    else:
        return _whole_quotient(a, b)
    exact: Terms = {}
    rest: Terms = {}
    for monomial, each in _terms(a).items():
        remaining = _without(monomial, divisor)
        if remaining is not None and each % factor == 0:
            exact[remaining] = each // factor
        else:
            rest[monomial] = each
    left = _made(rest)
    if not isinstance(left, Dim) and not isinstance(b, Dim):
        return _made(exact) + left // b
    if not isinstance(left, Dim) and left == 0:
        return _made(exact)
    return _made(exact) + _whole_quotient(left, b)


def _whole_quotient(a: Size, b: Size) -> Any:
    if isinstance(a, Dim) and isinstance(b, Dim) and a.key == b.key:
        return 1
    if must(lambda: a >= 0 and b > 0):
        if must(lambda: a < b):
            return 0
        atom = ("//", _key(a), _key(b))
        return Dim((((atom,), 1),))
    raise NeedsSizeError(symbols_of(a) | symbols_of(b))


def _key(size: Size) -> tuple[tuple[Monomial, int], ...]:
    return size.key if isinstance(size, Dim) else tuple(_terms(size).items())


def _without(monomial: Monomial, divisor: Monomial) -> Monomial | None:
    left = list(monomial)
    for atom in divisor:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def _value(key: Any, sizes: Mapping[str, int]) -> int:
    return sum(
        factor * math.prod(_atom_value(atom, sizes) for atom in monomial)
        for monomial, factor in key
    )


def _atom_value(atom: Atom, sizes: Mapping[str, int]) -> int:
    if len(atom) == 1:
        return sizes[atom[0]]
    return _value(atom[1], sizes) // _value(atom[2], sizes)


def _interval(size: Any) -> tuple[int | None, int | None]:
    """Return bounds of a size: its terms in what each symbol exceeds its least by."""
    if not isinstance(size, Dim):
        return size, size
    terms: Terms = {}
    for monomial, factor in size.key:
        parts: Terms = {(): factor}
        for atom in monomial:
            least = LEAST if len(atom) == 1 else _least_quotient(atom)
            grown: Terms = {}
            for known, each in parts.items():
                larger = tuple(sorted((*known, atom)))
                grown[larger] = grown.get(larger, 0) + each
                grown[known] = grown.get(known, 0) + each * least
            parts = grown
        for known, each in parts.items():
            terms[known] = terms.get(known, 0) + each
    constant = terms.pop((), 0)
    return (
        constant if all(factor >= 0 for factor in terms.values()) else None,
        constant if all(factor <= 0 for factor in terms.values()) else None,
    )


def _least_quotient(atom: Atom) -> int:
    low, _ = _interval(_made(dict(atom[1])))
    _, high = _interval(_made(dict(atom[2])))
    return max(low or 0, 0) // high if high else 0


def _by_chance(a: Dim, b: object) -> NeedsSizeError:
    """Return what makes a size a number that a call has equal to another by chance."""
    simple = all(
        not isinstance(each, Dim) or each.key == symbol(_first(each)).key
        for each in (a, b)
    )
    return NeedsSizeError(symbols_of(a) | symbols_of(b), lasting=not simple)


def _first(size: Dim) -> str:
    return min(symbols_of(size))
