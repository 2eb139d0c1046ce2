"""Functions that call the machine's library for the few arguments that need it.

``far_sin(x, near)`` is `near` unless `x` is far from 0.  It is a function of its
own with variants for vectors, so that a loop over it still becomes one over
vectors: a variant tests all its elements at once, and seldom goes further.  The
variants are inlined after vectorisation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.backends.llvm.intrinsics import SUFFIX
from defnpy.backends.llvm.types import literal, register_type
from defnpy.ops.math.trigonometric import FAR

if TYPE_CHECKING:
    from defnpy.backends.llvm.target import Target
    from defnpy.backends.llvm.writer import Module, Writer
    from defnpy.base.dtypes import DType

_PURE = "nounwind willreturn memory(none)"
FAR_PREFIX = "far_"


def distant(w: Writer, target: Target, op: str, dtype: DType, values: list[str]) -> str:
    """Return the value of the op ``far_…``."""
    name = _define(w.module, target, op, dtype)
    type = register_type(dtype)
    variants = ",".join(
        f"_ZGV_LLVM_N{lanes}vv_{name}({name}.v{lanes})"
        for lanes in target.lanes.get(dtype.name, ())
    )
    attributes = _PURE
    if variants:
        attributes += f' "vector-function-abi-variant"="{variants}"'
    operands = ", ".join(f"{type} {value}" for value in values)
    return w.value(f"call {type} @{name}({operands}) {w.module.attributes(attributes)}")


def _define(module: Module, target: Target, op: str, dtype: DType) -> str:
    name, type = f"{op}.{dtype}", register_type(dtype)
    if name in module.functions:
        return name
    symbol = target.math_symbol(op.removeprefix(FAR_PREFIX), dtype)
    module.declare(symbol, type, type, _PURE)
    test = _is_far(module, type, dtype)
    module.functions[name] = f"""\
define internal {type} @{name}({type} %x, {type} %near) noinline minsize {_PURE} {{
{test}
  br i1 %far, label %beyond, label %done
beyond:
  %y = call {type} @{symbol}({type} %x)
  ret {type} %y
done:
  ret {type} %near
}}
"""
    for lanes in target.lanes.get(dtype.name, ()):
        _define_lanes(module, name, dtype, lanes)
    return name


def _is_far(module: Module, type: str, dtype: DType) -> str:
    """Return the test of %x, a value or a vector of them, as %far."""
    lanes, _, element = type.strip("<>").rpartition(" x ")
    suffix = f"v{lanes}{SUFFIX[element]}" if lanes else SUFFIX[element]
    bools = f"<{lanes} x i1>" if lanes else "i1"
    bound, infinity = (literal(v, dtype) for v in (FAR[dtype], float("inf")))
    if lanes:
        bound, infinity = (f"splat ({element} {v})" for v in (bound, infinity))
    fabs = module.declare(f"llvm.fabs.{suffix}", type, type)
    return f"""\
  %size = call {type} {fabs}({type} %x)
  %large = fcmp oge {type} %size, {bound}
  %finite = fcmp one {type} %size, {infinity}
  %far = and {bools} %large, %finite"""


def _define_lanes(module: Module, name: str, dtype: DType, lanes: int) -> None:
    element = register_type(dtype)
    type, own = f"<{lanes} x {element}>", f"{name}.v{lanes}"
    any_of = module.declare(
        f"llvm.vector.reduce.or.v{lanes}i1", "i1", f"<{lanes} x i1>"
    )
    module.functions[f"{own}.each"] = f"""\
define internal {type} @{own}.each({type} %x, {type} %near) noinline minsize {_PURE} {{
entry:
  br label %loop
loop:
  %i = phi i32 [0, %entry], [%next, %loop]
  %y = phi {type} [%near, %entry], [%changed, %loop]
  %a = extractelement {type} %x, i32 %i
  %b = extractelement {type} %near, i32 %i
  %c = call {element} @{name}({element} %a, {element} %b)
  %changed = insertelement {type} %y, {element} %c, i32 %i
  %next = add i32 %i, 1
  %last = icmp eq i32 %next, {lanes}
  br i1 %last, label %done, label %loop
done:
  ret {type} %changed
}}
"""
    module.functions[own] = f"""\
define internal {type} @{own}({type} %x, {type} %near) alwaysinline {_PURE} {{
{_is_far(module, type, dtype)}
  %some = call i1 {any_of}(<{lanes} x i1> %far)
  br i1 %some, label %beyond, label %done, !prof {module.rare()}
beyond:
  %y = call {type} @{own}.each({type} %x, {type} %near)
  ret {type} %y
done:
  ret {type} %near
}}
"""
    module.kept.append(own)
