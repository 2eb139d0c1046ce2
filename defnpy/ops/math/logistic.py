"""The logistic function, its logarithm and its integral."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defnpy.ops.elementwise import less, where
from defnpy.ops.family import unary
from defnpy.ops.math.expansion import at_least, constant, expansion, precisely
from defnpy.ops.math.exponential import expand_exp
from defnpy.ops.math.logarithm import log1p_finite

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))  # at most 1, so nothing overflows
    return np.where(x < 0, e, 1.0) / (1.0 + e)


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _expand_sigmoid(x: Expr) -> Expr:
    e = expand_exp(-abs(x))
    return where(less(x, 0.0), e, constant(x, 1.0)) / (e + 1.0)


def _expand_softplus(x: Expr) -> Expr:
    return at_least(x, constant(x, 0.0)) + log1p_finite(expand_exp(-abs(x)))


def _expand_log_sigmoid(x: Expr) -> Expr:
    return -_expand_softplus(-x)


sigmoid = unary(
    "sigmoid",
    precisely(_sigmoid),
    lambda y, x: y * (1.0 - y),
    floats=True,
    kinds="f",
    cost=20,
    lower=expansion(_expand_sigmoid),
    doc="The logistic function 1 / (1 + e**-x) of each element.",
)
softplus = unary(
    "softplus",
    precisely(_softplus),
    lambda y, x: sigmoid(x),
    floats=True,
    kinds="f",
    cost=44,
    lower=expansion(_expand_softplus),
    doc="log(1 + e**x) of each element, without overflow.",
)
log_sigmoid = unary(
    "log_sigmoid",
    precisely(lambda x: -_softplus(-x)),
    lambda y, x: sigmoid(-x),
    floats=True,
    kinds="f",
    cost=44,
    lower=expansion(_expand_log_sigmoid),
    doc="Logarithm of the logistic function, -log(1 + e**-x), without overflow.",
)
