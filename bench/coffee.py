"""One epoch of the coffee-roasting network: 200,000 rows, 6,250 Adam steps, one call.

Ours is `nn.loop`'s own epoch.  JAX's is the same work in one `jit` around `scan`;
both draw a permutation of the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.timing import Contender, race
from bench.workload import JAX, OURS, Row
from defnpy import nn, optimizers

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS, BATCH = 200_000, 32
STEPS = ROWS // BATCH
RATE = 0.01
NAME = "coffee"


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return scaled rows and whether each is a good roast."""
    rng = np.random.default_rng(0)
    raw = np.stack([rng.uniform(150, 285, ROWS), rng.uniform(11.5, 15.5, ROWS)], axis=1)
    t, d = raw[:, 0], raw[:, 1]
    good = (t > 175) & (t < 260) & (d > 12) & (d < 15) & (d <= -3 / 85 * t + 21)
    x = (raw - raw.mean(0)) / raw.std(0)
    return x.astype(np.float32), good[:, None].astype(np.float32)


def model() -> Any:
    """Return the article's network."""
    return (
        nn.input("input", shape=(None, 2))
        .dense(3, activation="sigmoid", name="layer1")
        .dense(1, activation="sigmoid", name="layer2")
    )


def ours(x: np.ndarray, y: np.ndarray) -> Callable[[], float]:
    """Return our epoch: the second of two, timed by the training loop itself."""
    trainer = nn.loop.trainer(model(), "binary_cross_entropy", optimizers.adam(RATE))

    def run() -> float:
        state = trainer.run((x, y), epochs=2, batch_size=BATCH)
        losses = state.history["loss"]
        if not losses[1] < losses[0] < 0.7:
            raise AssertionError(f"it does not learn: {losses}")
        return state.history["seconds"][1]

    return run


def jax_scan(x: Any, y: Any) -> Callable[[], None]:
    """Return JAX's epoch, one `jit` around one `scan`."""
    import jax
    import jax.numpy as jnp

    def loss(params: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = params
        z = jax.nn.sigmoid(x @ w1 + b1) @ w2 + b2
        return -jnp.mean(y * jax.nn.log_sigmoid(z) + (1 - y) * jax.nn.log_sigmoid(-z))

    def step(carry: Any, batch: Any) -> Any:
        params, m, v, count = carry
        value, grads = jax.value_and_grad(loss)(params, *batch)
        count = count + 1
        m = [0.9 * a + 0.1 * g for a, g in zip(m, grads, strict=True)]
        v = [0.999 * a + 0.001 * g * g for a, g in zip(v, grads, strict=True)]
        first, second = 1 - 0.9**count, 1 - 0.999**count
        params = [
            p - RATE * (a / first) / (jnp.sqrt(b / second) + 1e-8)
            for p, a, b in zip(params, m, v, strict=True)
        ]
        return (params, m, v, count), value

    @jax.jit
    def epoch(carry: Any, x: Any, y: Any, key: Any) -> Any:
        order = jax.random.permutation(key, ROWS)
        x, y = x[order], y[order]
        batches = (x.reshape(STEPS, BATCH, 2), y.reshape(STEPS, BATCH, 1))
        carry, losses = jax.lax.scan(step, carry, batches)
        return carry, losses.mean()

    rng = np.random.default_rng(0)
    shapes = ((2, 3), (3,), (3, 1), (1,))
    params = [jnp.asarray(rng.normal(size=s), jnp.float32) for s in shapes]
    zeros = [jnp.zeros_like(p) for p in params]
    start = (params, zeros, zeros, jnp.float32(0))
    x, y, key = jnp.asarray(x), jnp.asarray(y), jax.random.key(0)

    def run() -> None:
        _, value = jax.block_until_ready(epoch(start, x, y, key))
        if not float(value) < 0.7:
            raise AssertionError(f"JAX does not learn: {value}")

    return run


def measure() -> Row:
    """Return the race with shuffled rows, which is what people run."""
    x, y = data()
    makers = {OURS: ours, JAX: jax_scan}
    found = race([Contender(name, make(x, y)) for name, make in makers.items()])
    return Row(NAME, "one epoch of the article's network, 6,250 Adam steps", found)
