"""Hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defnpy.ops.elementwise import copysign
from defnpy.ops.family import unary
from defnpy.ops.math.expansion import at_most, by_dtype, expansion, precisely
from defnpy.ops.math.exponential import scaled_expm1

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


def _expand_tanh(x: Expr) -> Expr:
    a = at_most(abs(x), by_dtype(x, 10.0, 22.0))
    half = scaled_expm1(a + a, 1)
    return copysign(half / (half + 1.0), x)


tanh = unary(
    "tanh",
    precisely(np.tanh),
    lambda y, x: 1.0 - y * y,
    floats=True,
    kinds="f",
    cost=24,
    lower=expansion(_expand_tanh),
    doc="Hyperbolic tangent of each element.",
)
