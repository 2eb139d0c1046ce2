"""Training and evaluation: what the loops compute, and what they refuse."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn, losses, nn, optimizers

pytestmark = pytest.mark.cpu

LOSS = "binary_cross_entropy"


def model() -> Any:
    return (
        nn.input("input", shape=(None, 2))
        .dense(3, activation="sigmoid", name="layer1")
        .dense(1, activation="sigmoid", name="layer2")
    )


def data(rows: int = 50) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(rows, 2)).astype(np.float32)
    return x, (x.sum(axis=1, keepdims=True) > 0).astype(np.int64)


def batched(x: Any, y: Any, n: int) -> Any:
    return zip(dn.to_batched(x, n), dn.to_batched(y, n), strict=True)


def same(a: nn.ModelState, b: nn.ModelState) -> bool:
    pairs = zip(dn.tree.leaves(a.data), dn.tree.leaves(b.data), strict=True)
    return all(np.array_equal(x, y) for x, y in pairs)


def close(a: nn.ModelState, b: nn.ModelState) -> None:
    pairs = zip(dn.tree.leaves(a.data), dn.tree.leaves(b.data), strict=True)
    for x, y in pairs:
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6)


def test_an_epoch_is_the_steps_written_by_hand() -> None:
    x, y = data(10)
    net = model()
    trained = nn.loop.trainer(net, LOSS, optimizers.sgd(0.5)).run(
        (x, y), epochs=2, batch_size=4, shuffle=False, seed=3
    )
    start = nn.loop.trainer(net, LOSS, optimizers.sgd(0.5)).run(
        (x, y), epochs=0, seed=3
    )
    _, predict_fn = nn.build(net)

    @defn
    def objective(params: Any, x: Any, y: Any) -> Any:
        return losses.binary_cross_entropy(y, predict_fn(params, x))

    params, history = start.parameters, []
    for _ in range(2):
        total = 0.0
        for k in range(0, 10, 4):
            batch = x[k : k + 4], y[k : k + 4]
            value, grads = dn.value_and_grad(objective)(params, *batch)
            params = dn.tree.map(lambda p, g: p - np.float32(0.5) * g, params, grads)
            total += float(value) * len(batch[0])
        history.append(total / 10)
    close(trained, nn.ModelState(params))
    np.testing.assert_allclose(trained.history["loss"], history, rtol=1e-5)


def test_whole_arrays_and_batches_train_alike() -> None:
    x, y = data(50)
    loop = nn.loop.trainer(model(), LOSS, optimizers.adam(0.05)).metric("accuracy")
    whole = loop.run((x, y), epochs=3, batch_size=16, shuffle=False)
    for batches in (batched(x, y, 16), list(batched(x, y, 16))):
        found = loop.run(batches, epochs=3)
        close(whole, found)
        for name in ("loss", "accuracy"):
            np.testing.assert_allclose(
                whole.history[name], found.history[name], rtol=1e-5
            )


def test_training_learns_and_is_the_same_for_the_same_seed() -> None:
    x, y = data(200)
    loop = nn.loop.trainer(model(), LOSS, optimizers.adam(0.05)).metric("accuracy")
    first = loop.run((x, y), epochs=20, seed=1)
    assert first.history["accuracy"][-1] > 0.95
    assert same(first, loop.run((x, y), epochs=20, seed=1))
    assert not same(first, loop.run((x, y), epochs=20, seed=2))
    assert not same(first, loop.run((x, y), epochs=20, seed=1, shuffle=False))


def test_later_epochs_and_runs_compile_nothing() -> None:
    def programs() -> int:
        info = dn.cache.info()
        return info["compiled"] + info["loaded"]

    x, y = data(50)
    loop = nn.loop.trainer(model(), LOSS, optimizers.adam(0.05)).metric("accuracy")
    counts: list[int] = []
    loop = loop.validate((x, y)).log(lambda report: counts.append(programs()))
    state = loop.run((x, y), epochs=3)
    assert counts[0] == counts[1] == counts[2]
    loop.run((x, y), epochs=2, seed=5)
    loop.run((x, y), state, epochs=2)
    assert counts[-1] == counts[0]
    assert state.history.compile_seconds > 0


def test_labels_in_one_axis_are_a_column() -> None:
    x, y = data(20)
    loop = nn.loop.trainer(model(), LOSS, optimizers.sgd(0.1))
    assert same(loop.run((x, y[:, 0])), loop.run((x, y)))


def test_an_epoch_is_weighted_by_rows() -> None:
    x, y = data(33)
    loop = nn.loop.trainer(model(), LOSS, optimizers.sgd(0.0)).metric("accuracy")
    state = loop.run((x, y), batch_size=32)
    evaluator = nn.loop.evaluator(model()).metric("accuracy").metric(LOSS, "loss")
    wanted = evaluator.run((x, y), state)
    for name in ("loss", "accuracy"):
        assert state.history[name] == [pytest.approx(wanted[name], rel=1e-6)]
    for found in (
        evaluator.run((x, y), state, batch_size=8),
        evaluator.run(batched(x, y, 8), state),
    ):
        assert found == pytest.approx(wanted, rel=1e-6)
    prediction = nn.predict(model(), state, x)
    assert wanted["accuracy"] == pytest.approx(np.mean((prediction > 0.5) == y))


def test_validation_is_measured_after_each_epoch() -> None:
    x, y = data(40)
    loop = nn.loop.trainer(model(), LOSS, optimizers.sgd(0.1)).metric("accuracy")
    state = loop.validate((x[:7], y[:7])).run((x, y), epochs=2)
    assert set(state.history) == {
        *("loss", "accuracy", "validation_loss", "validation_accuracy", "seconds")
    }
    evaluator = nn.loop.evaluator(model()).metric("accuracy").metric(LOSS, "loss")
    wanted = evaluator.run((x[:7], y[:7]), state)
    assert state.history["validation_loss"][-1] == pytest.approx(wanted["loss"])


def test_frozen_layers_stay() -> None:
    x, y = data(20)
    start = model().init(key=1).freeze("layer1")
    state = nn.loop.trainer(model(), LOSS, optimizers.adam(0.1)).run((x, y), start)
    assert state.frozen == {"layer1"}
    assert np.array_equal(state["layer1"]["kernel"], start["layer1"]["kernel"])
    assert not np.array_equal(state["layer2"]["kernel"], start["layer2"]["kernel"])


def test_statistics_are_gathered_and_dropout_is_used() -> None:
    x, y = data(40)
    net = (
        nn.input("input", shape=(None, 2))
        .dense(4, name="hidden")
        .batch_norm(momentum=0.5, name="norm")
        .relu()
        .dropout(0.5)
        .dense(1, activation="sigmoid")
    )
    loop = nn.loop.trainer(net, LOSS, optimizers.sgd(0.0))
    state = loop.run((x, y), batch_size=40)
    hidden = x @ state["hidden"]["kernel"]
    np.testing.assert_allclose(
        state["norm"]["mean"], 0.5 * hidden.mean(axis=0), rtol=1e-4, atol=1e-6
    )
    frozen = loop.run((x, y), net.init().freeze("norm"), batch_size=40)
    assert np.array_equal(frozen["norm"]["mean"], np.zeros(4))
    assert (
        loop.run((x, y), seed=1).history["loss"]
        == (loop.run((x, y), seed=1).history["loss"])
    )
    assert (
        not loop.run((x, y), state, seed=1).history["loss"]
        == (loop.run((x, y), state, seed=2).history["loss"])
    )


def test_a_layer_used_twice_gathers_both_batches() -> None:
    norm = nn.block(lambda x: x.batch_norm(momentum=0.5), name="norm")
    a, b = nn.input("a", shape=(None, 1)), nn.input("b", shape=(None, 1))
    x = np.array([[1.0], [3.0]], np.float32)
    loop = nn.loop.trainer(
        nn.add(norm(a), norm(b)), "mean_squared_error", optimizers.sgd(0.0)
    )
    state = loop.run(({"a": x, "b": 10 * x}, x), batch_size=2)
    assert state["norm.batch_norm_0"]["mean"] == pytest.approx([0.5 * 1 + 0.5 * 20])


def test_a_convolutional_network_learns() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 64)
    x = rng.normal(0, 0.3, (64, 6, 6, 1))
    x[y == 1, 2:4, :] += 1.0
    x[y == 0, :, 2:4] += 1.0
    net = (
        nn.input("image", shape=(None, 6, 6, 1))
        .conv(4, 3, activation="relu")
        .max_pool()
        .flatten()
        .dense(2, activation="softmax")
    )
    loop = nn.loop.trainer(net, "sparse_categorical_cross_entropy", "adam")
    loop = loop.metric(lambda y, p: dn.mean(dn.argmax(p, axis=1) == y), "right")
    history = loop.run((x, y), epochs=60, batch_size=16).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["right"][-1] > 0.9


def test_early_stop_counts_epochs_without_improvement() -> None:
    x, y = data(20)
    loop = nn.loop.trainer(model(), LOSS, optimizers.sgd(0.0))
    stopped = loop.early_stop("loss", patience=3).run((x, y), epochs=20, shuffle=False)
    assert len(stopped.history["loss"]) == 4
    going = nn.loop.trainer(model(), LOSS, optimizers.sgd(0.1))
    state = going.early_stop("loss", patience=1).run((x, y), epochs=5, shuffle=False)
    assert len(state.history["loss"]) == 5


def test_early_stop_can_restore_the_best() -> None:
    x, y = data(20)
    loop = nn.loop.trainer(model(), LOSS, optimizers.sgd(-5.0)).validate((x, y))
    first = loop.run((x, y), epochs=1)
    best = loop.early_stop(patience=2, restore_best=True).run((x, y), epochs=9)
    last = loop.early_stop(patience=2).run((x, y), epochs=9)
    assert len(best.history["loss"]) == len(last.history["loss"]) == 3
    assert same(best, first) and not same(last, first)


def test_checkpoints(tmp_path: Path) -> None:
    x, y = data(20)
    loop = nn.loop.trainer(model(), LOSS, optimizers.sgd(0.1))
    every = loop.checkpoint(tmp_path / "each" / "{epoch}.safetensors")
    state = every.run((x, y), epochs=3)
    names = sorted(path.name for path in (tmp_path / "each").iterdir())
    assert names == ["1.safetensors", "2.safetensors", "3.safetensors"]
    path = tmp_path / "each" / "3.safetensors"
    assert same(nn.ModelState.load(path, like=model()), state)
    worse = nn.loop.trainer(model(), LOSS, optimizers.sgd(-5.0)).validate((x, y))
    best = tmp_path / "best.safetensors"
    worse.checkpoint(best, monitor="validation_loss").run((x, y), epochs=3)
    assert same(nn.ModelState.load(best), worse.run((x, y), epochs=1))


def test_log_reports_epochs() -> None:
    x, y = data(20)
    loop = nn.loop.trainer(model(), LOSS, optimizers.sgd(0.1))
    reports: list[Any] = []
    loop.log(reports.append, every=2).run((x, y), epochs=5)
    assert [report.epoch for report in reports] == [2, 4, 5]
    assert str(reports[0]).startswith("epoch 2/5, loss: ")


def test_no_bar_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = data(20)
    loop = nn.loop.trainer(model(), LOSS, optimizers.sgd(0.1))
    loop.run((x, y), epochs=2)
    assert capsys.readouterr() == ("", "")
    loop.run((x, y), epochs=2, progress=True)
    assert "2/2" in capsys.readouterr().err


def test_an_interrupt_keeps_the_last_epoch(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(report: Any) -> None:
        if report.epoch == 2:
            raise KeyboardInterrupt

    x, y = data(20)
    loop = nn.loop.trainer(model(), LOSS, optimizers.sgd(0.1))
    state = loop.log(interrupt).run((x, y), epochs=5)
    assert same(state, loop.run((x, y), epochs=2))
    assert len(state.history["loss"]) == 2
    assert "interrupted after 2 epochs" in capsys.readouterr().err


def test_losses_and_metrics_of_ones_own() -> None:
    x, y = data(20)

    @defn
    def squared(y_true: Any, y_pred: Any) -> Any:
        return dn.mean((y_true - y_pred) ** 2)

    loop = nn.loop.trainer(model(), squared, optimizers.sgd(0.0))
    loop = loop.metric("mean_squared_error").metric(lambda y, p: dn.mean(p), "mean")
    history = loop.run((x, y), epochs=1, batch_size=7).history
    assert history["loss"] == pytest.approx(history["mean_squared_error"], rel=1e-5)
    assert 0 < history["mean"][0] < 1


def test_metrics_that_are_ratios_are_exact() -> None:
    x, y = data(30)
    state = model().init(key=4)
    evaluator = nn.loop.evaluator(model()).metric("recall")
    predicted = nn.predict(model(), state, x) > 0.5
    wanted = np.sum(predicted & (y == 1)) / np.sum(y == 1)
    for size in (4, 30):
        got = evaluator.run((x, y), state, batch_size=size)
        assert got["recall"] == pytest.approx(wanted)


def test_several_inputs_and_outputs_train() -> None:
    x, y = data(24)
    a, b = nn.input("a", shape=(None, 2)), nn.input("b", shape=(None, 1))
    net = nn.container({"one": a.dense(1), "two": nn.multiply(a.dense(1), b)})

    def loss(y: Any, out: Any) -> Any:
        one = losses.mean_squared_error(y["one"], out["one"])
        return one + losses.mean_squared_error(y["two"], out["two"])

    inputs, labels = {"a": x, "b": y}, {"one": y, "two": 2 * y}
    loop = nn.loop.trainer(net, loss, optimizers.sgd(0.1))
    whole = loop.run((inputs, labels), epochs=4, batch_size=10, shuffle=False)
    assert whole.history["loss"][-1] < whole.history["loss"][0]
    parts = [
        ({"a": x[k : k + 10], "b": y[k : k + 10]}, {"one": y[k : k + 10], "two": z})
        for k in (0, 10, 20)
        for z in [2 * y[k : k + 10]]
    ]
    close(whole, loop.run(parts, epochs=4))


X, Y = data(6)


@pytest.mark.parametrize(
    ("given", "options", "error", "fragment"),
    [
        ((X, Y[:5]), {}, dn.DefnShapeError, "x has 6, y has 5"),
        ((X[:, :1], Y), {}, dn.DefnShapeError, r"shape \(None, 2\), not \(6, 1\)"),
        ((X[:0], Y[:0]), {}, dn.DefnValueError, "no rows"),
        ([], {}, dn.DefnValueError, "no batches"),
        ([X, Y], {}, dn.DefnTypeError, r"pairs \(x, y\)"),
        (3, {}, dn.DefnTypeError, "not a int"),
        ((X, Y), {"epochs": -1}, dn.DefnValueError, "epochs"),
        ((X, Y), {"batch_size": 0}, dn.DefnValueError, "batch_size"),
        ([(X, Y)], {"batch_size": 2}, dn.DefnTypeError, "batch_size goes with"),
        (
            (X, np.ones((6, 3))),
            {},
            dn.DefnShapeError,
            r"'loss' does not fit a row with labels \(1, 3\)",
        ),
    ],
)
def test_wrong_data_is_refused_before_anything_runs(
    given: Any, options: Any, error: type, fragment: str
) -> None:
    loop = nn.loop.trainer(model(), LOSS, optimizers.sgd(0.1))
    with pytest.raises(error, match=fragment):
        loop.run(given, **options)


@pytest.mark.parametrize(
    ("make", "fragment"),
    [
        (
            lambda: nn.loop.trainer(model(), "binary_crossentropy", "adam"),
            "did you mean 'binary_cross_entropy'",
        ),
        (lambda: nn.loop.trainer(model(), LOSS, "adm"), "did you mean 'adam'"),
        (
            lambda: nn.loop.trainer(model(), LOSS, "adam").metric("acuracy"),
            "did you mean 'accuracy'",
        ),
        (
            lambda: nn.loop.trainer(model(), LOSS, "adam").metric(LOSS, "loss"),
            "a metric 'loss' already",
        ),
        (
            lambda: (
                nn.loop.trainer(model(), LOSS, "adam").early_stop("los").run((X, Y))
            ),
            "did you mean 'loss'",
        ),
        (
            lambda: nn.loop.trainer(model(), LOSS, "adam").early_stop(patience=0),
            "patience",
        ),
        (
            lambda: nn.loop.trainer(model(), LOSS, "adam").early_stop(mode="up"),
            "mode is",
        ),
        (
            lambda: nn.loop.trainer(model(), LOSS, "adam").checkpoint("{step}"),
            "is no path",
        ),
    ],
)
def test_wrong_names_are_refused(make: Any, fragment: str) -> None:
    with pytest.raises(dn.DefnValueError, match=fragment):
        make()


@pytest.mark.parametrize("from_logits", [False, True])
def test_xor_is_learned_from_twenty_seeds(from_logits: bool) -> None:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([[0], [1], [1], [0]], np.float32)
    net = nn.input("input", shape=(None, 2)).dense(8, activation="tanh").dense(1)

    def loss_of_logits(y: Any, z: Any) -> Any:
        return losses.binary_cross_entropy(y, z, from_logits=True)

    loss = loss_of_logits if from_logits else LOSS
    net = net if from_logits else net.sigmoid()
    loop = nn.loop.trainer(net, loss, optimizers.adam(0.05))
    found = [
        loop.run((x, y), epochs=300, batch_size=4, seed=seed).history["loss"][-1]
        for seed in range(20)
    ]
    assert sum(loss < 0.05 for loss in found) >= 19
    assert np.isfinite(found).all()
