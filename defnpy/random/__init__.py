"""Random numbers from explicit keys, in the stream of JAX's default generator.

A key is a `u32[2]`; nothing is remembered between calls, so the same key gives the
same numbers anywhere, in a program or outside.  Split a key for each use.

>>> keys = dn.random.split(dn.random.key(0), 2)
>>> dn.random.uniform(keys[0], (2,)).dtype
dtype('float32')
"""

from __future__ import annotations

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
