"""The error function, its complement and its inverse; the gamma function."""

from __future__ import annotations

import ctypes
import ctypes.util
import math
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dtypes import F32
from defnpy.ops.elementwise import copysign, equal, fma, less, sqrt, where
from defnpy.ops.family import native, unary
from defnpy.ops.math.expansion import (
    at_most,
    by_dtype,
    constant,
    expansion,
    polynomial,
    power_of_two,
    precisely,
    scale_by_power,
    split_exponent,
)
from defnpy.ops.math.exponential import exp, reduce_exp
from defnpy.ops.math.gamma import digamma
from defnpy.ops.math.logarithm import log_scaled

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr

# erf(x) / x - 1 as a function of x² on |x| ≤ 1
_ERF_F32 = (
    *(0.12837917, -0.37612626, 0.11283594, -0.026854211, 0.0051890872, -0.00080168643),
    7.875875e-05,
)
_ERF_F64 = (
    *(0.12837916709551256, -0.37612638903183543, 0.11283791670945006),
    *(-0.02686617064323777, 0.0052239776071164225, -0.0008548325975389692),
    *(0.00012055294904839707, -1.492473690741966e-05, 1.6447424703317362e-06),
    *(-1.6208483801871705e-07, 1.3720064546777686e-08, -7.795898827002142e-10),
)
# -log(erfc(a)) on 1 ≤ a ≤ 4 and 1 ≤ a ≤ 6, with the weight erfc(a) / erf(a), made
# by Lawson's iteration of weighted least squares
_TAIL_F32 = (
    *(0.000320967, 1.1271701, 0.63801503, 0.103215575, -0.021888256, 0.0029597273),
    -0.00018756058,
)
_TAIL_F64 = (
    *(5.085207068340326e-07, 1.1283740345799103, 0.6366438745502084),
    *(0.10270275813745514, -0.018988879993646342, -0.00041243912195495266),
    *(0.0019178561542903575, -0.0007722055994623068, 0.00013604942313747697),
    *(1.9763770509125826e-05, -2.2623259325870463e-05, 8.605389522411728e-06),
    *(-2.1208730745669507e-06, 3.706180225723771e-07, -4.6067036645300394e-08),
    *(3.901778051323243e-09, -2.026729971337829e-10, 4.881227995463594e-12),
)


def _expand_erf(x: Expr) -> Expr:
    z = x * x
    inner = fma(x, polynomial(z, _ERF_F32, _ERF_F64), x)
    a = at_most(abs(x), by_dtype(x, 4.0, 6.0))
    whole, tail = reduce_exp(-polynomial(a, _TAIL_F32, _TAIL_F64))
    outer = 1.0 - (tail + 1.0) * power_of_two(whole, x.dtype)
    return where(less(a, 1.0), inner, copysign(outer, x))


# ((1 + 2a) exp(a²) erfc(a) - 1) / v as a function of v - 1, where v = 2a / (a + K),
# for a ≤ 10.1 with K = 3, and for a ≤ 27.5 with K = 4
_ERFC_F32 = (
    *(0.25300807, -0.3886292, 0.3410669, -0.21142061, 0.092147954, -0.023851588),
    *(6.3149644e-05, 0.0025054293, -0.0005234346, -0.0002636636, 8.994452e-06),
)
_ERFC_F64 = (
    *(0.23299511862555247, -0.372616235466115, 0.38799588756874276),
    *(-0.31989883331404356, 0.21885976727730203, -0.12512693227948835),
    *(0.05879656647640153, -0.02162905092519321, 0.005431316772328527),
    *(-0.0003993469624197282, -0.00035842577899804294, 0.00015917023352758462),
    *(-8.550319170935904e-06, -1.5853585411298307e-05, 4.6343105042460095e-06),
    *(1.0870293569531271e-06, -7.93242272682024e-07, -4.898723407088507e-08),
    *(1.1669049323149337e-07, 5.788705013211877e-09, -1.3798445606288044e-08),
    -2.758221611670829e-09,
)


def _expand_erfc(x: Expr) -> Expr:
    a = at_most(abs(x), by_dtype(x, 10.1, 27.5))
    v = (a + a) / (a + by_dtype(x, 3.0, 4.0))
    ratio = fma(v, polynomial(v - 1.0, _ERFC_F32, _ERFC_F64), constant(x, 1.0))
    ratio = ratio / (a + a + 1.0)
    square = a * a
    whole, tail = reduce_exp(-square, -fma(a, a, -square))
    y = scale_by_power(fma(ratio, tail, ratio), whole)
    return where(less(x, 0.0), 2.0 - y, y)


# erfinv(x) / x as a function of w = -log(1 - x²): of w on 0 ≤ w ≤ 5, of √w - 3
# on 5 ≤ w ≤ 16.7, of √w - 5 on 16.7 ≤ w ≤ 37.5
_CENTER_F32 = (
    *(0.88622695, 0.23201348, 0.0115509005, -0.0023400271, -0.0001200257),
    *(3.8981638e-05, 6.5314307e-06, -2.6965336e-06, 3.4401015e-07, -2.0418842e-08),
    4.6719323e-10,
)
_CENTER_F64 = (
    *(0.886226925452758, 0.23201366653465072, 0.011549342038391792),
    *(-0.0023351016431539234, -0.00012804328383146413, 4.661139727165089e-05),
    *(2.0201079084323593e-06, -1.0127864937705417e-06, -3.696314839908195e-08),
    *(2.243548568035313e-08, 1.0505903309458064e-09, -7.142978556657569e-10),
    *(7.87470611019618e-11, -2.461865708877179e-11, 1.1363765048554992e-11),
    *(-2.743958959962668e-12, 3.7622024923259316e-13, -2.8766806444225544e-14),
    *(7.591865313668958e-16, 6.239476950097626e-17, -6.099820601275317e-18),
    1.64533799430872e-19,
)
_EDGE_F32 = (
    *(2.8329768, 1.0016752, 0.009445316, -0.007643716, 0.0056877364, -0.0035618464),
    *(0.0014736541, -0.00013095603, -0.00027229192, 0.0001682716, -3.4456185e-05),
)
_EDGE_F64 = (
    *(2.8329767987282706, 1.0016752766934, 0.009445522011985267, -0.007643805570074532),
    *(0.005685182418155192, -0.0035587940155545903, 0.0014837373381592412),
    *(-0.00014889810668713301, -0.000283124360399404, 0.00020551660799703416),
    *(-4.646076255514076e-05, -2.2873104603550247e-05, 2.1935682052688212e-05),
    *(-5.947759159286297e-06, -1.6549872285642867e-06, 2.000072948096655e-06),
    *(-6.40095454708421e-07, -7.968620430321567e-08, 1.6329766586747134e-07),
    *(-6.388734694318656e-08, 3.50595911039653e-11, 1.0632475003978742e-08),
    *(-4.412278525078799e-09, 6.409316623838252e-10),
)
_FAR_F64 = (
    *(4.849906401408584, 1.0103004648645426, -0.0001387193183822252),
    *(-0.00021503011967908485, 7.5995278110035e-05, -1.968177302691955e-05),
    *(4.526052934082197e-06, -9.93012982552852e-07, 2.2904729866531873e-07),
    *(-6.761777131884649e-08, 2.9046490936777542e-08, -1.5123381771957265e-08),
    *(7.750088349329781e-09, -3.632378854176438e-09, 1.4148695466930992e-09),
    *(-3.3266220300241757e-10, -1.050302129046814e-12, 1.464173615314418e-11),
)


def _expand_erfinv(x: Expr) -> Expr:
    a = abs(x)
    m, _, e = split_exponent((1.0 - a) * (1.0 + a))
    w = -log_scaled(m - 1.0, e)
    s = sqrt(w)
    ratio = polynomial(s - 3.0, _EDGE_F32, _EDGE_F64)
    if x.dtype != F32:
        ratio = where(less(w, 16.65), ratio, polynomial(s - 5.0, (), _FAR_F64))
    center = polynomial(w, _CENTER_F32, _CENTER_F64)
    ratio = where(less(w, 5.0), center, ratio)
    edge = where(equal(a, 1.0), constant(x, math.inf), constant(x, math.nan))
    return x * where(less(a, 1.0), ratio, edge)


def _of_scipy(name: str, x: np.ndarray) -> Any:
    """Return SciPy's function of an array; it is imported when there is one."""
    return getattr(import_module("scipy.special"), name)(x)


# SciPy's lose digits: this one where it is small, the next near its roots.
_erfc_of = np.frompyfunc(math.erfc, 1, 1)


@cache
def _lgamma_of() -> np.ufunc:
    """Return the C library's function, which machine code calls too."""
    library = ctypes.CDLL(ctypes.util.find_library("m") or "ucrtbase")
    library.lgamma.restype, library.lgamma.argtypes = ctypes.c_double, [ctypes.c_double]
    return np.frompyfunc(library.lgamma, 1, 1)


erf = unary(
    "erf",
    precisely(lambda x: _of_scipy("erf", x)),
    lambda y, x: (2 / math.sqrt(math.pi)) * exp(-x * x),
    floats=True,
    kinds="f",
    cost=40,
    lower=expansion(_expand_erf),
    doc="Error function of each element.",
)
erfc = unary(
    "erfc",
    precisely(lambda x: np.asarray(_erfc_of(x)).astype(np.float64)),
    lambda y, x: (-2 / math.sqrt(math.pi)) * exp(-x * x),
    floats=True,
    kinds="f",
    cost=56,
    lower=expansion(_expand_erfc),
    doc="Complement 1 - erf(x) of the error function, accurate where it is small.",
)
erfinv = unary(
    "erfinv",
    precisely(lambda x: np.copysign(_of_scipy("erfinv", x), x)),
    lambda y, x: (math.sqrt(math.pi) / 2) * exp(y * y),
    floats=True,
    kinds="f",
    domain=(-0.9, 0.9),
    cost=100,
    lower=expansion(_expand_erfinv),
    doc="Inverse of the error function: infinite at -1 and 1, NaN beyond.",
)
lgamma = unary(
    "lgamma",
    precisely(lambda x: np.asarray(_lgamma_of()(x)).astype(np.float64)),
    lambda y, x: digamma(x),
    floats=True,
    kinds="f",
    domain=(0.2, 4.0),
    cost=100,
    lower=native,
    doc="Logarithm of the absolute value of the gamma function.",
)
