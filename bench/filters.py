"""A filter that is all small matrices, step after step."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.workload import Workload
from defnpy import defn

STEPS = 5_000


def inverse(s: Any) -> Any:
    """Return the inverse of a 2×2 matrix."""
    a, b, c, d = s[0, 0], s[0, 1], s[1, 0], s[1, 1]
    return np.array([[d, -b], [-c, a]]) / (a * d - b * c)


@defn
def kalman(z: Any, f: Any, h: Any, q: Any, r: Any) -> Any:
    x = np.zeros(4)
    p = np.eye(4)
    track = np.zeros((len(z), 4))
    for t in range(len(z)):
        x = f @ x
        p = f @ p @ f.T + q
        k = p @ h.T @ inverse(h @ p @ h.T + r)
        x = x + k @ (z[t] - h @ x)
        p = (np.eye(4) - k @ h) @ p
        track[t] = x
    return track


def _kalman_numba() -> Any:
    import numba

    @numba.njit
    def times(a: Any, b: Any, out: Any) -> None:
        for i in range(a.shape[0]):
            for j in range(b.shape[1]):
                total = 0.0
                for k in range(a.shape[1]):
                    total += a[i, k] * b[k, j]
                out[i, j] = total

    @numba.njit
    def kalman(z: Any, f: Any, h: Any, q: Any, r: Any) -> Any:
        x, x2, p, a, b = (
            np.zeros(4),
            np.zeros(4),
            np.eye(4),
            np.zeros((4, 4)),
            np.zeros((4, 4)),
        )
        ph, s, si, k = (
            np.zeros((4, 2)),
            np.zeros((2, 2)),
            np.zeros((2, 2)),
            np.zeros((4, 2)),
        )
        ft, ht = f.T.copy(), h.T.copy()
        track = np.zeros((len(z), 4))
        for t in range(len(z)):
            for i in range(4):
                total = 0.0
                for j in range(4):
                    total += f[i, j] * x[j]
                x2[i] = total
            times(f, p, a)
            times(a, ft, b)
            for i in range(4):
                for j in range(4):
                    b[i, j] += q[i, j]
            times(b, ht, ph)
            times(h, ph, s)
            for i in range(2):
                for j in range(2):
                    s[i, j] += r[i, j]
            det = s[0, 0] * s[1, 1] - s[0, 1] * s[1, 0]
            si[0, 0], si[1, 1] = s[1, 1] / det, s[0, 0] / det
            si[0, 1], si[1, 0] = -s[0, 1] / det, -s[1, 0] / det
            times(ph, si, k)
            for i in range(4):
                x[i] = x2[i]
            for m in range(2):
                y = z[t, m]
                for j in range(4):
                    y -= h[m, j] * x2[j]
                for i in range(4):
                    x[i] += k[i, m] * y
            times(k, h, a)
            for i in range(4):
                for j in range(4):
                    a[i, j] = (1.0 if i == j else 0.0) - a[i, j]
            times(a, b, p)
            for i in range(4):
                track[t, i] = x[i]
        return track

    return kalman


def _kalman_jax() -> Any:
    import jax.numpy as jnp
    from jax import lax

    def kalman(z: Any, f: Any, h: Any, q: Any, r: Any) -> Any:
        def step(carry: Any, z: Any) -> Any:
            x, p = carry
            x = f @ x
            p = f @ p @ f.T + q
            s = h @ p @ h.T + r
            a, b, c, d = s[0, 0], s[0, 1], s[1, 0], s[1, 1]
            inverse = jnp.array([[d, -b], [-c, a]]) / (a * d - b * c)
            k = p @ h.T @ inverse
            x = x + k @ (z - h @ x)
            p = (jnp.eye(4) - k @ h) @ p
            return (x, p), x

        return lax.scan(step, (jnp.zeros(4), jnp.eye(4)), z)[1]

    return kalman


def _measurements() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    dt = 0.1
    f = np.eye(4) + dt * np.eye(4, k=2)
    h = np.eye(2, 4)
    path = np.cumsum(rng.normal(scale=0.05, size=(STEPS, 2)), axis=0)
    return (
        path + rng.normal(scale=0.5, size=path.shape),
        f,
        h,
        0.01 * np.eye(4),
        0.25 * np.eye(2),
    )


WORKLOADS = (
    Workload(
        "kalman",
        "Kalman filter, 4 states, 5,000 steps, f64",
        _measurements,
        kalman.python,
        ours=kalman,
        numba=_kalman_numba,
        jax=_kalman_jax,
        numpy=kalman.python,
        tolerance=1e-9,
        wide=True,
    ),
)
