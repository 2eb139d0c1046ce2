"""Calls of LAPACK's routines, one for each matrix of a batch.

Scalars are passed by the address of a constant.  A size is kept in 8 bytes, which
reads as the same number in 4, so it does not matter which integers a library has;
`_pivots` says how those it writes are read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from defnpy.backends.llvm import heap
from defnpy.backends.llvm.repeat import each, element, times
from defnpy.backends.llvm.types import literal, memory_type, register_type
from defnpy.base.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.backends.llvm.body import Body
    from defnpy.backends.llvm.writer import Writer
    from defnpy.ir.kernel import Buffer, Call

LAPACK = "defnpy_lapack_"  # before what Fortran calls a routine
LETTERS = {"f32": "s", "f64": "d", "c64": "c", "c128": "z"}


@dataclass
class _Site:
    """A call of a routine for every matrix of a batch.

    Attributes:
        body: what it is written into.
        call: the statement.
        matrix: the number of the matrix that is worked on.
        info: where LAPACK says whether it went wrong.
    """

    body: Body
    call: Call
    matrix: str = "0"
    info: str = field(init=False)

    def __post_init__(self) -> None:
        self.w = self.body.w
        self.info = self.w.head("alloca i64", "info")
        count = self.call.results
        self.results = self.call.buffers[:count]
        self.operands = self.call.buffers[count : count + self.call.operands]
        self.work = self.call.buffers[count + self.call.operands :]
        first = self.operands[0]
        self.dtype, self.rows, self.columns = first.dtype, *first.shape[-2:]
        self.batch = first.size // max(self.rows * self.columns, 1)

    def at(self, buffer: Buffer) -> str:
        """Return the address of what `buffer` holds of this matrix."""
        pointer = self.body.memory.pointer(buffer)
        if buffer in self.work or self.matrix == "0":
            return pointer
        offset = times(self.w, self.matrix, buffer.size // self.batch)
        return element(self.w, memory_type(buffer.dtype), pointer, offset)

    def number(self, value: int) -> str:
        """Return the address of a size."""
        return self.w.module.constant(f"i64 {value}")

    def letter(self, value: str) -> str:
        """Return the address of an option."""
        return self.w.module.constant(f"i8 {ord(value)}")

    def run(self, name: str, *arguments: str, letters: int = 0) -> None:
        """Call a routine; Fortran wants the lengths of letters at the end."""
        types = ["ptr"] * len(arguments) + ["i64"] * letters
        symbol = f"{LAPACK}{LETTERS[self.dtype.name]}{name}"
        function = self.w.module.declare(symbol, "void", ", ".join(types))
        given = [f"ptr {each}" for each in arguments] + ["i64 1"] * letters
        self.w.line(f"call void {function}({', '.join(given)})")

    def begin(self) -> None:
        """Clear the info; a library may write half of it only."""
        self.w.line(f"store i64 0, ptr {self.info}")

    def finish(self, buffer: Buffer) -> None:
        """Put the info of this matrix where it is wanted."""
        value = self.w.value(f"load i64, ptr {self.info}")
        self.w.line(f"store i64 {value}, ptr {self.at(buffer)}")

    def copy(self, target: Buffer, source: Buffer) -> None:
        """Copy this matrix: LAPACK overwrites what it is given."""
        size = self.rows * self.columns * self.dtype.bytes
        heap.copy(self.w, self.at(target), self.at(source), size)


def call(body: Body, statement: Call) -> None:
    """Write the calls of the routine that `statement` names."""
    site = _Site(body, statement)
    if statement.name not in _ROUTINES or site.dtype.name not in LETTERS:
        raise InternalError(f"no {statement.name} of {site.dtype} matrices")
    if site.batch:
        with each(body.w, site.batch) as matrix:
            site.matrix = matrix
            _ROUTINES[statement.name](site)


def _potrf(site: _Site) -> None:
    """Write factors that are upper by columns, and so lower by rows."""
    n = site.number(site.rows)
    factor, info = site.results
    site.copy(factor, site.operands[0])
    site.begin()
    site.run("potrf", site.letter("U"), n, site.at(factor), n, site.info, letters=1)
    site.finish(info)


def _trsm(site: _Site) -> None:
    """Write solutions: of X·A = B by columns, which is A·X = B by rows."""
    attrs, (a, b), (x,) = site.call.attrs, site.operands, site.results
    width = b.shape[-1]
    heap.copy(site.w, site.at(x), site.at(b), site.rows * width * b.dtype.bytes)
    n, k = site.number(site.rows), site.number(width)
    type = register_type(b.dtype)
    one = site.w.module.constant(f"{type} {literal(1.0, b.dtype)}")
    options = (
        "R",
        "U" if attrs["lower"] else "L",
        "T" if attrs["transpose"] else "N",
        "U" if attrs["unit"] else "N",
    )
    letters = map(site.letter, options)
    matrices = (site.at(a), n, site.at(x), k)
    site.run("trsm", *letters, k, n, one, *matrices, letters=4)


def _getrf(site: _Site) -> None:
    n, m = site.number(site.rows), site.number(site.columns)
    lu, pivots, order, info = site.results
    (raw,) = site.work
    site.copy(lu, site.operands[0])
    site.begin()
    # A library with integers of 4 bytes leaves the other half of the only one.
    site.w.line(f"store i64 0, ptr {site.at(raw)}")
    site.run("getrf", m, n, site.at(lu), m, site.at(raw), site.info)
    site.finish(info)
    _pivots(site, pivots, order)


def _pivots(site: _Site, pivots: Buffer, order: Buffer) -> None:
    """Write the rows exchanged, from 0 on, and the order of rows that makes.

    Where a library has integers of 4 bytes, the second pivot is the upper half of
    the first 8 bytes; with 8 that half is zero, and no pivot is.
    """
    w, count, rows = site.w, pivots.shape[-1], site.columns
    raw, made, places = (site.at(each) for each in (site.work[0], pivots, order))
    second = w.value(f"load i32, ptr {element(w, 'i32', raw, '1')}")
    narrow = w.value(f"icmp ne i32 {second}, 0") if count > 1 else "false"
    with each(w, rows) as k:
        w.line(f"store i64 {k}, ptr {_word(w, places, k)}")
    with each(w, count) as k:
        wide = w.value(f"load i64, ptr {_word(w, raw, k)}")
        half = w.value(f"load i32, ptr {element(w, 'i32', raw, k)}")
        short = w.value(f"sext i32 {half} to i64")
        pivot = w.value(f"select i1 {narrow}, i64 {short}, i64 {wide}")
        pivot = w.value(f"sub i64 {pivot}, 1")
        w.line(f"store i64 {pivot}, ptr {_word(w, made, k)}")
        own, other = _word(w, places, k), _word(w, places, pivot)
        values = [w.value(f"load i64, ptr {each}") for each in (own, other)]
        w.line(f"store i64 {values[1]}, ptr {own}")
        w.line(f"store i64 {values[0]}, ptr {other}")


def _word(w: Writer, pointer: str, index: str) -> str:
    return element(w, "i64", pointer, index)


def _geqrf(site: _Site) -> None:
    n, m = site.number(site.rows), site.number(site.columns)
    packed, scales = site.results
    (work,) = site.work
    site.copy(packed, site.operands[0])
    tail = (site.at(scales), site.at(work), site.number(work.size), site.info)
    site.run("geqrf", m, n, site.at(packed), m, *tail)


def _orgqr(site: _Site) -> None:
    p, m = site.number(site.rows), site.number(site.columns)
    (q,), (packed, scales), (work,) = site.results, site.operands, site.work
    site.copy(q, packed)
    name = "ungqr" if site.dtype.kind == "c" else "orgqr"
    k = site.number(scales.shape[-1])
    tail = (site.at(scales), site.at(work), site.number(work.size), site.info)
    site.run(name, m, p, k, site.at(q), m, *tail)


def _memory(site: _Site, *work: Buffer) -> list[str]:
    """Return each of some work memory and its size, as arguments."""
    pairs = ((site.at(each), site.number(each.size)) for each in work)
    return [argument for pair in pairs for argument in pair]


def _syevd(site: _Site) -> None:
    n, has_vectors = site.number(site.rows), site.call.attrs["vectors"]
    values, *vectors, info = site.results
    a = vectors[0] if has_vectors else site.work[0]
    work = site.work if has_vectors else site.work[1:]
    site.copy(a, site.operands[0])
    site.begin()
    name = "heevd" if site.dtype.kind == "c" else "syevd"
    options = site.letter("V" if has_vectors else "N"), site.letter("L")
    tail = (*_memory(site, *work), site.info)
    site.run(name, *options, n, site.at(a), n, site.at(values), *tail, letters=2)
    site.finish(info)


def _gesdd(site: _Site) -> None:
    n, m = site.number(site.rows), site.number(site.columns)
    copy, work, *others = site.work
    option = site.call.attrs["vectors"]
    *made, info = site.results
    site.copy(copy, site.operands[0])
    site.begin()
    if option == "none":
        one = site.number(1)
        (values,) = made
        pairs = (site.at(copy), one, site.at(copy), one)
    else:
        u, values, v = made
        heights = site.number(u.shape[-1]), site.number(v.shape[-1])
        pairs = (site.at(u), heights[0], site.at(v), heights[1])
    letter = site.letter({"none": "N", "some": "S", "all": "A"}[option])
    site.run(
        "gesdd",
        *(letter, m, n, site.at(copy), m, site.at(values), *pairs),
        *(*_memory(site, work), *map(site.at, others), site.info),
        letters=1,
    )
    site.finish(info)


def _geev(site: _Site) -> None:
    n, has_vectors = site.number(site.rows), site.call.attrs["vectors"]
    copy, work, reals = site.work
    values, *vectors, info = site.results
    site.copy(copy, site.operands[0])
    site.begin()
    place = site.at(vectors[0] if has_vectors else copy)
    letters = site.letter("N"), site.letter("V" if has_vectors else "N")
    site.run(
        "geev",
        *(*letters, n, site.at(copy), n, site.at(values), place, n, place, n),
        *(*_memory(site, work), site.at(reals), site.info),
        letters=2,
    )
    site.finish(info)


_ROUTINES: dict[str, Callable[[_Site], None]] = {
    "potrf": _potrf,
    "trsm": _trsm,
    "getrf": _getrf,
    "geqrf": _geqrf,
    "orgqr": _orgqr,
    "syevd": _syevd,
    "gesdd": _gesdd,
    "geev": _geev,
}
