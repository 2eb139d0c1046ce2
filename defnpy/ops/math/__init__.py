"""Transcendental functions of elements: records, derivatives and expansions.

Expansions are wrong by at most 1.1 units in the last place for exp, exp2, log, log2,
log10 and cbrt, by 3.5 for erfc, erfinv and tan, and by 2.5 for the others.
That holds for all arguments, infinities, NaN, −0 and subnormal numbers included.
Machine code gives the expansion's bits.
"""

from defnpy.ops.math.angle import acos, asin, atan, atan2
from defnpy.ops.math.error import erf, erfc, erfinv, lgamma
from defnpy.ops.math.exponential import exp, exp2, expm1
from defnpy.ops.math.gamma import digamma
from defnpy.ops.math.hyperbolic import acosh, asinh, atanh, cosh, sinh, tanh
from defnpy.ops.math.logarithm import log, log1p, log2, log10
from defnpy.ops.math.logistic import log_sigmoid, logaddexp, sigmoid, softplus
from defnpy.ops.math.neighbor import nextafter
from defnpy.ops.math.power import float_power, integer_power, power
from defnpy.ops.math.root import cbrt, hypot
from defnpy.ops.math.trigonometric import cos, far_cos, far_sin, far_tan, sin, tan

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "cos",
    "cosh",
    "digamma",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "expm1",
    "far_cos",
    "far_sin",
    "far_tan",
    "float_power",
    "hypot",
    "integer_power",
    "lgamma",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_sigmoid",
    "logaddexp",
    "nextafter",
    "power",
    "sigmoid",
    "sin",
    "sinh",
    "softplus",
    "tan",
    "tanh",
]
