"""The flow of the article that the project began with, block by block as written."""

import asyncio
from typing import Any

import numpy as np
import polars as pl
import pytest

import defnpy as dn
from defnpy import defn, nn, optimizers, preprocessing

pytestmark = pytest.mark.cpu

X_TRAIN = pl.DataFrame({"x1": [200, 230, 180, 250], "x2": [12, 18, 13, 14]})
Y_TRAIN = np.array([[1], [0], [1], [1]])


def make_model() -> Any:
    model = (
        nn.input("input", shape=(None, 2))
        .dense(3, activation="sigmoid", name="layer1")
        .dense(1, activation="sigmoid", name="layer2")
    )
    return model


def test_tensors_shapes_and_expressions() -> None:
    x = dn.tensor([[200, 100]])
    assert x.shape == (1, 2)
    w = dn.tensor([10])
    b = 5
    f_x = dn.add(dn.dot(w, x[:, :1]), b)
    assert f_x.tolist() == [2005]


def test_expressions_in_a_function() -> None:
    @defn
    def run(x, w, b):
        return dn.dot(w, x) + b

    x, w = dn.tensor([[200.0, 100.0]]), dn.tensor([10.0])
    assert run(x, w, 5).tolist() == [2005, 1005]
    assert run(x, w, 5).dtype == np.float32


@defn
def cost_unrolled(x, y, w, b):
    m, _ = x.shape
    cost = dn.tensor(0.0, dtype="f64")
    for i in dn.range(m, unroll=True):
        f_wb_i = dn.dot(x[i], w) + b
        cost = cost + (f_wb_i - y[i]) ** 2
    return cost / (2 * m)


@defn
def cost_unrolled_twice(x, y, w, b):
    m, _ = x.shape
    cost = dn.tensor(0.0, dtype="f64")
    for i in dn.range(m, unroll=2):
        f_wb_i = dn.dot(x[i], w) + b
        cost = cost + (f_wb_i - y[i]) ** 2
    return cost / (2 * m)


@defn
def cost_in_a_loop(x, y, w, b):
    m, _ = x.shape
    cost = dn.tensor(0.0, dtype="f64")
    for i in range(m):
        f_wb_i = dn.dot(x[i], w) + b
        cost = cost + (f_wb_i - y[i]) ** 2
    return cost / (2 * m)


@pytest.mark.parametrize(
    "compute_cost", [cost_unrolled, cost_unrolled_twice, cost_in_a_loop]
)
def test_looping(compute_cost: Any) -> None:
    x = np.random.default_rng(0).normal(size=(7, 2))
    w, y, b = np.array([0.5, -2.0]), np.arange(7.0), 0.25
    wanted = np.sum((x @ w + b - y) ** 2) / 14
    got = compute_cost(x, y, w, b)
    assert got == pytest.approx(wanted, rel=1e-12) and got.dtype == np.float64


def test_the_loop_of_the_course_with_numpy_alone() -> None:
    @defn
    def compute_cost(x, y, w, b):
        m = x.shape[0]

        cost_sum = 0

        for i in range(m):
            f_wb = w * x[i] + b
            cost = (f_wb - y[i]) ** 2
            cost_sum = cost_sum + cost

        total_cost = cost_sum / (2 * m)

        return total_cost

    x, y = np.array([1.0, 2.0]), np.array([300.0, 500.0])
    assert compute_cost(x, y, 200, 110) == compute_cost.python(x, y, 200, 110) == 50


def test_inspecting_the_model() -> None:
    model = make_model()
    table = nn.display.as_table(model, dn.template((2, 2), "f32"))
    text = str(table)
    assert len(table.rows) == 5
    assert "Total Parameters: 13\nTotal Parameters Memory: 52 bytes" in text
    graph = nn.display.as_graph(model, dn.template((2, 2), "f32"))
    assert str(graph).startswith("graph TD;")


def test_normalization() -> None:
    df = pl.DataFrame({"x1": [200, 230], "x2": [12, 18]})
    dataset = dn.stack([df["x1"], df["x2"]], axis=-1)
    assert np.array_equal(dataset, dn.asarray(df))
    scaler = preprocessing.StandardScaler().fit(dataset)
    normalized = scaler.transform(dataset)
    assert np.array_equal(scaler.mean_, [215, 15])
    assert np.array_equal(scaler.scale_, [15, 3])
    assert np.array_equal(normalized, [[-1, -1], [1, 1]])
    together = preprocessing.StandardScaler().fit_transform(dataset)
    assert np.array_equal(together, normalized)


def test_training_and_inference() -> None:
    model = make_model()
    scaler = preprocessing.StandardScaler().fit(dn.asarray(X_TRAIN))
    normalized = scaler.transform(dn.asarray(X_TRAIN))
    y_train = Y_TRAIN

    train_data = zip(
        dn.to_batched(normalized, 32), dn.to_batched(y_train, 32), strict=True
    )
    trained_state = (
        nn.loop.trainer(
            model, "binary_cross_entropy", optimizers.adam(learning_rate=0.01)
        )
        .metric("accuracy")
        .run(train_data, nn.ModelState.empty(), epochs=10)
    )
    assert len(trained_state.history["loss"]) == 10
    assert trained_state.history["loss"][-1] < trained_state.history["loss"][0]

    compiled = (
        nn.loop.trainer(
            model, "binary_cross_entropy", optimizers.adam(learning_rate=0.01)
        )
        .metric("accuracy")
        .run((normalized, y_train), epochs=10, batch_size=32, seed=0)
    )
    # One batch holds all rows, so their order hardly matters.
    np.testing.assert_allclose(
        compiled.history["loss"], trained_state.history["loss"], rtol=1e-5
    )

    prediction = nn.predict(
        model, trained_state, scaler.transform(dn.tensor([[200, 12.2], [150, 17]]))
    )
    assert prediction.shape == (2, 1) and prediction.dtype == np.float32
    _ask_in_production(model, trained_state, normalized)


def test_production_compiles_nothing_under_load() -> None:
    def programs() -> int:
        info = dn.cache.info()
        return info["compiled"] + info["loaded"]

    model = make_model()
    state = model.init()
    serving = dn.Serving(
        lambda x: nn.predict(model, state, x),
        batch_size=8,
        batch_timeout=0.0,
        template=dn.template((1, 2), "f32"),
    )
    rows = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    with serving:
        before = programs()
        for count in range(1, 9):
            assert serving.run(rows[:count]).shape == (count, 1)
        assert programs() == before


def _ask_in_production(model: Any, trained_state: Any, rows: Any) -> None:
    serving = dn.Serving(
        lambda x: nn.predict(model, trained_state, x),
        batch_size=32,
        batch_timeout=0.01,
    )
    wanted = nn.predict(model, trained_state, rows)

    async def ask() -> Any:
        return await asyncio.gather(*(serving.arun(row) for row in rows))

    with serving:
        assert serving.run(rows[0]) == pytest.approx(wanted[0], rel=1e-6)
        answers = asyncio.run(ask())
    np.testing.assert_allclose(np.stack(answers), wanted, rtol=1e-6)
