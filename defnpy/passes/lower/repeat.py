"""Loops: what they carry lies in places, where bodies compute the next values.

Arrays that trade places in the body, ``old, new = new, old``, stay where they are:
the body is written once for each arrangement, and the turns go through them.  When
the loop has ended, each lies in its own place again.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from defnpy.base.dtypes import BOOL, I64
from defnpy.ir.kernel import Buffer, Copy, If, Loop, Store, While, load, loop_index
from defnpy.ops.control import FOR
from defnpy.ops.elementwise import bitwise_and, equal, logical_not, maximum
from defnpy.ops.leaf import const, scalar_of
from defnpy.ops.movement import index_add, index_mul, index_sub
from defnpy.passes.lower.carrying import bind_all, place, unbind
from defnpy.passes.lower.elements import element
from defnpy.passes.lower.loops import nest
from defnpy.passes.lower.origins import origin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.expr import Expr
    from defnpy.ir.function import Function
    from defnpy.passes.lower.elements import Index
    from defnpy.passes.lower.program import Region, Value

MOST = 4  # arrangements that a body is written for
Places = list["Value"]


def _begin(region: Region, event: Expr) -> Places:
    """Put what a loop carries into memory of its own."""
    first, count = _first(event), event.attrs["count"]
    places: Places = []
    for k, init in enumerate(event.operands[first : first + count]):
        made = place(region, event, k)
        places.append(made)
        if not isinstance(made, Buffer):
            continue
        value = region.value_of(init)
        if not isinstance(value, Buffer):
            region.block.append(Store(made, (), value))  # pyright: ignore
        elif (value.base or value) is not (made.base or made):
            region.block.append(Copy(made, value))
    return places


def _first(event: Expr) -> int:
    """Return the first operand that is carried."""
    return 3 if event.op is FOR else 0


def _body(
    region: Region,
    event: Expr,
    index: tuple[Expr, ...],
    places: Places,
    order: Sequence[int],
) -> Places:
    """Append a loop's body, and return where the carried values lie after it."""
    function: Function = event.attrs["body"]
    head, count = len(index), len(places)
    carried = function.params[head : head + count]
    after = [places[k] for k in order]
    inner = region.nested(function, frozenset(carried), [carried[k] for k in order])
    for param, var in zip(function.params[:head], index, strict=True):
        inner.bind(param, var)
    for param, value in zip(carried, places, strict=True):
        inner.bind(param, value)
    captures = event.operands[_first(event) + count :]
    bind_all(region, inner, function.params[head + count :], captures)
    inner.run([each if isinstance(each, Buffer) else None for each in after])
    region.block += inner.block
    return after


def _test(region: Region, event: Expr, places: Places) -> Expr:
    """Append what a loop's condition needs, and return it."""
    condition: Function = event.attrs["condition"]
    test = region.nested(condition, frozenset(), ())
    for param, value in zip(condition.params, places, strict=False):
        test.bind(param, value)
    count = len(places)
    bind_all(region, test, condition.params[count:], event.operands[count:])
    test.run([None])
    region.block += test.block
    return element(test, condition.results[0], ())


def _order(event: Expr, most: int) -> list[int]:
    """Return, for each carried value, the one in whose place its next value is made.

    That is its own, unless the body returns arrays for others that it took over, and
    everything is in its place again after at most `most` turns.
    """
    function: Function = event.attrs["body"]
    head, count = int(event.op is FOR), event.attrs["count"]
    stay = list(range(count))
    results = function.results[:count]
    sources = [
        origin(function, result) if _is_array(result) else None for result in results
    ]
    order = [None if s is None or s < head else s - head for s in sources]
    taken = [k for k in order if k is not None]
    if len(set(taken)) < len(taken) or max(taken, default=0) >= count:
        return stay
    free = [k for k in stay if k not in taken]
    for k, source in enumerate(order):
        if source is None:
            fitting = [f for f in free if results[f].type == results[k].type]
            if not fitting:
                return stay
            chosen = k if k in fitting else fitting[0]
            free.remove(chosen)
            order[k] = chosen
    made = [k for k in order if k is not None]
    return made if _period(made) <= most else stay


def _is_array(node: Expr) -> bool:
    return hasattr(node.type, "shape") and node.tensor.rank > 0


def _period(order: Sequence[int]) -> int:
    """Return after how many turns everything is in its place again."""
    lengths = []
    for start in range(len(order)):
        k, length = order[start], 1
        while k != start:
            k, length = order[k], length + 1
        lengths.append(length)
    return math.lcm(*lengths)


def _restore(region: Region, home: Places, places: Places) -> None:
    """Append what moves arrays that lie in `places` to where they are at home."""
    found = {id(place): k for k, place in enumerate(home)}
    left = {k for k, place in enumerate(places) if place is not home[k]}
    while left:
        cycle = [min(left)]
        while (k := found[id(places[cycle[-1]])]) != cycle[0]:
            cycle.append(k)
        left -= set(cycle)
        first = places[cycle[0]]
        assert isinstance(first, Buffer)

        def body(index: Index, cycle: list[int] = cycle) -> None:
            values = [region.let(load(places[k], index)) for k in cycle]  # pyright: ignore
            stores = zip(cycle, values, strict=True)
            region.block += [Store(home[k], index, x) for k, x in stores]  # pyright: ignore

        nest(region, first.shape, body)


def counted(region: Region, event: Expr) -> None:
    """Append a loop over a range."""
    start, stop, step = (element(region, e, ()) for e in event.operands[:3])
    places = _begin(region, event)
    bounds = [scalar_of(e) for e in (start, stop, step)]
    is_known = None not in bounds
    order = _order(event, MOST if is_known else 2 if bounds[2] in (1, -1) else 1)
    period = _period(order)
    if period == 1:
        _turns(region, event, (start, stop, step), places, order)
    elif is_known:
        span = range(*bounds)  # pyright: ignore
        rest = span[len(span) // period * period :]
        end = span[: len(span) - len(rest)].stop
        _turns(region, event, (start, const(end, I64), step), places, order)
        moved = places
        for each in rest:
            moved = _body(region, event, (const(each, I64),), moved, order)
        _restore(region, places, moved)
    else:
        _pairs(region, event, (start, stop, step), places, order)
    unbind(region, event, places)


def _turns(
    region: Region,
    event: Expr,
    bounds: tuple[Expr, Expr, Expr],
    places: Places,
    order: Sequence[int],
) -> None:
    """Append a loop in each of whose turns there are several of the program's."""
    (start, stop, step), period = bounds, _period(order)
    var = loop_index(f"i{region.lowering.fresh()}")
    with region.inside() as body:
        index = var
        for k in range(period):
            if k:
                index = region.let(index_add(index, step))
            places = _body(region, event, (index,), places, order)
    wide = step if period == 1 else index_mul(step, period)
    region.block.append(Loop(var, start, stop, wide, tuple(body)))


def _pairs(
    region: Region,
    event: Expr,
    bounds: tuple[Expr, Expr, Expr],
    places: Places,
    order: Sequence[int],
) -> None:
    """Append a loop over pairs of turns, and the last turn if there is an odd one."""
    start, stop, step = bounds
    distance = index_sub(stop, start) if scalar_of(step) == 1 else start - stop
    count = region.let(maximum(distance, const(0, I64)))
    odd = region.let(bitwise_and(count, const(1, I64)))
    moved = index_sub(count, odd)
    signed = moved if scalar_of(step) == 1 else -moved
    end = region.let(index_add(start, signed))
    _turns(region, event, (start, end, step), places, order)
    with region.inside() as body:
        _restore(region, places, _body(region, event, (end,), places, order))
    region.block.append(If(equal(odd, const(1, I64)), tuple(body)))


def conditional(region: Region, event: Expr) -> None:
    """Append a loop that goes on while a condition holds."""
    places = _begin(region, event)
    order = _order(event, 2)
    if _period(order) == 2:
        _alternating(region, event, places, order)
    else:
        with region.inside() as test:
            holds = _test(region, event, places)
        with region.inside() as body:
            _body(region, event, (), places, order)
        region.block.append(While(tuple(test), holds, tuple(body)))
    unbind(region, event, places)


def _alternating(
    region: Region, event: Expr, places: Places, order: Sequence[int]
) -> None:
    """Append a loop in each of whose turns there are two, or a last one."""
    false, true = const(False, BOOL), const(True, BOOL)
    odd, going = region.local(BOOL, ()), region.local(BOOL, ())
    region.block.append(Store(odd, (), false))
    with region.inside() as test:
        region.block.append(Store(going, (), false))
        with region.inside() as first:
            region.block.append(Store(going, (), _test(region, event, places)))
        region.block.append(If(logical_not(load(odd, ())), tuple(first)))
    with region.inside() as body:
        traded = _body(region, event, (), places, order)
        holds = region.let(_test(region, event, traded))
        with region.inside() as second:
            _body(region, event, (), traded, order)
        region.block.append(If(holds, tuple(second), (Store(odd, (), true),)))
    region.block.append(While(tuple(test), load(going, ()), tuple(body)))
    with region.inside() as last:
        _restore(region, places, traded)
    region.block.append(If(load(odd, ()), tuple(last)))
