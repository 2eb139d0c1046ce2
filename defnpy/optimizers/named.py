"""Optimizers by the names they are known by, each a chain of transformations.

Options are named, and default, as in optax; the learning rate may be a number, a
scalar array or a schedule.
"""

from __future__ import annotations

from typing import Any

from defnpy.optimizers.clipping import add_decayed_weights, add_noise
from defnpy.optimizers.moments import (
    scale_by_adam,
    scale_by_adamax,
    scale_by_belief,
    scale_by_lion,
    scale_by_radam,
    scale_by_rms,
    scale_by_rss,
    scale_by_stddev,
    scale_by_yogi,
    trace,
)
from defnpy.optimizers.scaling import (
    scale_by_learning_rate,
    scale_by_trust_ratio,
)
from defnpy.optimizers.transformation import Optimizer, chain


def sgd(
    learning_rate: Any = 1e-2,
    momentum: float | None = None,
    *,
    nesterov: bool = False,
) -> Optimizer:
    """Return stochastic gradient descent, p - lr g, with momentum if wanted.

    >>> optimizer = sgd(0.5)
    >>> optimizer.update(np.array([2.0]), optimizer.init(np.ones(1)))[0]
    array([-1.])
    """
    rate = scale_by_learning_rate(learning_rate)
    if momentum is None:
        return chain(rate)
    return chain(trace(momentum, nesterov=nesterov), rate)


def adam(
    learning_rate: Any = 1e-3,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    *,
    nesterov: bool = False,
) -> Optimizer:
    """Return Adam; see `scale_by_adam`.

    >>> optimizer = adam(learning_rate=0.1)
    >>> optimizer.update(np.array([2.0]), optimizer.init(np.ones(1)))[0].round(6)
    array([-0.1])
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, nesterov=nesterov),
        scale_by_learning_rate(learning_rate),
    )


def adamw(
    learning_rate: Any = 1e-3,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    weight_decay: Any = 1e-4,
    mask: Any = None,
    *,
    nesterov: bool = False,
) -> Optimizer:
    """Return Adam with weight decay apart from the gradient.

    Loshchilov and Hutter, "Decoupled weight decay regularization", 2019; `mask`
    is as in `add_decayed_weights`.

    >>> optimizer = adamw(0.1, weight_decay=0.5)
    >>> w = np.ones(1)
    >>> optimizer.update(np.array([2.0]), optimizer.init(w), w)[0].round(6)
    array([-0.15])
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, nesterov=nesterov),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


def nadam(
    learning_rate: Any = 1e-3,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
) -> Optimizer:
    """Return Adam with Nesterov's momentum."""
    return adam(learning_rate, b1, b2, eps, eps_root, nesterov=True)


def adamax(
    learning_rate: Any = 1e-3, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> Optimizer:
    """Return Adam with the largest gradient in place of the second moment."""
    return chain(scale_by_adamax(b1, b2, eps), scale_by_learning_rate(learning_rate))


def adabelief(
    learning_rate: Any = 1e-3,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-16,
    eps_root: float = 1e-16,
) -> Optimizer:
    """Return AdaBelief; see `scale_by_belief`."""
    return chain(
        scale_by_belief(b1, b2, eps, eps_root),
        scale_by_learning_rate(learning_rate),
    )


def radam(
    learning_rate: Any = 1e-3,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    threshold: float = 5.0,
) -> Optimizer:
    """Return rectified Adam; see `scale_by_radam`."""
    return chain(
        scale_by_radam(b1, b2, eps, eps_root, threshold),
        scale_by_learning_rate(learning_rate),
    )


def yogi(
    learning_rate: Any = 1e-2, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-3
) -> Optimizer:
    """Return Yogi; see `scale_by_yogi`."""
    return chain(scale_by_yogi(b1, b2, eps), scale_by_learning_rate(learning_rate))


def lion(
    learning_rate: Any = 1e-4,
    b1: float = 0.9,
    b2: float = 0.99,
    weight_decay: Any = 1e-3,
    mask: Any = None,
) -> Optimizer:
    """Return Lion; see `scale_by_lion`."""
    return chain(
        scale_by_lion(b1, b2),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


def lamb(
    learning_rate: Any = 1e-2,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-6,
    eps_root: float = 0.0,
    weight_decay: Any = 0.0,
    mask: Any = None,
) -> Optimizer:
    """Return LAMB: Adam with a rate for each leaf; see `scale_by_trust_ratio`."""
    return chain(
        scale_by_adam(b1, b2, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_trust_ratio(),
        scale_by_learning_rate(learning_rate),
    )


def rmsprop(
    learning_rate: Any = 1e-2,
    decay: float = 0.9,
    eps: float = 1e-8,
    initial_scale: float = 0.0,
    momentum: float | None = None,
    *,
    centered: bool = False,
    nesterov: bool = False,
) -> Optimizer:
    """Return RMSProp, or its `centered` form; momentum is of the scaled steps.

    >>> optimizer = rmsprop(0.1, decay=0.0)
    >>> optimizer.update(np.array([2.0]), optimizer.init(np.ones(1)))[0].round(6)
    array([-0.1])
    """
    scaling = scale_by_stddev if centered else scale_by_rms
    steps = [
        scaling(decay, eps, initial_scale),
        scale_by_learning_rate(learning_rate),
    ]
    if momentum is not None:
        steps.append(trace(momentum, nesterov=nesterov))
    return chain(*steps)


def adagrad(
    learning_rate: Any = 1e-3,
    initial_accumulator_value: float = 0.1,
    eps: float = 1e-7,
) -> Optimizer:
    """Return Adagrad; see `scale_by_rss`."""
    return chain(
        scale_by_rss(initial_accumulator_value, eps),
        scale_by_learning_rate(learning_rate),
    )


def noisy_sgd(
    learning_rate: Any = 1e-2, eta: float = 0.01, gamma: float = 0.55, *, key: Any
) -> Optimizer:
    """Return gradient descent with noise that fades; see `add_noise`."""
    return chain(add_noise(eta, gamma, key=key), scale_by_learning_rate(learning_rate))
