"""Random numbers from explicit keys, in the stream of JAX's default generator.

A key is a `u32[2]`; nothing is remembered between calls, so the same key gives the
same numbers anywhere, in a program or outside.  Split a key for each use.

>>> keys = dn.random.split(dn.random.key(0), 2)
>>> dn.random.uniform(keys[0], (2,)).dtype
dtype('float32')
"""

from __future__ import annotations

import difflib
from typing import Any

import defnpy as dn
from defnpy.random.continuous import (
    exponential,
    gumbel,
    laplace,
    normal,
    truncated_normal,
    uniform,
)
from defnpy.random.counts import poisson
from defnpy.random.discrete import (
    bernoulli,
    categorical,
    choice,
    permutation,
    randint,
    shuffle,
)
from defnpy.random.gammas import beta, dirichlet, gamma, loggamma
from defnpy.random.multivariate import multivariate_normal
from defnpy.random.threefry import bits, fold_in, key, split

__all__ = [
    "bernoulli",
    "beta",
    "bits",
    "categorical",
    "choice",
    "dirichlet",
    "exponential",
    "fold_in",
    "gamma",
    "gumbel",
    "key",
    "laplace",
    "loggamma",
    "multivariate_normal",
    "normal",
    "permutation",
    "poisson",
    "randint",
    "shuffle",
    "split",
    "truncated_normal",
    "uniform",
]


_KEY = "`dn.random.key(seed)` makes a key, and each sampler takes one"
_SHARE = "with `u = dn.random.uniform(key, shape)`"
# What NumPy's and JAX's other names are here, or of what they are made.
_OTHERS = {
    **dict.fromkeys(("PRNGKey", "RandomState", "default_rng", "seed"), _KEY),
    **dict.fromkeys(("get_state", "set_state", "Generator", "SeedSequence"), _KEY),
    **dict.fromkeys(("rand", "random", "random_sample", "ranf"), "`dn.random.uniform`"),
    **dict.fromkeys(("randn", "standard_normal"), "`dn.random.normal`"),
    **dict.fromkeys(("random_integers", "integers"), "`dn.random.randint`"),
    "binomial": "the sum over an axis of `dn.random.bernoulli`",
    "bytes": "`dn.random.bits(key, shape, 'u8')`",
    "cauchy": f"`dn.tan(dn.pi * (u - 0.5))`, {_SHARE}",
    "chisquare": "`2 * dn.random.gamma(key, df / 2, shape)`",
    "clone": "keys are arrays, and may be used again",
    "geometric": f"`dn.ceil(dn.log1p(-u) / dn.log1p(-p))`, {_SHARE}",
    "key_data": "a key is its data, `u32[2]`",
    "logistic": f"`dn.log(u) - dn.log1p(-u)`, {_SHARE}",
    "lognormal": "`dn.exp` of `dn.random.normal`",
    "multinomial": "`dn.bincount` of `dn.random.categorical`",
    "negative_binomial": "`dn.random.poisson` of rates of `dn.random.gamma`",
    "orthogonal": "`dn.linalg.qr` of `dn.random.normal`",
    "pareto": "`dn.exp(dn.random.exponential(key, shape) / b)`",
    "rademacher": "`2 * dn.random.bernoulli(key, 0.5, shape) - 1`",
    "rayleigh": "`dn.sqrt(2 * dn.random.exponential(key, shape))`",
    "standard_cauchy": f"`dn.tan(dn.pi * (u - 0.5))`, {_SHARE}",
    "standard_exponential": "`dn.random.exponential`",
    "standard_gamma": "`dn.random.gamma`",
    "standard_t": "of `dn.random.normal` and `dn.random.gamma`, as `t` is defined",
    "t": "of `dn.random.normal` and `dn.random.gamma`, as `t` is defined",
    **dict.fromkeys(
        ("weibull", "weibull_min"), "`dn.random.exponential(key, shape) ** (1 / c)`"
    ),
    "wrap_key_data": "a key is its data, `u32[2]`",
}


def __getattr__(name: str) -> Any:
    """Say that there is no such name, and what is near or does it."""
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    near = difflib.get_close_matches(name, __all__, 1, 0.75)
    hint = _OTHERS.get(name) or (f"did you mean `{near[0]}`?" if near else None)
    raise dn.DefnAttributeError(f"{__name__} has no {name!r}", hint=hint)
