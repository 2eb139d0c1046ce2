"""What a call costs beyond the work."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.workload import Workload
from defnpy import defn


def small(x: Any) -> Any:
    return np.sin(x) * 2 + x


def _small_jax() -> Any:
    import jax.numpy as jnp

    return lambda x: jnp.sin(x) * 2 + x


def _small_torch(jit: Any) -> Any:
    import torch

    return jit(lambda x: torch.sin(x) * 2 + x)


def _small_numba() -> Any:
    import numba

    return numba.njit(small)


WORKLOADS = (
    Workload(
        "call",
        "sin(x)·2 + x on 10 elements",
        lambda: (np.random.default_rng(0).standard_normal(10, np.float32),),
        lambda x: small(x.astype(np.float64)),
        ours=defn(small),
        numba=_small_numba,
        jax=_small_jax,
        torch=_small_torch,
        numpy=small,
    ),
)
