"""Transcendental functions of elements: records, derivatives and expansions."""

from defnpy.ops.math.exponential import exp, exp2, expm1
from defnpy.ops.math.hyperbolic import tanh
from defnpy.ops.math.logarithm import log, log1p, log2, log10
from defnpy.ops.math.logistic import log_sigmoid, sigmoid, softplus
from defnpy.ops.math.power import float_power, integer_power, power
from defnpy.ops.math.trigonometric import cos, far_cos, far_sin, sin

__all__ = [
    "cos",
    "exp",
    "exp2",
    "expm1",
    "far_cos",
    "far_sin",
    "float_power",
    "integer_power",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_sigmoid",
    "power",
    "sigmoid",
    "sin",
    "softplus",
    "tanh",
]
