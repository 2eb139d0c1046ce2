"""What the emitter must know of a CUDA device."""

from __future__ import annotations

from defnpy.backends.llvm.target import CPU, Target

# The remainder of floats is an instruction elsewhere; what LLVM makes of it for
# NVIDIA's processors is inexact.
_CALLED = {"remainder_trunc": "fmod"}
CUDA = Target(
    "cuda",
    heap=False,
    attributes='nounwind "no-trapping-math"="true"',
    math={op: f"__nv_{name}" for op, name in {**CPU.math, **_CALLED}.items()},
    frame=16384,
    called=frozenset(_CALLED),
)
