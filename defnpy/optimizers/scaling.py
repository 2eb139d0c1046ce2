"""Transformations that scale gradients by a number, a schedule or a ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import defnpy as dn
from defnpy import defn
from defnpy.optimizers.clipping import norm
from defnpy.optimizers.transformation import Optimizer, stateless

if TYPE_CHECKING:
    from collections.abc import Callable


class ScaleByScheduleState(NamedTuple):
    """The number of updates made."""

    count: Any


class ScaleByStateState(NamedTuple):
    """The factor, an `f64` scalar."""

    scale: Any


def scale(step_size: Any) -> Optimizer:
    """Multiply by a number or a scalar array.

    >>> scale(-0.5).update(np.array([2.0]), ())[0]
    array([-1.])
    """

    def scaled(grads: Any, params: Any) -> Any:
        return dn.tree.map(lambda g: dn.astype(step_size, g.dtype) * g, grads)

    return stateless(scaled)


def scale_by_state(step_size: Any) -> Optimizer:
    """Multiply by a factor that is kept in the state, where it may be changed.

    >>> scaling = scale_by_state(2.0)
    >>> state = scaling.init(np.ones(1))
    >>> scaling.update(np.ones(1), state._replace(scale=np.float64(3.0)))[0]
    array([3.])
    """

    @defn
    def init(params: Any) -> Any:
        return ScaleByStateState(dn.asarray(step_size, dtype="f64"))

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        rate = state.scale
        return dn.tree.map(lambda g: dn.astype(rate, g.dtype) * g, grads), state

    return Optimizer(init, update)


def scale_by_schedule(schedule: Callable[[Any], Any]) -> Optimizer:
    """Multiply by the schedule's value at the number of updates made so far.

    The schedule is given that number as an `f64` scalar.

    >>> halving = scale_by_schedule(lambda step: 0.5**step)
    >>> state = halving.init(np.ones(1))
    >>> updates, state = halving.update(np.ones(1), state)
    >>> halving.update(np.ones(1), state)[0]
    array([0.5])
    """

    @defn
    def init(params: Any) -> Any:
        return ScaleByScheduleState(dn.zeros((), dtype="i64"))

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        rate = schedule(dn.astype(state.count, "f64"))
        scaled = dn.tree.map(lambda g: dn.astype(rate, g.dtype) * g, grads)
        return scaled, ScaleByScheduleState(state.count + 1)

    return Optimizer(init, update)


def scale_by_learning_rate(learning_rate: Any) -> Optimizer:
    """Multiply by minus the rate: a number, a scalar array or a schedule.

    An array is read at each call, so it may change without compiling again.

    >>> scale_by_learning_rate(0.5).update(np.array([2.0]), ())[0]
    array([-1.])
    """
    if callable(learning_rate):
        schedule: Callable[[Any], Any] = learning_rate

        def falling(step: Any) -> Any:
            return -schedule(step)

        return scale_by_schedule(falling)

    def scaled(grads: Any, params: Any) -> Any:
        return dn.tree.map(lambda g: -dn.astype(learning_rate, g.dtype) * g, grads)

    return stateless(scaled)


def scale_by_trust_ratio(
    min_norm: float = 0.0, trust_coefficient: float = 1.0, eps: float = 0.0
) -> Optimizer:
    """Multiply each leaf by the ratio of the norms of its parameter and its update.

    A norm of 0 leaves the update as it is.  You and others, "Large batch
    optimization for deep learning", 2020.

    >>> ratio = scale_by_trust_ratio()
    >>> ratio.update(np.array([3.0, 4.0]), (), np.array([0.0, 10.0]))[0]
    array([6., 8.])
    """

    def scaled(u: Any, p: Any) -> Any:
        of_param = dn.maximum(norm(p), min_norm)
        of_update = dn.maximum(norm(u), min_norm)
        known = (of_param != 0) & (of_update != 0)
        ratio = trust_coefficient * of_param / (of_update + eps)
        return dn.astype(dn.where(known, ratio, 1.0), u.dtype) * u

    def trusted(grads: Any, params: Any) -> Any:
        return dn.tree.map(scaled, grads, params)

    return stateless(trusted)
