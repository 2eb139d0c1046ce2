"""Schedules: functions from the number of updates made so far to a learning rate.

Every optimizer takes one in place of a number.  The formulas are optax's; a
schedule computes in the dtype of the step it is given, and optimizers give an
f64 scalar.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import defnpy as dn
from defnpy import defn

Schedule = Callable[[Any], Any]


def constant(value: Any) -> Schedule:
    """Return the schedule that is always `value`.

    >>> constant(0.1)(7)
    0.1
    """

    @defn
    def schedule(step: Any) -> Any:
        return value

    return schedule


def polynomial(
    init_value: float,
    end_value: float,
    power: float,
    transition_steps: int,
    transition_begin: int = 0,
) -> Schedule:
    """Return a schedule from `init_value` to `end_value` along (1 - t)^power.

    It stays at `init_value` for `transition_begin` steps, takes
    `transition_steps` to reach `end_value`, and stays there.

    >>> float(polynomial(1.0, 0.0, 2, transition_steps=10)(5))
    0.25
    """
    _check_positive("transition_steps", transition_steps)

    @defn
    def schedule(step: Any) -> Any:
        rest = 1.0 - _clip((step - transition_begin) / transition_steps)
        return (init_value - end_value) * rest**power + end_value

    return schedule


def linear(
    init_value: float,
    end_value: float,
    transition_steps: int,
    transition_begin: int = 0,
) -> Schedule:
    """Return a schedule from `init_value` to `end_value` along a line.

    >>> float(linear(0.0, 1.0, transition_steps=10)(5))
    0.5
    """
    return polynomial(init_value, end_value, 1, transition_steps, transition_begin)


def exponential_decay(
    init_value: float,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    *,
    staircase: bool = False,
    end_value: float | None = None,
) -> Schedule:
    """Return init_value × decay_rate^(step / transition_steps).

    Args:
        init_value: the value until `transition_begin`.
        transition_steps: steps in which the value is multiplied by `decay_rate`.
        decay_rate: the factor, positive.
        transition_begin: the step after which the value changes.
        staircase: whether the exponent is rounded down to whole numbers.
        end_value: the value the schedule does not go beyond.

    >>> float(exponential_decay(1.0, 10, 0.25)(5))
    0.5
    """
    _check_positive("transition_steps", transition_steps)
    _check_positive("decay_rate", decay_rate)

    @defn
    def schedule(step: Any) -> Any:
        exponent = dn.maximum((step - transition_begin) / transition_steps, 0.0)
        if staircase:
            exponent = dn.floor(exponent)
        value = init_value * decay_rate**exponent
        if end_value is None:
            return value
        stop = dn.maximum if decay_rate < 1 else dn.minimum
        return stop(value, end_value)

    return schedule


def cosine_decay(
    init_value: float, decay_steps: int, alpha: float = 0.0, exponent: float = 1.0
) -> Schedule:
    """Return a schedule along half a cosine down to alpha × init_value.

    Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts",
    2017.

    >>> float(cosine_decay(1.0, decay_steps=10)(10))
    0.0
    """
    _check_positive("decay_steps", decay_steps)

    @defn
    def schedule(step: Any) -> Any:
        cosine = 0.5 * (1.0 + dn.cos(math.pi * _clip(step / decay_steps)))
        return init_value * ((1.0 - alpha) * cosine**exponent + alpha)

    return schedule


def piecewise_constant(
    init_value: float, boundaries_and_scales: Mapping[int, float]
) -> Schedule:
    """Return a schedule multiplied by a scale from each boundary on.

    >>> schedule = piecewise_constant(1.0, {10: 0.5, 20: 0.1})
    >>> [float(schedule(step)) for step in (9, 10, 20)]
    [1.0, 0.5, 0.05]
    """
    changes = tuple(sorted(boundaries_and_scales.items()))

    @defn
    def schedule(step: Any) -> Any:
        value = init_value
        for boundary, scale in changes:
            value = dn.where(step < boundary, value, scale * value)
        return value

    return schedule


def join(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Schedule:
    """Return schedules one after another; each counts from its own first step.

    Args:
        schedules: at least one.
        boundaries: the first step of each schedule but the first.

    >>> schedule = join([constant(1.0), linear(1.0, 0.0, 10)], [5])
    >>> [float(schedule(step)) for step in (4, 5, 10)]
    [1.0, 1.0, 0.5]
    """
    if len(schedules) != len(boundaries) + 1:
        raise dn.DefnValueError(
            f"{len(schedules)} schedules are joined at {len(schedules) - 1} "
            f"boundaries, not {len(boundaries)}"
        )
    first, later = schedules[0], tuple(zip(boundaries, schedules[1:], strict=True))

    @defn
    def schedule(step: Any) -> Any:
        value = first(step)
        for boundary, following in later:
            value = dn.where(step < boundary, value, following(step - boundary))
        return value

    return schedule


def warmup(schedule: Schedule, warmup_steps: int, init_value: float = 0.0) -> Schedule:
    """Return a line from `init_value` to the first value of `schedule`, then that.

    >>> warmed = warmup(cosine_decay(1.0, 100), warmup_steps=10)
    >>> float(warmed(5)), float(warmed(10)), float(warmed(110))
    (0.5, 1.0, 0.0)
    """
    _check_positive("warmup_steps", warmup_steps)

    @defn
    def warmed(step: Any) -> Any:
        goal = schedule(0.0 * step)
        rising = init_value + (goal - init_value) * (step / warmup_steps)
        return dn.where(step < warmup_steps, rising, schedule(step - warmup_steps))

    return warmed


def warmup_cosine_decay(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    decay_steps: int,
    end_value: float = 0.0,
    exponent: float = 1.0,
) -> Schedule:
    """Return a line up to `peak_value`, then half a cosine down to `end_value`.

    `decay_steps` counts from step 0, so it includes the warm-up.

    >>> schedule = warmup_cosine_decay(0.0, 1.0, warmup_steps=10, decay_steps=110)
    >>> float(schedule(5)), float(schedule(10)), float(schedule(110))
    (0.5, 1.0, 0.0)
    """
    alpha = end_value / peak_value if peak_value else 0.0
    falling = cosine_decay(peak_value, decay_steps - warmup_steps, alpha, exponent)
    return warmup(falling, warmup_steps, init_value)


def _clip(part: Any) -> Any:
    return dn.minimum(dn.maximum(part, 0.0), 1.0)


def _check_positive(name: str, value: float) -> None:
    if not value > 0:
        raise dn.DefnValueError(f"{name} must be positive, not {value}")


__all__ = [
    "Schedule",
    "constant",
    "cosine_decay",
    "exponential_decay",
    "join",
    "linear",
    "piecewise_constant",
    "polynomial",
    "warmup",
    "warmup_cosine_decay",
]
