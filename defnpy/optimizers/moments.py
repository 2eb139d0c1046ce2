"""Transformations that scale gradients by running moments of them.

Each is the formula of its paper with the options of optax.  Moments of `f16` and
`bf16` parameters are kept in `f32`, in which small changes are not lost; the
counts of steps are `i64` scalars.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import defnpy as dn
from defnpy import defn
from defnpy.optimizers.transformation import Optimizer


class TraceState(NamedTuple):
    """The decaying sum of gradients."""

    trace: Any


class ScaleByAdamState(NamedTuple):
    """The number of updates made, and the first and second moments."""

    count: Any
    mu: Any
    nu: Any


class ScaleByLionState(NamedTuple):
    """The first moment."""

    mu: Any


class ScaleByRmsState(NamedTuple):
    """The second moment."""

    nu: Any


class ScaleByStddevState(NamedTuple):
    """The first and second moments."""

    mu: Any
    nu: Any


class ScaleByRssState(NamedTuple):
    """The sum of the squares of all gradients."""

    sum_of_squares: Any


def trace(decay: float = 0.9, *, nesterov: bool = False) -> Optimizer:
    """Replace gradients by their decaying sum, the momentum.

    >>> momentum = trace(0.5)
    >>> _, state = momentum.update(np.ones(1), momentum.init(np.ones(1)))
    >>> momentum.update(np.ones(1), state)[0]
    array([1.5])
    """

    @defn
    def init(params: Any) -> Any:
        return TraceState(_filled(params, 0.0))

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        summed = dn.tree.map(lambda g, t: g + decay * t, grads, state.trace)
        if not nesterov:
            return summed, TraceState(summed)
        ahead = dn.tree.map(lambda g, t: g + decay * t, grads, summed)
        return ahead, TraceState(summed)

    return Optimizer(init, update)


def scale_by_adam(
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    *,
    nesterov: bool = False,
) -> Optimizer:
    """Divide the mean of the gradients by the root of the mean of their squares.

    Both means are corrected for having started at 0.  Kingma and Ba, "Adam",
    2015; with `nesterov`, Dozat, "Incorporating Nesterov momentum into Adam", 2016.

    Args:
        b1: decay of the first moment.
        b2: decay of the second moment.
        eps: added to the root.
        eps_root: added under the root.
        nesterov: whether the first moment looks one step ahead.

    >>> adam = scale_by_adam()
    >>> adam.update(np.array([3.0]), adam.init(np.ones(1)))[0].round(6)
    array([1.])
    """

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        grads, count = _wide(grads), state.count + 1
        mu = dn.tree.map(lambda g, m: _mean(g, m, b1), grads, state.mu)
        nu = dn.tree.map(lambda g, v: _mean(g * g, v, b2), grads, state.nu)

        def scaled(g: Any, m: Any, v: Any) -> Any:
            first = _debias(m, b1, count)
            if nesterov:
                ahead, now = _debias(m, b1, count + 1), _debias(g, b1, count)
                first = b1 * ahead + (1.0 - b1) * now
            return first / (dn.sqrt(_debias(v, b2, count) + eps_root) + eps)

        return dn.tree.map(scaled, grads, mu, nu), ScaleByAdamState(count, mu, nu)

    return Optimizer(_init_moments(0.0), update)


def scale_by_adamax(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """Divide the mean of the gradients by their decaying largest size.

    Kingma and Ba, "Adam", 2015, section 7.1.

    >>> adamax = scale_by_adamax()
    >>> adamax.update(np.array([3.0]), adamax.init(np.ones(1)))[0].round(6)
    array([1.])
    """

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        grads, count = _wide(grads), state.count + 1
        mu = dn.tree.map(lambda g, m: _mean(g, m, b1), grads, state.mu)
        nu = dn.tree.map(lambda g, v: dn.maximum(abs(g) + eps, b2 * v), grads, state.nu)
        updates = dn.tree.map(lambda m, v: _debias(m, b1, count) / v, mu, nu)
        return updates, ScaleByAdamState(count, mu, nu)

    return Optimizer(_init_moments(0.0), update)


def scale_by_belief(
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-16,
    eps_root: float = 1e-16,
) -> Optimizer:
    """Divide the mean of the gradients by how far they are from it.

    Zhuang and others, "AdaBelief optimizer", 2020; `eps_root` is added to the
    second moment that is kept.

    >>> belief = scale_by_belief()
    >>> belief.update(np.array([3.0]), belief.init(np.ones(1)))[0].round(6)
    array([1.111111])
    """

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        grads, count = _wide(grads), state.count + 1
        mu = dn.tree.map(lambda g, m: _mean(g, m, b1), grads, state.mu)
        nu = dn.tree.map(
            lambda g, m, v: _mean((g - m) ** 2, v, b2) + eps_root, grads, mu, state.nu
        )

        def scaled(m: Any, v: Any) -> Any:
            return _debias(m, b1, count) / (dn.sqrt(_debias(v, b2, count)) + eps)

        return dn.tree.map(scaled, mu, nu), ScaleByAdamState(count, mu, nu)

    return Optimizer(_init_moments(0.0), update)


def scale_by_yogi(
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-3,
    eps_root: float = 0.0,
    initial_accumulator_value: float = 1e-6,
) -> Optimizer:
    """Scale as Adam does, with a second moment that changes by at most (1 - b2) g².

    Zaheer and others, "Adaptive methods for nonconvex optimization", 2018.

    >>> yogi = scale_by_yogi(eps=0.0, initial_accumulator_value=0.0)
    >>> yogi.update(np.array([3.0]), yogi.init(np.ones(1)))[0].round(6)
    array([1.])
    """

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        grads, count = _wide(grads), state.count + 1
        mu = dn.tree.map(lambda g, m: _mean(g, m, b1), grads, state.mu)
        nu = dn.tree.map(
            lambda g, v: v - (1.0 - b2) * dn.sign(v - g * g) * g * g, grads, state.nu
        )

        def scaled(m: Any, v: Any) -> Any:
            root = dn.sqrt(_debias(v, b2, count) + eps_root)
            return _debias(m, b1, count) / (root + eps)

        return dn.tree.map(scaled, mu, nu), ScaleByAdamState(count, mu, nu)

    return Optimizer(_init_moments(initial_accumulator_value), update)


def scale_by_radam(
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    threshold: float = 5.0,
) -> Optimizer:
    """Scale as Adam does once the variance of the scale is known to be small.

    Liu and others, "On the variance of the adaptive learning rate and beyond",
    2020, whose names ρ and r are kept.

    >>> radam = scale_by_radam()
    >>> radam.update(np.array([3.0]), radam.init(np.ones(1)))[0].round(6)
    array([3.])
    """
    rho_inf = 2.0 / (1.0 - b2) - 1.0

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        grads, count = _wide(grads), state.count + 1
        mu = dn.tree.map(lambda g, m: _mean(g, m, b1), grads, state.mu)
        nu = dn.tree.map(lambda g, v: _mean(g * g, v, b2), grads, state.nu)
        steps = dn.astype(count, "f64")
        rho = rho_inf - 2.0 * steps * b2**steps / (1.0 - b2**steps)
        known = rho >= threshold
        above = dn.where(known, rho, threshold)
        r = dn.sqrt(
            (above - 4.0)
            * (above - 2.0)
            * rho_inf
            / ((rho_inf - 4.0) * (rho_inf - 2.0) * above)
        )

        def scaled(m: Any, v: Any) -> Any:
            first = _debias(m, b1, count)
            root = dn.sqrt(_debias(v, b2, count) + eps_root)
            return dn.where(known, dn.astype(r, m.dtype) * first / (root + eps), first)

        return dn.tree.map(scaled, mu, nu), ScaleByAdamState(count, mu, nu)

    return Optimizer(_init_moments(0.0), update)


def scale_by_lion(b1: float = 0.9, b2: float = 0.99) -> Optimizer:
    """Take the sign of a mean of the gradient and its first moment.

    Chen and others, "Symbolic discovery of optimization algorithms", 2023.

    >>> lion = scale_by_lion()
    >>> lion.update(np.array([3.0, -2.0]), lion.init(np.ones(2)))[0]
    array([ 1., -1.])
    """

    @defn
    def init(params: Any) -> Any:
        return ScaleByLionState(_filled(params, 0.0))

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        updates = dn.tree.map(lambda g, m: dn.sign(_mean(g, m, b1)), grads, state.mu)
        mu = dn.tree.map(lambda g, m: _mean(g, m, b2), grads, state.mu)
        return updates, ScaleByLionState(mu)

    return Optimizer(init, update)


def scale_by_rms(
    decay: float = 0.9, eps: float = 1e-8, initial_scale: float = 0.0
) -> Optimizer:
    """Divide by the root of the decaying mean of squares, `eps` under the root.

    Hinton, "Neural networks for machine learning", lecture 6e, 2012.

    >>> rms = scale_by_rms(eps=0.0)
    >>> rms.update(np.array([3.0]), rms.init(np.ones(1)))[0].round(6)
    array([3.162278])
    """

    @defn
    def init(params: Any) -> Any:
        return ScaleByRmsState(_filled(params, initial_scale))

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        grads = _wide(grads)
        nu = dn.tree.map(lambda g, v: _mean(g * g, v, decay), grads, state.nu)
        updates = dn.tree.map(lambda g, v: g / dn.sqrt(v + eps), grads, nu)
        return updates, ScaleByRmsState(nu)

    return Optimizer(init, update)


def scale_by_stddev(
    decay: float = 0.9, eps: float = 1e-8, initial_scale: float = 0.0
) -> Optimizer:
    """Divide by the root of the decaying variance, `eps` under the root.

    Graves, "Generating sequences with recurrent neural networks", 2013.

    >>> stddev = scale_by_stddev(eps=0.0)
    >>> stddev.update(np.array([3.0]), stddev.init(np.ones(1)))[0].round(6)
    array([3.333333])
    """

    @defn
    def init(params: Any) -> Any:
        return ScaleByStddevState(_filled(params, 0.0), _filled(params, initial_scale))

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        grads = _wide(grads)
        mu = dn.tree.map(lambda g, m: _mean(g, m, decay), grads, state.mu)
        nu = dn.tree.map(lambda g, v: _mean(g * g, v, decay), grads, state.nu)
        updates = dn.tree.map(
            lambda g, m, v: g / dn.sqrt(v - m * m + eps), grads, mu, nu
        )
        return updates, ScaleByStddevState(mu, nu)

    return Optimizer(init, update)


def scale_by_rss(
    initial_accumulator_value: float = 0.1, eps: float = 1e-7
) -> Optimizer:
    """Divide by the root of the sum of squares, `eps` under the root; 0 by 0 is 0.

    Duchi and others, "Adaptive subgradient methods", 2011.

    >>> rss = scale_by_rss(initial_accumulator_value=0.0, eps=0.0)
    >>> rss.update(np.array([3.0, 0.0]), rss.init(np.ones(2)))[0]
    array([1., 0.])
    """

    @defn
    def init(params: Any) -> Any:
        return ScaleByRssState(_filled(params, initial_accumulator_value))

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        grads = _wide(grads)
        total = dn.tree.map(lambda g, s: g * g + s, grads, state.sum_of_squares)
        updates = dn.tree.map(
            lambda g, s: g / dn.sqrt(dn.where(s > 0, s + eps, 1.0)), grads, total
        )
        return updates, ScaleByRssState(total)

    return Optimizer(init, update)


def _init_moments(value: float) -> Any:
    @defn
    def init(params: Any) -> Any:
        return ScaleByAdamState(
            dn.zeros((), dtype="i64"), _filled(params, value), _filled(params, value)
        )

    return init


def _filled(params: Any, value: float) -> Any:
    """Return trees of `value` like the parameters, in `f32` at least."""
    return dn.tree.map(
        lambda p: dn.full(p.shape, value, dn.result_type(p, "f32")), params
    )


def _wide(grads: Any) -> Any:
    """Return gradients in `f32` at least, in which small squares are not lost."""
    return dn.tree.map(lambda g: dn.astype(g, dn.result_type(g, "f32")), grads)


def _mean(x: Any, mean: Any, decay: float) -> Any:
    return (1.0 - decay) * x + decay * mean


def _debias(moment: Any, decay: float, count: Any) -> Any:
    """Return the mean of `count` values, of a decaying mean that started at 0."""
    missing = 1.0 - decay ** dn.astype(count, "f64")
    return moment / dn.astype(missing, moment.dtype)
