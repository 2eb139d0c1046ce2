"""Gradients of losses: right at any size of logit, and finite where p is 0 or 1."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import defnpy as dn
from defnpy import losses, optimizers

pytestmark = pytest.mark.cpu

RNG = np.random.default_rng(3)
LOGITS = np.array([-1e4, -120.0, -40.0, -20.0, 0.0, 20.0, 40.0, 120.0, 1e4], "f4")


@dn.defn
def bce_of_sigmoid(z: Any, y: Any) -> Any:
    return losses.binary_cross_entropy(y, dn.sigmoid(z), reduction="sum")


@dn.defn
def bce_of_logits(z: Any, y: Any) -> Any:
    return losses.binary_cross_entropy(y, z, from_logits=True, reduction="sum")


@pytest.mark.parametrize("loss", [bce_of_sigmoid, bce_of_logits], ids=repr)
@pytest.mark.parametrize("label", [0.0, 0.25, 1.0])
def test_binary_cross_entropy_of_any_logit(loss: Any, label: float) -> None:
    y = np.full_like(LOGITS, label)
    value, gradient = dn.value_and_grad(loss)(LOGITS, y)
    exact = LOGITS.astype("f8")
    terms = label * np.logaddexp(0, -exact) + (1 - label) * np.logaddexp(0, exact)
    np.testing.assert_allclose(value, terms.sum(), rtol=1e-6)
    np.testing.assert_allclose(gradient, special.expit(exact) - label, atol=1e-6)


@dn.defn
def cce_of_softmax(z: Any, y: Any) -> Any:
    p = dn.softmax(z, axis=-1)
    return losses.categorical_cross_entropy(y, p, reduction="sum")


@dn.defn
def sparse_of_softmax(z: Any, y: Any) -> Any:
    p = dn.softmax(z, axis=-1)
    labels = dn.argmax(y, axis=-1)
    return losses.sparse_categorical_cross_entropy(labels, p, reduction="sum")


@dn.defn
def cce_of_logits(z: Any, y: Any) -> Any:
    return losses.categorical_cross_entropy(y, z, from_logits=True, reduction="sum")


@pytest.mark.parametrize("loss", [cce_of_softmax, sparse_of_softmax, cce_of_logits])
def test_categorical_cross_entropy_of_any_logit(loss: Any) -> None:
    z = np.stack([LOGITS, LOGITS[::-1], np.zeros_like(LOGITS)], -1)
    y = np.eye(3, dtype="f4")[np.arange(9) % 3]
    value, gradient = dn.value_and_grad(loss)(z, y)
    exact = z.astype("f8")
    log_p = exact - special.logsumexp(exact, -1, keepdims=True)
    np.testing.assert_allclose(value, -(y * log_p).sum(), rtol=1e-6)
    np.testing.assert_allclose(gradient, np.exp(log_p) - y, atol=1e-6)


def test_masked_logits_have_finite_gradients() -> None:
    z = np.array([[1.0, -np.inf, 2.0]])
    y = np.array([[1.0, 0.0, 0.0]])
    gradient = dn.grad(cce_of_logits)(z, y)
    p = special.softmax(z, -1)
    np.testing.assert_allclose(gradient, p - y, rtol=1e-12)


def test_saturated_probabilities_have_finite_gradients() -> None:
    p = np.array([0.0, 1.0, 0.0, 1.0])
    y = np.array([0.0, 1.0, 1.0, 0.0])

    @dn.defn
    def loss(p: Any) -> Any:
        return losses.binary_cross_entropy(y, p, reduction="sum")

    gradient = dn.grad(loss)(p)
    np.testing.assert_allclose(gradient, [1.0, -1.0, -1e4, 1e4], rtol=1e-12)

    @dn.defn
    def categorical(p: Any) -> Any:
        return losses.categorical_cross_entropy(np.eye(2), p, reduction="sum")

    gradient = dn.grad(categorical)(np.array([[0.0, 1.0], [0.0, 1.0]]))
    np.testing.assert_allclose(gradient, [[-1e4, 0.0], [0.0, -1.0]], rtol=1e-12)


Y, P = RNG.random((3, 2)) + 0.2, RNG.random((3, 2)) + 0.1
SIGNS, ONEHOT = np.where(Y < 0.7, -1.0, 1.0), np.eye(2)[[0, 1, 1]]
TARGETS = {
    **{name: SIGNS for name in ("hinge", "soft_margin")},
    **{name: ONEHOT for name in ("categorical_hinge", "categorical_cross_entropy")},
}


@pytest.mark.parametrize("name", sorted({*losses.LOSSES} - {"margin_ranking", "ctc"}))
def test_gradients_are_differences(name: str) -> None:
    loss = losses.get(name)
    y = np.array([0, 1, 1]) if name.startswith("sparse") else TARGETS.get(name, Y)
    y = np.clip(y, 0, 1) if name == "binary_cross_entropy" else y
    weights = np.array([0.5, 1.0, 2.0])

    @dn.defn
    def of_prediction(p: Any) -> Any:
        return loss(y, p, weights)

    gradient = dn.grad(of_prediction)(P)
    direction = RNG.standard_normal(P.shape)
    step = 1e-6
    up, down = of_prediction(P + step * direction), of_prediction(P - step * direction)
    expected = (up - down) / (2 * step)
    np.testing.assert_allclose((gradient * direction).sum(), expected, rtol=1e-7)


def test_gradients_at_kinks_and_zeros() -> None:
    zeros = np.zeros((2, 3))
    smooth = ("mean_squared_error", "huber", "log_cosh", "cosine_distance")
    for name in (*smooth, "mean_absolute_error"):
        gradient = dn.grad(losses.get(name), argnums=1)(zeros, zeros)
        np.testing.assert_array_equal(gradient, 0, err_msg=name)


def xor_step(loss: Callable[..., Any], width: int) -> Any:
    optimizer = optimizers.adam(0.05)

    @dn.defn
    def train(key: Any, x: Any, y: Any) -> Any:
        keys = dn.random.split(key)
        params = {
            "w1": dn.random.normal(keys[0], (2, 8)),
            "b1": dn.zeros(8),
            "w2": dn.random.normal(keys[1], (8, width)) * 0.5,
            "b2": dn.zeros(width),
        }
        state = optimizer.init(params)
        value = 0.0
        for _ in range(400):
            value, grads = dn.value_and_grad(of_params)(params, x, y)
            updates, state = optimizer.update(grads, state, params)
            params = optimizers.apply_updates(params, updates)
        return value

    def of_params(params: Any, x: Any, y: Any) -> Any:
        hidden = dn.tanh(x @ params["w1"] + params["b1"])
        return loss(y, hidden @ params["w2"] + params["b2"])

    return train


def sigmoid_loss(y: Any, z: Any) -> Any:
    return losses.binary_cross_entropy(y, dn.sigmoid(z))


def logits_loss(y: Any, z: Any) -> Any:
    return losses.binary_cross_entropy(y, z, from_logits=True)


def softmax_loss(y: Any, z: Any) -> Any:
    p = dn.softmax(z, axis=-1)
    return losses.categorical_cross_entropy(y[:, 0], p, sparse=True)


def test_xor_converges_however_the_loss_is_written() -> None:
    x = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([[0], [1], [1], [0]])
    final = {}
    for loss, width in ((sigmoid_loss, 1), (logits_loss, 1), (softmax_loss, 2)):
        train = xor_step(loss, width)
        final[loss] = [float(train(dn.random.key(seed), x, y)) for seed in range(10)]
        assert sum(value < 0.05 for value in final[loss]) >= 9, loss
    np.testing.assert_allclose(final[sigmoid_loss], final[logits_loss], rtol=1e-2)
