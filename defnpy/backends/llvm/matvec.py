"""The product of a matrix and a vector, on either side of it.

The rows of the matrix lie in one piece each.  With a vector on its right, sums along
several rows at a time keep enough of them under way.  With one on its left, several
rows at a time are added up, so that each is read from its start to its end.  Elements
are the same whatever others they are computed with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.backends.llvm.tiles import (
    LOW,
    VECTORS,
    Grain,
    address,
    least,
    load,
    masks,
    multiply_add,
    spread,
    steps,
    store,
    times,
    vectors,
)

if TYPE_CHECKING:
    from defnpy.backends.llvm.writer import Writer

PARAMS = "ptr %c, i64 %ldc, ptr %a, i64 %rsa, ptr %b, i64 %terms, i64 %rows, i1 %more"


LEFT_PARAMS = (
    "ptr %c, ptr %a, i64 %csa, ptr %b, i64 %rsb, i64 %terms, i64 %columns, i1 %more"
)
TOGETHER = 8  # rows that are added up at a time


def left(w: Writer, grain: Grain) -> None:
    """Write the function of a vector times a matrix, with `LEFT_PARAMS`."""
    whole = times(w, w.value(f"udiv i64 %terms, {TOGETHER}"), TOGETHER)
    # What has no terms is written once, too: with none of them.
    none = w.value("icmp eq i64 %terms, 0")
    for count, start, stop in (
        (0, "0", w.value(f"zext i1 {none} to i64")),
        (TOGETHER, "0", whole),
        (1, whole, "%terms"),
    ):
        with steps(w, stop, count or 1, start) as term:
            later = w.value(f"icmp sgt i64 {term}, 0")
            more = w.value(f"or i1 %more, {later}")
            numbers = [w.value(f"add i64 {term}, {i}") for i in range(count)]
            factors = []
            for each in numbers:
                place = address(w, grain, "%a", times(w, each, "%csa"))
                x = w.value(f"load {grain.type}, ptr {place}")
                factors.append(spread(w, grain.vector, grain.type, x))
            rows = [address(w, grain, "%b", times(w, n, "%rsb")) for n in numbers]
            _add_up(w, grain, dict(zip(rows, factors, strict=True)), more)
    w.line("ret void")


def _add_up(w: Writer, grain: Grain, factors: dict[str, str], more: str) -> None:
    """Write to C the sum of rows times a factor each, and of C if there is `more`."""
    with steps(w, "%columns", grain.columns) as column:
        rest = w.value(f"sub i64 %columns, {column}")
        for v, mask in enumerate(masks(w, grain, rest)):
            at = w.value(f"add i64 {column}, {v * grain.lanes}")
            place = address(w, grain, "%c", at)
            old = load(w, grain, place, mask)
            zero = f"{grain.vector} zeroinitializer"
            made = w.value(f"select i1 {more}, {grain.vector} {old}, {zero}")
            for row, factor in factors.items():
                terms = load(w, grain, address(w, grain, row, at), mask)
                name = f"%{w.fresh('sum')}"
                made = multiply_add(w, grain, name, (factor, terms, made))
            store(w, grain, made, place, mask)


def rows(w: Writer, grain: Grain) -> None:
    """Write the function of a product with a vector, whose parameters are `PARAMS`."""
    rest = w.value(f"urem i64 %terms, {grain.columns}")
    whole, found = w.value(f"sub i64 %terms, {rest}"), masks(w, grain, rest)
    with steps(w, "%rows", LOW) as row:
        last = w.value(f"sub i64 {w.value('sub i64 %rows, 1')}, {row}")
        # In place of rows that are missing the last is taken.
        numbers = [w.value(f"add i64 {row}, {least(w, i, last)}") for i in range(LOW)]
        left = [address(w, grain, "%a", times(w, each, "%rsa")) for each in numbers]
        sums = _sums(w, grain, left, whole)
        made = [f"%{w.fresh('sum')}" for _ in sums]
        _step(w, grain, (left, whole, found), dict(zip(made, sums, strict=True)))
        places = [address(w, grain, "%c", times(w, each, "%ldc")) for each in numbers]
        olds = [w.value(f"load {grain.type}, ptr {place}") for place in places]
        for i, (old, place) in enumerate(zip(olds, places, strict=True)):
            total = _total(w, grain, made[i * VECTORS : (i + 1) * VECTORS])
            start = w.value(f"select i1 %more, {grain.type} {old}, {grain.type} 0.0")
            new = w.value(f"fadd {grain.type} {start}, {total}")
            w.line(f"store {grain.type} {new}, ptr {place}")
    w.line("ret void")


def _sums(w: Writer, grain: Grain, left: list[str], whole: str) -> list[str]:
    """Write the loop over whole vectors, and return the sums: vectors of each row."""
    vector, before = grain.vector, w.block
    loop, end = w.fresh("loop"), w.fresh("end")
    w.branch(w.value(f"icmp sgt i64 {whole}, 0"), loop, end)
    w.open(loop)
    term, names = w.fresh("term"), [w.fresh("sum") for _ in range(len(left) * VECTORS)]
    w.line(f"%{term} = phi i64 [0, %{before}], [%{term}.next, %{loop}]")
    for name in names:
        values = f"[zeroinitializer, %{before}], [%{name}.next, %{loop}]"
        w.line(f"%{name} = phi {vector} {values}")
    sums = {f"%{name}.next": f"%{name}" for name in names}
    _step(w, grain, (left, f"%{term}", []), sums)
    w.line(f"%{term}.next = add nuw nsw i64 %{term}, {grain.columns}")
    w.branch(w.value(f"icmp eq i64 %{term}.next, {whole}"), end, loop)
    w.open(end)
    return [
        w.value(f"phi {vector} [zeroinitializer, %{before}], [%{name}.next, %{loop}]")
        for name in names
    ]


def _step(
    w: Writer,
    grain: Grain,
    where: tuple[list[str], str, list[str]],
    sums: dict[str, str],
) -> None:
    """Write sums with the products of some terms: all, or where masks say so."""
    left, term, found = where
    right = _loaded(w, grain, address(w, grain, "%b", term), found)
    remaining = iter(sums.items())
    for row in left:
        terms = _loaded(w, grain, address(w, grain, row, term), found)
        for x, y, (new, old) in zip(terms, right, remaining, strict=False):
            multiply_add(w, grain, new, (x, y, old))


def _loaded(w: Writer, grain: Grain, start: str, found: list[str]) -> list[str]:
    places = vectors(w, grain, start)
    return [
        load(w, grain, place, mask)
        for place, mask in zip(places, found or [""] * VECTORS, strict=True)
    ]


def _total(w: Writer, grain: Grain, sums: list[str]) -> str:
    """Return the sum of all elements: of halves of a vector, and of theirs."""
    first, *others = sums
    for each in others:
        first = w.value(f"fadd {grain.vector} {first}, {each}")
    name = f"llvm.vector.reduce.fadd.{grain.suffix}"
    symbol = w.module.declare(name, grain.type, f"{grain.type}, {grain.vector}")
    given = f"{grain.type} -0.0, {grain.vector} {first}"
    return w.value(f"call reassoc {grain.type} {symbol}({given})")
