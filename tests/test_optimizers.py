"""Optimizers against the formulas of their papers, written again in NumPy.

Each runs 100 steps on a small problem in f64.  Where optax is installed it is asked
too.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import defnpy as dn
from defnpy import optimizers, schedules
from defnpy.optimizers import Optimizer

pytestmark = pytest.mark.cpu

Steps = Iterator[np.ndarray]
TARGET = np.array([[0.3, -1.2, 0.0], [2.0, 0.1, -0.4]])
START = np.array([[1.0, -1.0, 0.5], [0.2, 0.4, -2.0]])


def gradient(w: np.ndarray, step: int) -> np.ndarray:
    """Return a gradient that is noisy, and zero in one place at first."""
    noise = np.sin(np.arange(6).reshape(2, 3) * 7.0 + step)
    g = 4 * (w - TARGET) ** 3 + 0.1 * noise
    if step < 3:
        g[0, 2] = 0.0
    return g


def run(optimizer: Optimizer, steps: int = 100) -> list[np.ndarray]:
    params = {"w": START.copy(), "deep": [START[0] * 2]}
    state = optimizer.init(params)
    seen = []
    for step in range(steps):
        grads = {
            "w": gradient(params["w"], step),
            "deep": [gradient(params["deep"][0][None], step)[0]],
        }
        updates, state = optimizer.update(grads, state, params)
        params = optimizers.apply_updates(params, updates)
        seen.append(params["w"])
    return seen


def oracle(step_of: Callable[..., Any], steps: int = 100) -> list[np.ndarray]:
    """Run ``step_of(w, g, t, memory) -> new w``, with t counted from 1."""
    w, memory, seen = START.copy(), {}, []
    for step in range(steps):
        w = step_of(w, gradient(w, step), step + 1, memory)
        seen.append(w)
    return seen


def means(g: np.ndarray, m: dict, b1: float, b2: float) -> tuple[Any, Any]:
    m["m"] = b1 * m.get("m", 0) + (1 - b1) * g
    m["v"] = b2 * m.get("v", 0) + (1 - b2) * g**2
    return m["m"], m["v"]


def sgd(w: Any, g: Any, t: int, m: dict) -> Any:
    return w - 0.01 * g


def momentum(w: Any, g: Any, t: int, m: dict) -> Any:
    m["u"] = 0.8 * m.get("u", 0) + g
    return w - 0.01 * m["u"]


def nesterov(w: Any, g: Any, t: int, m: dict) -> Any:
    m["u"] = 0.8 * m.get("u", 0) + g
    return w - 0.01 * (g + 0.8 * m["u"])


def adam(w: Any, g: Any, t: int, m: dict, decay: float = 0.0) -> Any:
    first, second = means(g, m, 0.9, 0.99)
    first, second = first / (1 - 0.9**t), second / (1 - 0.99**t)
    return w - 0.05 * (first / (np.sqrt(second) + 1e-6) + decay * w)


def adamw(w: Any, g: Any, t: int, m: dict) -> Any:
    return adam(w, g, t, m, 0.1)


def nadam(w: Any, g: Any, t: int, m: dict) -> Any:
    first, second = means(g, m, 0.9, 0.999)
    first = 0.9 * first / (1 - 0.9 ** (t + 1)) + 0.1 * g / (1 - 0.9**t)
    return w - 0.05 * first / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)


def adamax(w: Any, g: Any, t: int, m: dict) -> Any:
    first, _ = means(g, m, 0.9, 0.999)
    m["top"] = np.maximum(0.999 * m.get("top", 0), abs(g) + 1e-8)
    return w - 0.05 * first / (1 - 0.9**t) / m["top"]


def adabelief(w: Any, g: Any, t: int, m: dict) -> Any:
    first, _ = means(g, m, 0.9, 0.999)
    m["s"] = 0.999 * m.get("s", 0) + 0.001 * (g - first) ** 2 + 1e-16
    first = first / (1 - 0.9**t)
    return w - 0.05 * first / (np.sqrt(m["s"] / (1 - 0.999**t)) + 1e-16)


def yogi(w: Any, g: Any, t: int, m: dict) -> Any:
    m.setdefault("m", 1e-6)
    v = m.get("yogi", 1e-6)
    first, _ = means(g, m, 0.9, 0.999)
    m["yogi"] = v - 0.001 * np.sign(v - g**2) * g**2
    root = np.sqrt(m["yogi"] / (1 - 0.999**t)) + 1e-3
    return w - 0.05 * first / (1 - 0.9**t) / root


def radam(w: Any, g: Any, t: int, m: dict) -> Any:
    first, second = means(g, m, 0.9, 0.99)
    top = 2 / (1 - 0.99) - 1
    rho = top - 2 * t * 0.99**t / (1 - 0.99**t)
    first = first / (1 - 0.9**t)
    if rho < 5:
        return w - 0.05 * first
    r = np.sqrt((rho - 4) * (rho - 2) * top / ((top - 4) * (top - 2) * rho))
    return w - 0.05 * r * first / (np.sqrt(second / (1 - 0.99**t)) + 1e-8)


def lion(w: Any, g: Any, t: int, m: dict) -> Any:
    old = m.get("m", np.zeros_like(g))
    m["m"] = 0.99 * old + 0.01 * g
    return w - 0.01 * (np.sign(0.9 * old + 0.1 * g) + 0.2 * w)


def lamb(w: Any, g: Any, t: int, m: dict) -> Any:
    first, second = means(g, m, 0.9, 0.999)
    u = first / (1 - 0.9**t) / (np.sqrt(second / (1 - 0.999**t)) + 1e-6) + 0.1 * w
    return w - 0.05 * np.linalg.norm(w) / np.linalg.norm(u) * u


def rmsprop(w: Any, g: Any, t: int, m: dict) -> Any:
    _, second = means(g, m, 0.9, 0.9)
    return w - 0.01 * g / np.sqrt(second + 1e-8)


def rmsprop_centered(w: Any, g: Any, t: int, m: dict) -> Any:
    first, second = means(g, m, 0.8, 0.8)
    u = 0.01 * g / np.sqrt(second - first**2 + 1e-4)
    m["u"] = 0.5 * m.get("u", 0) + u
    return w - m["u"]


def adagrad(w: Any, g: Any, t: int, m: dict) -> Any:
    m["s"] = m.get("s", 0.1) + g**2
    return w - 0.1 * g / np.sqrt(m["s"] + 1e-7)


CASES: dict[str, tuple[Optimizer, Callable[..., Any]]] = {
    "sgd": (optimizers.sgd(0.01), sgd),
    "momentum": (optimizers.sgd(0.01, momentum=0.8), momentum),
    "nesterov": (optimizers.sgd(0.01, momentum=0.8, nesterov=True), nesterov),
    "adam": (optimizers.adam(0.05, b2=0.99, eps=1e-6), adam),
    "adamw": (optimizers.adamw(0.05, b2=0.99, eps=1e-6, weight_decay=0.1), adamw),
    "nadam": (optimizers.nadam(0.05), nadam),
    "adamax": (optimizers.adamax(0.05), adamax),
    "adabelief": (optimizers.adabelief(0.05), adabelief),
    "yogi": (optimizers.yogi(0.05), yogi),
    "radam": (optimizers.radam(0.05, b2=0.99), radam),
    "lion": (optimizers.lion(0.01, weight_decay=0.2), lion),
    "lamb": (optimizers.lamb(0.05, weight_decay=0.1), lamb),
    "rmsprop": (optimizers.rmsprop(0.01), rmsprop),
    "rmsprop_centered": (
        optimizers.rmsprop(0.01, 0.8, 1e-4, momentum=0.5, centered=True),
        rmsprop_centered,
    ),
    "adagrad": (optimizers.adagrad(0.1), adagrad),
}


@pytest.mark.parametrize("name", CASES)
def test_hundred_steps_are_those_of_the_paper(name: str) -> None:
    optimizer, formula = CASES[name]
    expected = oracle(formula)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(run(optimizer), expected, rtol=1e-12, atol=1e-12)


OPTAX: dict[str, dict[str, Any]] = {
    "sgd": {"momentum": 0.9, "nesterov": True},
    "adam": {"eps_root": 1e-10},
    "adamw": {"weight_decay": 0.2},
    "nadam": {},
    "adamax": {},
    "adabelief": {},
    "yogi": {},
    "radam": {},
    "lion": {},
    "lamb": {},
    "rmsprop": {"momentum": 0.9, "centered": True},
    "adagrad": {},
}


@pytest.mark.parametrize("name", OPTAX)
def test_defaults_are_those_of_optax(name: str) -> None:
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    theirs = getattr(optax, name)(0.02, **OPTAX[name])
    w, expected = START.copy(), []
    state = theirs.init(w)
    for step in range(20):
        updates, state = theirs.update(gradient(w, step), state, w)
        w = np.asarray(optax.apply_updates(w, updates))
        expected.append(w)
    ours = run(getattr(optimizers, name)(0.02, **OPTAX[name]), 20)
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-12)


def test_learning_rates() -> None:
    rate = np.array(0.01)
    np.testing.assert_allclose(run(optimizers.sgd(rate)), oracle(sgd), rtol=1e-12)
    optimizer = optimizers.sgd(rate)
    params = np.ones(2)
    state = optimizer.init(params)
    rate[...] = 0.5
    np.testing.assert_array_equal(optimizer.update(params, state)[0], [-0.5, -0.5])


def test_schedule_counts_from_zero() -> None:
    decay = schedules.exponential_decay(0.01, 10, 0.5)
    expected = oracle(lambda w, g, t, m: w - 0.01 * 0.5 ** ((t - 1) / 10) * g)
    np.testing.assert_allclose(run(optimizers.sgd(decay)), expected, rtol=1e-12)
    expected = oracle(lambda w, g, t, m: w - 0.1 / (1 + t) * g)
    by_hand = optimizers.sgd(lambda step: 0.1 / (2 + step))
    np.testing.assert_allclose(run(by_hand), expected, rtol=1e-12)


def test_dtypes_are_kept() -> None:
    for dtype in ("f2", "f4", "f8"):
        params = {"w": np.ones(3, dtype), "b": np.ones((), dtype)}
        for make in (optimizers.adam, optimizers.rmsprop, optimizers.lamb):
            optimizer = make(schedules.cosine_decay(0.1, 10))
            state = optimizer.init(params)
            updates, state = optimizer.update(params, state, params)
            moved = optimizers.apply_updates(params, updates)
            assert moved["w"].dtype == moved["b"].dtype == np.dtype(dtype)
            assert moved["w"].shape == (3,) and moved["b"].shape == ()


def test_halves_keep_small_moments() -> None:
    params = np.ones(1, "f2")
    optimizer = optimizers.scale_by_adam()
    state = optimizer.init(params)
    assert state.nu.dtype == np.float32
    for _ in range(50):
        updates, state = optimizer.update(np.full(1, 1e-3, "f2"), state)
    np.testing.assert_allclose(updates, 1.0, rtol=1e-3)


def test_clip_by_global_norm() -> None:
    clip = optimizers.clip_by_global_norm(1.0)
    zeros = {"a": np.zeros(3), "b": np.zeros(())}
    clipped = clip.update(zeros, ())[0]
    np.testing.assert_array_equal(clipped["a"], 0)
    grads = {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])}
    clipped = clip.update(grads, ())[0]
    np.testing.assert_allclose(clipped["a"], [0.6, 0.0], rtol=1e-15)
    np.testing.assert_allclose(clipped["b"], [[0.8]], rtol=1e-15)
    short = {"a": np.array([0.3])}
    np.testing.assert_array_equal(clip.update(short, ())[0]["a"], [0.3])
    huge = {"a": np.full(4, 1e30, "f4")}
    np.testing.assert_allclose(clip.update(huge, ())[0]["a"], 0.5, rtol=1e-6)
    halves = {"a": np.full(4, 3e4, "f2")}
    np.testing.assert_allclose(clip.update(halves, ())[0]["a"], 0.5, rtol=1e-3)


def test_clip_by_value_and_centralize() -> None:
    g = np.array([[1.0, 2.0, 6.0], [0.0, 0.0, 3.0]])
    clipped = optimizers.clip(2.0).update(-g, ())[0]
    np.testing.assert_array_equal(clipped, -np.minimum(g, 2))
    clipped = optimizers.clip_by_value(1.0, 3.0).update(g, ())[0]
    np.testing.assert_array_equal(clipped, np.clip(g, 1, 3))
    centered = optimizers.centralize().update((g, g[0]), ())[0]
    np.testing.assert_allclose(centered[0], g - g.mean(1, keepdims=True))
    np.testing.assert_array_equal(centered[1], g[0])


def test_chain_and_masked_decay() -> None:
    params = {"w": np.full((2, 2), 2.0), "b": np.full(2, 2.0)}
    grads = {"w": np.ones((2, 2)), "b": np.ones(2)}
    expected = {"w": 1.2, "b": 1.0}
    masks = ({"w": True, "b": False}, lambda p: dn.tree.map(lambda x: x.ndim > 1, p))
    for mask in masks:
        chained = optimizers.chain(
            optimizers.add_decayed_weights(0.1, mask), optimizers.scale(1.0)
        )
        updates, state = chained.update(grads, chained.init(params), params)
        assert state == ((), ())
        for name, value in expected.items():
            np.testing.assert_allclose(updates[name], value)
    with pytest.raises(dn.DefnTypeError, match="needs params"):
        optimizers.adamw(0.1).update(grads, optimizers.adamw(0.1).init(params))


def test_groups() -> None:
    params = {"w": np.ones(2), "b": np.ones(1), "last": [np.ones(3)]}
    labels = {"w": "adam", "b": "frozen", "last": ["sgd"]}
    groups = {
        "adam": optimizers.adam(0.1),
        "sgd": optimizers.sgd(0.5),
        "frozen": optimizers.set_to_zero(),
    }
    by_function = lambda p: {"w": "adam", "b": "frozen", "last": ["sgd"]}  # noqa: E731
    for chosen in (labels, by_function):
        both = optimizers.multi_transform(groups, chosen)
        state = both.init(params)
        for _ in range(2):
            updates, state = both.update(params, state, params)
        np.testing.assert_allclose(updates["w"], -0.1, rtol=1e-6)
        np.testing.assert_array_equal(updates["b"], 0)
        np.testing.assert_array_equal(updates["last"][0], -0.5)
    with pytest.raises(dn.DefnKeyError, match="'other'"):
        optimizers.multi_transform(groups, {"w": "other"})


def test_accumulate_gradients() -> None:
    every = optimizers.accumulate_gradients(optimizers.adam(0.1), 3)
    plain = optimizers.adam(0.1)
    params = np.array([1.0, -2.0])
    state, inner = every.init(params), plain.init(params)
    for round_ in range(2):
        batch = [np.array([1.0, 2.0]) * (i + 1 + round_) for i in range(3)]
        for g in batch[:-1]:
            updates, state = every.update(g, state, params)
            np.testing.assert_array_equal(updates, 0)
        updates, state = every.update(batch[-1], state, params)
        expected, inner = plain.update(np.mean(batch, 0), inner, params)
        np.testing.assert_allclose(updates, expected, rtol=1e-12)


def test_noise_fades_and_has_its_key() -> None:
    zeros = np.zeros(2000)
    noise = optimizers.add_noise(eta=4.0, gamma=2.0, key=dn.random.key(3))
    state = noise.init(zeros)
    first, later = noise.update(zeros, state)
    second, _ = noise.update(zeros, later)
    assert abs(np.std(first) - 2) < 0.1
    assert abs(np.std(second) - 1) < 0.05
    again, _ = noise.update(zeros, state)
    np.testing.assert_array_equal(first, again)


def test_get_and_options() -> None:
    assert isinstance(optimizers.get("adamw"), Optimizer)
    mine = optimizers.sgd(0.1)
    assert optimizers.get(mine) is mine
    with pytest.raises(dn.DefnKeyError, match="no optimizer 'adma'"):
        optimizers.get("adma")
    with pytest.raises(TypeError, match="beta1"):
        optimizers.adam(0.1, beta1=0.9)  # pyright: ignore
