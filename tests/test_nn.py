"""Models as graphs: names, shapes, initial arrays, predictions, tables, files."""

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn, nn

pytestmark = pytest.mark.cpu


def article_model() -> Any:
    return (
        nn.input("input", shape=(None, 2))
        .dense(3, activation="sigmoid", name="layer1")
        .dense(1, activation="sigmoid", name="layer2")
    )


def wide_model() -> Any:
    x = nn.input("x", shape=(None, 4))
    y = nn.input("y", shape=(None, 2, 2))
    left = x.dense(3).batch_norm().dropout(0.3)
    right = y.flatten().dense(2, use_bias=False).layer_norm()
    joined = nn.concatenate([left, right]).dense(4, activation="relu")
    return nn.container({"out": joined, "pair": (x, joined.softmax())})


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_nodes_are_named_after_their_kind_and_number() -> None:
    table = nn.display.as_table(article_model(), dn.template((2, 2), "f32"))
    names = [row[0].split(" ")[0] for row in table.rows]
    assert names == ["input", "layer1", "sigmoid_0", "layer2", "sigmoid_1"]


def test_a_made_name_avoids_a_given_one() -> None:
    model = nn.input(shape=(None, 2)).dense(2, name="dense_0").dense(2)
    assert list(model.init().parameters) == ["dense_0", "dense_1"]


def test_table_of_the_article() -> None:
    text = str(nn.display.as_table(article_model(), dn.template((2, 2), "f32")))
    lines = text.splitlines()
    assert lines[0].strip() == "Model"
    columns = [cell.strip() for cell in lines[2].split("|")[1:-1]]
    assert columns == "Layer|Input Shape|Output Shape|Options|Parameters".split("|")
    rows = [line for line in lines[3:] if re.match(r"\| \w", line)]
    assert len(rows) == 5
    cells = [cell.strip() for cell in rows[1].split("|")[1:-1]]
    assert cells == [
        'layer1 ( dense["input"] )',
        "[(2, 2)]",
        "(2, 3)",
        "",
        "kernel: f32[2,3]",
    ]
    assert lines[-2] == "Total Parameters: 13"
    assert lines[-1] == "Total Parameters Memory: 52 bytes"


def test_totals_are_those_of_the_arrays() -> None:
    model = wide_model()
    table, state = nn.display.as_table(model), model.init()
    arrays = dn.tree.leaves(state.data)
    assert table.parameters == sum(a.size for a in arrays)
    assert table.nbytes == sum(a.nbytes for a in arrays)


def test_memory_is_counted_in_thousands() -> None:
    model = nn.input(shape=(None, 1000)).dense(500, use_bias=False)
    text = str(nn.display.as_table(model))
    assert text.endswith("Total Parameters Memory: 2 megabytes")


def test_graph_is_mermaid_text_and_a_picture() -> None:
    graph = nn.display.as_graph(article_model(), dn.template((2, 2), "f32"))
    lines = str(graph).splitlines()
    assert lines[0] == "graph TD;"
    assert lines[1] == 'n0[/"input (input) (2, 2)"/];'
    assert lines[-1] == "n3 --> n4;"
    assert graph._repr_markdown_().startswith("```mermaid\n")
    picture = graph._repr_html_()
    assert picture.startswith("<svg") and picture.count("<rect") == 5
    with pytest.raises(dn.DefnValueError, match="direction"):
        nn.display.as_graph(article_model(), direction="up")


def test_initial_arrays() -> None:
    state = article_model().init(dn.template((2, 2), "f32"), key=1)
    kernel = state["layer1"]["kernel"]
    assert kernel.shape == (2, 3) and kernel.dtype == np.float32
    assert np.all(np.abs(kernel) <= np.sqrt(6 / 5)) and np.std(kernel) > 0.1
    assert np.array_equal(state["layer1"]["bias"], np.zeros(3))
    again = article_model().init(np.zeros((7, 2)), key=dn.random.key(1))
    assert np.array_equal(again["layer1"]["kernel"], kernel)
    other = article_model().init(key=2)
    assert not np.array_equal(other["layer1"]["kernel"], kernel)


def test_arrays_of_a_layer_do_not_depend_on_the_others() -> None:
    first = nn.input(shape=(None, 2)).dense(2, name="a").init(key=5)
    model = nn.input(shape=(None, 2)).dense(2, name="b").dense(2, name="a")
    second = model.init(key=5)
    assert np.array_equal(first["a"]["kernel"], second["a"]["kernel"])
    assert not np.array_equal(second["a"]["kernel"], second["b"]["kernel"])


def test_init_keeps_the_arrays_of_a_state() -> None:
    kernel = np.full((2, 3), 7.0, np.float32)
    given = nn.ModelState({"layer1": {"kernel": kernel}})
    state = article_model().init(state=given)
    assert np.array_equal(state["layer1"]["kernel"], kernel)
    assert state["layer2"]["kernel"].shape == (3, 1)
    wrong = nn.ModelState({"layer1": {"kernel": kernel.T}})
    with pytest.raises(dn.DefnValueError, match=r"layer1\.kernel is f32\[3,2\]"):
        article_model().init(state=wrong)


def test_predict_is_what_numpy_says() -> None:
    model = article_model()
    state = model.init(key=3)
    x = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    one, two = state["layer1"], state["layer2"]
    hidden = sigmoid(x @ one["kernel"] + one["bias"])
    wanted = sigmoid(hidden @ two["kernel"] + two["bias"])
    got = nn.predict(model, state, x)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
    _, predict_fn = nn.build(model)
    assert np.array_equal(predict_fn(state.parameters, x), got)
    assert nn.build(model)[1] is predict_fn


def test_float_inputs_take_the_dtype_of_the_model() -> None:
    model = article_model()
    state = model.init()
    assert nn.predict(model, state, np.ones((1, 2))).dtype == np.float32
    assert nn.predict(model, state, np.ones((1, 2), np.int64)).dtype == np.float32
    wide = nn.input(shape=(None, 2), dtype="f64").dense(1)
    assert wide.init()["dense_0"]["kernel"].dtype == np.float64
    assert nn.predict(wide, wide.init(), np.ones((1, 2), "f4")).dtype == np.float64


def test_several_inputs_and_outputs() -> None:
    model = wide_model()
    state = model.init(key=1)
    x, y = np.ones((3, 4), np.float32), np.ones((3, 2, 2), np.float32)
    got = nn.predict(model, state, {"x": x, "y": y})
    assert got["out"].shape == (3, 4) and np.array_equal(got["pair"][0], x)
    np.testing.assert_allclose(got["pair"][1].sum(axis=1), 1, rtol=1e-6)
    assert np.array_equal(nn.predict(model, state, (x, y))["out"], got["out"])


def test_a_layer_used_twice_is_one_layer() -> None:
    shared = nn.input(shape=(None, 2)).dense(3, name="shared")
    model = nn.add(shared.tanh(), shared)
    assert list(model.init().parameters) == ["shared"]
    state = model.init(key=1)
    x = np.ones((1, 2), np.float32)
    z = x @ state["shared"]["kernel"]
    np.testing.assert_allclose(nn.predict(model, state, x), np.tanh(z) + z, rtol=1e-5)


def test_a_block_shares_its_parameters() -> None:
    encode = nn.block(lambda x: x.dense(3).tanh(), name="encode")
    a, b = nn.input("a", shape=(None, 2)), nn.input("b", shape=(None, 2))
    model = nn.subtract(encode(a), encode(b)).dense(1)
    state = model.init(key=1)
    assert list(state.parameters) == ["encode.dense_0", "dense_0"]
    assert nn.display.as_table(model).parameters == 9 + 4
    x = np.ones((2, 2))
    assert np.array_equal(nn.predict(model, state, {"a": x, "b": x}), [[0], [0]])
    wide = nn.input("c", shape=(None, 5))
    with pytest.raises(dn.DefnShapeError, match=r"f32\[2,3\] in one place and f32\[5"):
        nn.add(encode(a), encode(wide)).init()


def test_blocks_may_be_nested_and_unnamed() -> None:
    inner = nn.block(lambda x: x.dense(2))
    outer = nn.block(lambda x: inner(inner(x)).relu())
    x = nn.input("x", shape=(None, 2))
    model = outer(outer(inner(x))).dense(2)
    assert list(model.init().parameters) == ["block_0.dense_0", "dense_0"]
    with pytest.raises(dn.DefnTypeError, match="takes models"):
        inner(3)


def test_custom_layer_with_parameters_and_options() -> None:
    @defn
    def scaled(x: Any, scale: Any, *, power: int) -> Any:
        return x**power * scale

    scale = nn.param("scale", lambda shape: shape[-1:], initializer="ones")
    x = nn.input(shape=(None, 2))
    model = nn.layer(scaled, x, scale, name="mine", power=2)
    state = nn.ModelState({"mine": {"scale": np.array([1, 10], np.float32)}})
    got = nn.predict(model, state, np.array([[2.0, 3.0]]))
    assert np.array_equal(got, [[4, 90]])
    assert model.init()["mine"]["scale"].shape == (2,)


def test_layers_without_a_model_await_one() -> None:
    model = nn.sequential(
        [nn.input(shape=(None, 2, 3)), nn.flatten(), nn.dense(4), nn.relu()]
    )
    assert nn.predict(model, model.init(), np.ones((5, 2, 3))).shape == (5, 4)
    with pytest.raises(dn.DefnTypeError, match="first layer"):
        nn.sequential([nn.dense(3)])


@pytest.mark.parametrize(
    ("make", "error", "fragment"),
    [
        (lambda x: x.activation("rulu"), dn.DefnValueError, "did you mean 'relu'"),
        (lambda x: x.dense(0), dn.DefnValueError, "units is a positive"),
        (lambda x: x.dropout(1.0), dn.DefnValueError, "below 1"),
        (lambda x: nn.layer(np.exp), dn.DefnTypeError, "at least one layer"),
        (lambda x: nn.layer(np.add, x, 3), dn.DefnTypeError, "an operand"),
        (lambda x: nn.container((x, 3)), dn.DefnTypeError, "not 3"),
        (
            lambda x: x.dense(1, name="a").dense(1, name="a").init(),
            dn.DefnValueError,
            "2 layers are named 'a'",
        ),
        (
            lambda x: x.dense(1, kernel_initializer="glorot").init(),
            dn.DefnValueError,
            "no initializer 'glorot'",
        ),
        (
            lambda x: x.reshape((3,)).init(),
            dn.DefnShapeError,
            r"layer 'reshape_0' \(reshape\) cannot take f32\[1,2\]",
        ),
        (
            lambda x: x.dense(1).init(dn.template((2, 3), "f32")),
            dn.DefnShapeError,
            r"input 'input' has shape \(None, 2\), not \(2, 3\)",
        ),
        (
            lambda x: nn.predict(x.dense(1), nn.ModelState.empty(), np.ones((1, 2))),
            dn.DefnKeyError,
            "no 'kernel' of layer 'dense_0'",
        ),
        (
            lambda x: nn.predict(wide_model(), {}, {"x": 1, "z": 2}),
            dn.DefnKeyError,
            "no input 'z'",
        ),
        (
            lambda x: nn.input().dense(1).init(),
            dn.DefnValueError,
            "declares no shape",
        ),
    ],
)
def test_mistakes_are_named(make: Any, error: type, fragment: str) -> None:
    with pytest.raises(error, match=fragment):
        make(nn.input("input", shape=(None, 2)))


def test_freeze_and_unfreeze() -> None:
    state = article_model().init()
    assert list(state.freeze("layer1").trainable) == ["layer2"]
    assert state.freeze().trainable == {}
    assert state.freeze(lambda name: name.endswith("2")).frozen == {"layer2"}
    both = state.freeze("layer1").freeze("layer2")
    assert both.unfreeze("layer2").frozen == {"layer1"}
    assert both.unfreeze().frozen == frozenset()
    with pytest.raises(dn.DefnKeyError, match="did you mean 'layer1'"):
        state.freeze("layr1")
    assert repr(state.freeze("layer1")) == "<ModelState 13 parameters, 4 trainable>"


def test_saved_state_comes_back(tmp_path: Path) -> None:
    model = wide_model()
    state = model.init(key=1).freeze("dense_0")
    path = tmp_path / "model.safetensors"
    state.save(path)
    loaded = nn.ModelState.load(path, like=model)
    assert loaded.frozen == {"dense_0"}
    assert dn.tree.flatten(loaded.data)[1] == dn.tree.flatten(state.data)[1]
    for mine, theirs in zip(
        dn.tree.leaves(loaded.data), dn.tree.leaves(state.data), strict=True
    ):
        assert mine.dtype == theirs.dtype and np.array_equal(mine, theirs)
    assert [each.name for each in tmp_path.iterdir()] == ["model.safetensors"]


def arrays(**layers: tuple[tuple[int, ...], str]) -> nn.ModelState:
    return nn.ModelState(
        {name: {"kernel": np.zeros(*spec)} for name, spec in layers.items()}
    )


@pytest.mark.parametrize(
    ("saved", "fragment"),
    [
        (arrays(a=((2, 3), "f4")), r"b\.kernel is missing"),
        (
            arrays(a=((2, 3), "f4"), b=((1,), "f4"), c=((1,), "f4")),
            r"c\.kernel is not expected",
        ),
        (
            arrays(a=((3, 2), "f4"), b=((1,), "f4")),
            r"a\.kernel is f32\[3,2\], not f32\[2,3\]",
        ),
        (
            arrays(a=((2, 3), "f8"), b=((1,), "f4")),
            r"a\.kernel is f64\[2,3\], not f32\[2,3\]",
        ),
    ],
)
def test_loading_is_strict(saved: nn.ModelState, fragment: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    saved.save(path)
    with pytest.raises(dn.DefnValueError, match=fragment) as caught:
        nn.ModelState.load(path, like=arrays(a=((2, 3), "f4"), b=((1,), "f4")))
    assert "\n" not in str(caught.value)


def test_a_damaged_file_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    arrays(a=((2, 3), "f4")).save(path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(dn.DefnValueError, match="not a whole safetensors file"):
        nn.ModelState.load(path)
    with pytest.raises(FileNotFoundError):
        nn.ModelState.load(tmp_path / "none")


def test_a_model_is_written_out_as_a_function() -> None:
    model = nn.input("class", shape=(None, 2)).dense(3, name="my layer")
    _, predict_fn = nn.build(model)
    text = inspect.getsource(predict_fn.function.__wrapped__)
    assert text.splitlines() == [
        "def predict(params, inputs):",
        "    class_ = inputs",
        "    my_layer = dense(class_, params['my layer']['kernel'], "
        "params['my layer']['bias'])",
        "    return my_layer",
    ]


ORACLES: dict[str, Any] = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "celu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "selu": lambda x: (
        1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1))
    ),
    "sigmoid": sigmoid,
    "log_sigmoid": lambda x: -np.logaddexp(0, -x),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "tanh": np.tanh,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "silu": lambda x: x * sigmoid(x),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "softplus": lambda x: np.logaddexp(0, x),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "exp": np.exp,
    "linear": lambda x: x,
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    "log_softmax": lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True)),
}


@pytest.mark.parametrize("name", ORACLES)
def test_activations(name: str) -> None:
    x = np.concatenate([np.linspace(-8, 8, 15), [0.0, -0.5, 1.0]]).reshape(3, 6)
    got = nn.activations.BY_NAME[name](x)
    np.testing.assert_allclose(got, ORACLES[name](x), rtol=1e-6, atol=1e-12)
    assert np.isnan(nn.activations.BY_NAME[name](np.array([np.nan]))).all()


@pytest.mark.parametrize("approximate", [False, True])
def test_gelu(approximate: bool) -> None:
    from scipy.special import erf

    x = np.linspace(-5, 5, 31)
    got = nn.activations.gelu(x, approximate=approximate)
    exact = 0.5 * x * (1 + erf(x / np.sqrt(2)))
    np.testing.assert_allclose(got, exact, atol=2e-3 if approximate else 1e-7)


@pytest.mark.parametrize(
    ("name", "shape", "variance"),
    [
        ("glorot_uniform", (200, 300), 2 / 500),
        ("glorot_normal", (200, 300), 2 / 500),
        ("he_uniform", (200, 300), 2 / 200),
        ("he_normal", (200, 300), 2 / 200),
        ("lecun_uniform", (200, 300), 1 / 200),
        ("lecun_normal", (200, 300), 1 / 200),
        ("lecun_normal", (3, 3, 20, 300), 1 / 180),
        ("uniform", (200, 300), 0.01**2 / 3),
        ("normal", (200, 300), 0.01**2),
        ("zeros", (20, 30), 0),
    ],
)
def test_initializers(name: str, shape: tuple[int, ...], variance: float) -> None:
    initialize = getattr(nn.initializers, name)()
    got = initialize(dn.random.key(0), shape, "f32")
    assert got.shape == shape and got.dtype == np.float32
    assert np.var(got) == pytest.approx(variance, rel=0.03, abs=1e-12)
    assert abs(np.mean(got)) <= 5 * np.sqrt(variance / got.size)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_orthogonal(shape: tuple[int, int]) -> None:
    q = nn.initializers.orthogonal()(dn.random.key(1), shape, "f64")
    assert q.shape == shape
    gram = q.T @ q if shape[0] >= shape[1] else q @ q.T
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-12)


def test_batch_norm() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, (50, 4))
    ones, zeros = np.ones(4), np.zeros(4)
    y, mean, variance = nn.functional.batch_norm(
        *(x, ones, zeros, zeros, ones), momentum=0.9, training=True
    )
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=0), 1, atol=1e-3)
    np.testing.assert_allclose(mean, 0.1 * x.mean(axis=0))
    np.testing.assert_allclose(variance, 0.9 + 0.1 * x.var(axis=0))
    still = nn.functional.batch_norm(x, ones, zeros, zeros, ones, epsilon=0.0)
    np.testing.assert_allclose(still, x)


def test_layer_norm_and_embedding() -> None:
    x = np.random.default_rng(0).normal(3, 2, (5, 8))
    y = nn.functional.layer_norm(x, np.ones(8), np.zeros(8))
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-12)
    model = nn.input("ids", shape=(None, 3)).embedding(10, 4)
    state = model.init(dn.template((1, 3), "i64"))
    got = nn.predict(model, state, np.array([[1, 2, 9]]))
    assert np.array_equal(got[0], state["embedding_0"]["kernel"][[1, 2, 9]])


def test_convolution_and_pooling() -> None:
    x = np.random.default_rng(0).normal(size=(2, 6, 7, 3)).astype(np.float32)
    image = nn.input("image", shape=(None, 6, 7, 3))
    state = image.conv(4, 3, name="c").init(key=1)
    got = nn.predict(image.conv(4, 3, name="c"), state, x)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    wanted = np.einsum("bijcuv,uvco->bijo", windows, state["c"]["kernel"])
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    pooled = x[:, :6, :6].reshape(2, 3, 2, 3, 2, 3)
    for name, wanted in (("max", pooled.max((2, 4))), ("avg", pooled.mean((2, 4)))):
        got = nn.predict(getattr(image, f"{name}_pool")(), {}, x)
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)
        got = nn.predict(getattr(image, f"global_{name}_pool")(), {}, x)
        wanted = x.max((1, 2)) if name == "max" else x.mean((1, 2))
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)
    same = image.conv(6, (3, 1), padding="same", strides=2, groups=3)
    assert same.init()["conv_0"]["kernel"].shape == (3, 1, 1, 6)
    assert nn.predict(same, same.init(), x).shape == (2, 3, 4, 6)
    with pytest.raises(dn.DefnValueError, match="2 groups"):
        image.conv(3, groups=2)


def test_dropout_keeps_the_mean() -> None:
    x = np.ones((100, 100), np.float32)
    y = nn.functional.dropout(x, dn.random.key(0), rate=0.25)
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert y.mean() == pytest.approx(1, abs=0.02)
    model = nn.input(shape=(None, 2)).dropout(0.5)
    assert np.array_equal(nn.predict(model, {}, np.ones((1, 2))), [[1, 1]])


def test_predict_inside_of_a_function():
    model = nn.input("x", shape=(None, 2)).dense(3)
    state = model.init(np.ones((1, 2), np.float32))
    x = np.ones((4, 2), np.float32)

    @defn
    def total(params, x):
        return nn.predict(model, params, x).sum()

    np.testing.assert_allclose(total(state, x), nn.predict(model, state, x).sum())
    slope = dn.grad(total)(state.data, x)
    np.testing.assert_array_equal(slope["dense_0"]["bias"], [4.0, 4.0, 4.0])
