"""Schedules against their formulas, at steps of every kind."""

import numpy as np
import pytest

import defnpy as dn
from defnpy import schedules

pytestmark = pytest.mark.cpu

STEPS = range(0, 40)


def values(schedule: schedules.Schedule) -> list[float]:
    return [float(schedule(np.float64(step))) for step in STEPS]


def check(schedule: schedules.Schedule, expected: list[float]) -> None:
    np.testing.assert_allclose(values(schedule), expected, rtol=1e-12, atol=1e-15)


def test_constant() -> None:
    check(schedules.constant(0.3), [0.3] * len(STEPS))


def test_polynomial_and_linear() -> None:
    expected = [(1 - min(max(s - 5, 0), 20) / 20) ** 3 * 0.9 + 0.1 for s in STEPS]
    check(schedules.polynomial(1.0, 0.1, 3, 20, transition_begin=5), expected)
    check(schedules.linear(1.0, 2.0, 10), [1 + min(s, 10) / 10 for s in STEPS])


def test_exponential_decay() -> None:
    smooth = schedules.exponential_decay(0.1, 7, 0.6, transition_begin=3)
    check(smooth, [0.1 * 0.6 ** (max(s - 3, 0) / 7) for s in STEPS])
    stairs = schedules.exponential_decay(0.1, 7, 0.6, staircase=True)
    check(stairs, [0.1 * 0.6 ** (s // 7) for s in STEPS])
    down = schedules.exponential_decay(0.1, 7, 0.6, end_value=0.05)
    check(down, [max(0.1 * 0.6 ** (s / 7), 0.05) for s in STEPS])
    up = schedules.exponential_decay(0.1, 7, 1.5, end_value=0.2)
    check(up, [min(0.1 * 1.5 ** (s / 7), 0.2) for s in STEPS])


def test_cosine_decay() -> None:
    half = [0.5 * (1 + np.cos(np.pi * min(s, 30) / 30)) for s in STEPS]
    check(schedules.cosine_decay(0.2, 30), [0.2 * c for c in half])
    bent = schedules.cosine_decay(0.2, 30, alpha=0.1, exponent=2.0)
    check(bent, [0.2 * (0.9 * c**2 + 0.1) for c in half])


def test_piecewise_constant() -> None:
    schedule = schedules.piecewise_constant(1.0, {20: 0.1, 10: 0.5})
    check(schedule, [1.0 if s < 10 else 0.5 if s < 20 else 0.05 for s in STEPS])


def test_join_and_warmup() -> None:
    joined = schedules.join(
        [schedules.constant(1.0), schedules.linear(2.0, 1.0, 10)], [15]
    )
    check(joined, [1.0 if s < 15 else 2 - min(s - 15, 10) / 10 for s in STEPS])
    warmed = schedules.warmup(schedules.constant(2.0), 8, init_value=1.0)
    check(warmed, [1 + min(s, 8) / 8 for s in STEPS])
    cosine = schedules.warmup_cosine_decay(0.0, 1.0, 8, 28, end_value=0.2)
    fall = [0.5 * (1 + np.cos(np.pi * min(s - 8, 20) / 20)) for s in STEPS]
    check(
        cosine,
        [s / 8 if s < 8 else 0.8 * c + 0.2 for s, c in zip(STEPS, fall, strict=True)],
    )


def test_integer_steps() -> None:
    schedule = schedules.cosine_decay(0.2, 30)
    for step in (7, np.int64(7), np.array(7, "i4")):
        np.testing.assert_allclose(schedule(step), schedule(7.0), rtol=1e-6)


def test_wrong_options_raise() -> None:
    with pytest.raises(dn.DefnValueError, match="decay_steps must be positive"):
        schedules.cosine_decay(0.1, 0)
    with pytest.raises(dn.DefnValueError, match="decay_rate must be positive"):
        schedules.exponential_decay(0.1, 10, 0.0)
    with pytest.raises(dn.DefnValueError, match="at 1 boundaries, not 0"):
        schedules.join([schedules.constant(1.0)] * 2, [])
