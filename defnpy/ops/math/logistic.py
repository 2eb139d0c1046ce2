"""The logistic function, its logarithm and its integral."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defnpy.ops.elementwise import equal, greater, less, where
from defnpy.ops.family import binary, unary
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


def _expand_logaddexp(a: Expr, b: Expr) -> Expr:
    apart = where(equal(a, b), constant(a, 0.0), abs(a - b))  # also of infinities
    return where(greater(a, b), a, b) + log1p_finite(expand_exp(-apart))


def _weight(a: Expr, b: Expr) -> Expr:
    return where(equal(a, b), 0.5, sigmoid(a - b))


logaddexp = binary(
    "logaddexp",
    precisely(np.logaddexp),
    (lambda y, a, b: _weight(a, b), lambda y, a, b: _weight(b, a)),
    floats=True,
    kinds="f",
    cost=46,
    lower=expansion(_expand_logaddexp),
    doc="log(e**a + e**b) of two elements, without overflow.",
)
