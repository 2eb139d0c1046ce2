"""Counted loops, in the form LLVM's loop passes look for: the test at the end."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from defnpy.ir.statements import allocated, blocks
from defnpy.ops.leaf import scalar_of

if TYPE_CHECKING:
    from defnpy.backends.llvm.body import Body
    from defnpy.backends.llvm.writer import Module
    from defnpy.ir.kernel import Loop

SHORT = 16  # turns up to which a loop may be unrolled for what is inside it


def write(body: Body, loop: Loop) -> None:
    """Write a loop over ``range(start, stop, step)``."""
    start, stop, step = (scalar_of(e) for e in (loop.start, loop.stop, loop.step))
    if start is not None and stop is not None and step is not None:
        span = range(start, stop, step)
        if span:
            _write(body, loop, (str(start), str(span[-1] + step), step), "")
        return
    values = [body.scalars.emit(e) for e in (loop.start, loop.stop, loop.step)]
    if step in (1, -1):
        relation = "slt" if step == 1 else "sgt"
        some = body.w.value(f"icmp {relation} i64 {values[0]}, {values[1]}")
        _write(body, loop, (values[0], values[1], step), some)
    else:
        _write_scaled(body, loop, values)


def _write(body: Body, loop: Loop, bounds: tuple[str, str, int], some: str) -> None:
    """Write a loop whose index meets its stop; `some` tells whether it runs at all.

    Without `some` it does.
    """
    start, stop, step = bounds
    w = body.w
    inside, end = w.fresh("loop"), w.fresh("end")
    before = w.block
    if some:
        w.branch(some, inside, end)
    else:
        w.jump(inside)
    w.open(inside)
    index, following = f"%{w.fresh(loop.var.attrs['name'])}", f"%{w.fresh('next')}"
    back = w.fresh("latch")
    w.line(f"{index} = phi i64 [{start}, %{before}], [{following}, %{back}]")
    group = _group(body, loop)
    with body.memory.grouped(group) if group else nullcontext():
        _write_body(body, loop, index)
    w.jump(back)
    w.open(back)
    w.line(f"{following} = add nsw i64 {index}, {step}")
    w.branch(
        w.value(f"icmp eq i64 {following}, {stop}"),
        end,
        inside,
        _hints(body, loop, group),
    )
    w.open(end)


def _group(body: Body, loop: Loop) -> str:
    """Return the metadata of what the turns of a loop do apart from each other.

    Memory that turns make they have to share, unless it is kept in registers.
    """
    shared = any(buffer.shape for buffer in allocated(loop.body))
    if shared or not (loop.independent and is_innermost(loop)):
        return ""
    return body.w.module.metadata("distinct !{}")


def _hints(body: Body, loop: Loop, group: str) -> str:
    """Return the metadata that keeps LLVM from unrolling what gains nothing.

    An innermost loop that has become one over vectors is interleaved already, and
    in one that has not each turn waits for the one before; a long loop around
    others is as fast as they are.  The accesses in `group`, if there is one, may be
    made in any order.
    """
    module, parts = body.w.module, list[str]()
    still = module.shared_metadata('!{!"llvm.loop.unroll.disable"}')
    if is_innermost(loop):
        done = module.shared_metadata('!{!"llvm.loop.isvectorized"}')
        parts += (
            f'!{{!"llvm.loop.vectorize.followup_{part}", {still}, {done}}}'
            for part in ("vectorized", "epilogue")
        )
    if group:
        parts.append(f'!{{!"llvm.loop.parallel_accesses", {group}}}')
    made = [*map(module.shared_metadata, parts), *(() if _is_short(loop) else (still,))]
    return _attached(module, *made) if made else ""


def _attached(module: Module, *parts: str) -> str:
    listed = ", ".join(("{self}", *parts))
    return f", !llvm.loop {module.metadata(f'distinct !{{{listed}}}')}"


def is_innermost(loop: Loop) -> bool:
    """Whether a loop has no blocks inside."""
    return not any(True for statement in loop.body for _ in blocks(statement))


def _is_short(loop: Loop) -> bool:
    start, stop, step = map(scalar_of, (loop.start, loop.stop, loop.step))
    if start is None or stop is None or step is None:
        return False
    return len(range(start, stop, step)) <= SHORT


def _write_body(body: Body, loop: Loop, index: str) -> None:
    body.loops.append(loop)
    with body.scalars.block():
        body.scalars.bind(loop.var, index)
        body.statements(loop.body)
    body.loops.pop()


def _write_scaled(body: Body, loop: Loop, values: list[str]) -> None:
    """Write a loop that counts its turns, so that no index can overflow."""
    w = body.w
    start, stop, step = values
    up = w.value(f"icmp sgt i64 {step}, 0")
    low = w.value(f"select i1 {up}, i64 {start}, i64 {stop}")
    high = w.value(f"select i1 {up}, i64 {stop}, i64 {start}")
    some = w.value(f"icmp slt i64 {low}, {high}")
    distance = w.value(f"sub i64 {high}, {low}")
    down = w.value(f"sub i64 0, {step}")
    stride = w.value(f"select i1 {up}, i64 {step}, i64 {down}")
    last = w.value(f"udiv i64 {w.value(f'sub i64 {distance}, 1')}, {stride}")
    count = w.value(f"add i64 {last}, 1")
    inside, end, back = w.fresh("loop"), w.fresh("end"), w.fresh("latch")
    before = w.block
    w.branch(some, inside, end)
    w.open(inside)
    turn, following = f"%{w.fresh('turn')}", f"%{w.fresh('next')}"
    w.line(f"{turn} = phi i64 [0, %{before}], [{following}, %{back}]")
    moved = w.value(f"mul i64 {turn}, {step}")
    _write_body(
        body, loop, w.value(f"add i64 {start}, {moved}", loop.var.attrs["name"])
    )
    w.jump(back)
    w.open(back)
    w.line(f"{following} = add nuw i64 {turn}, 1")
    w.branch(
        w.value(f"icmp eq i64 {following}, {count}"),
        end,
        inside,
        _hints(body, loop, ""),
    )
    w.open(end)
