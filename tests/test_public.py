"""Public functions called on arrays: values, dtypes and shapes beside NumPy's."""

import functools
import inspect
import pickle
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

import defnpy as dn
from defnpy.base import errors as base_errors
from defnpy.base.synonyms import SYNONYMS
from defnpy.ops.public import FUNCTIONS

pytestmark = pytest.mark.pure

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3, 4))


def same(got: object, wanted: object, rtol: float = 1e-12) -> None:
    """Compare type, dtype, shape and values."""
    assert type(got) is type(wanted), (type(got), type(wanted))
    assert got.dtype == wanted.dtype, (got.dtype, wanted.dtype)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol)


AXES = [None, 0, -1, (0, 2)]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "max", "min"])
def test_reductions(name: str, axis: object, keepdims: bool) -> None:
    got = getattr(dn, name)(X, axis, keepdims=keepdims)
    same(got, getattr(np, name)(X, axis, keepdims=keepdims))


def test_results_are_the_callers_own() -> None:
    x = np.arange(3.0)
    y = dn.asarray(x)
    y[0] = 7
    assert x[0] == 0
    for z in dn.broadcast_arrays(x, np.zeros((2, 1))):
        z[...] = 1
    assert x[1] == 1 and x[2] == 2


@pytest.mark.parametrize(
    "x",
    [
        np.arange(6.0).reshape(2, 3).T,
        np.arange(6, dtype=">i4"),
        np.asfortranarray(X),
        X[:, ::-1, ::2],
    ],
)
def test_any_layout_and_byte_order(x: np.ndarray) -> None:
    got = dn.negative(x)
    assert got.dtype.isnative and got.flags.writeable and got.flags.owndata
    np.testing.assert_array_equal(got, -x)


def test_polars() -> None:
    frame = pl.DataFrame({"a": [200, 230], "b": [12.5, 18]})
    np.testing.assert_array_equal(dn.asarray(frame), frame.to_numpy())
    stacked = dn.stack([frame["a"], frame["b"]], axis=-1)
    np.testing.assert_array_equal(stacked, frame.to_numpy())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([None, 1]), "objects"),
        (np.array(["a"]), "strings"),
        (np.ma.masked_array([1.0, 2.0], [True, False]), "masked"),
        (pl.Series([1, None]), "nulls"),
        (pl.Series(["a"]), "not of numbers"),
        ([1.0, 2.0], "tensor"),
        ("abc", "not an array"),
    ],
)
def test_what_is_not_numbers_is_refused(value: object, text: str) -> None:
    with pytest.raises(dn.DefnTypeError, match=text):
        dn.negative(value)


def test_a_wrong_call_names_the_function() -> None:
    with pytest.raises(dn.DefnTypeError, match=r"mean\(\) needs the argument `x`"):
        dn.mean()


def test_errors_show_no_frames_of_the_compiler() -> None:
    with pytest.raises(dn.DefnShapeError) as caught:
        dn.add(np.zeros(2), np.zeros(3))
    files = [entry.path.name for entry in caught.traceback]
    assert files == ["test_public.py", "eager.py"]
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_functions_pickle_by_name() -> None:
    assert pickle.loads(pickle.dumps(dn.mean)) is dn.mean


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(AttributeError, match="did you mean `zeros_like`"):
        _ = dn.zero_like
    assert not hasattr(dn, "zero_like")


def test_names_of_other_libraries_say_what_is_meant() -> None:
    for name, meant in SYNONYMS.items():
        assert not hasattr(dn, name), name
        if " " not in meant:
            assert functools.reduce(getattr, meant.split("."), dn) is not None, name
    with pytest.raises(AttributeError, match=r"did you mean `dn\.asin`\?"):
        _ = dn.arcsin
    with pytest.raises(AttributeError, match="write a `for` or `while` loop"):
        _ = dn.fori_loop
    with pytest.raises(AttributeError) as caught:
        _ = dn.heaviside_of_nothing
    assert "did you mean" not in str(caught.value)


def test_dtypes_have_names() -> None:
    assert dn.zeros(2, dn.float64).dtype == dn.float64 == np.float64
    assert dn.astype(np.ones(2), dn.bfloat16).dtype.name == "bfloat16"
    assert dn.astype(np.ones(2), dn.bool).dtype == np.bool_
    rounded = dn.defn(lambda x: dn.astype(x, dn.int32) + dn.int32(1))
    assert rounded(np.array([1.5])).dtype == np.int32


def test_importing_is_light() -> None:
    heavy = {"numba", "llvmlite", "scipy.special", "polars", "rich"}
    code = f"import sys, defnpy; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stdout + done.stderr


def test_config_checks_what_it_is_given() -> None:
    with pytest.raises(dn.DefnValueError, match="'f32' or 'f64'"):
        dn.config.default_float = "f16"
    with pytest.raises(dn.DefnAttributeError, match="no setting"):
        dn.config.speed = 1
    assert dn.zeros(1).dtype == np.float32
    dn.config.default_float = "f64"
    try:
        assert dn.zeros(1).dtype == np.float64
    finally:
        dn.config.default_float = "f32"


def test_batches_of_trees() -> None:
    data = {"x": np.arange(10).reshape(5, 2), "y": np.arange(5)}
    sizes = {
        how: [len(batch["y"]) for batch in dn.to_batched(data, 2, leftover=how)]
        for how in ("partial", "repeat", "discard")
    }
    assert sizes == {"partial": [2, 2, 1], "repeat": [2, 2, 2], "discard": [2, 2]}
    with pytest.raises(dn.DefnShapeError, match="one size"):
        dn.to_batched((np.zeros(2), np.zeros(3)), 1)


def test_errors_carry_the_name_they_are_imported_by() -> None:
    assert {getattr(dn, n) for n in dn.errors.__all__} >= {dn.DefnError}
    error = pickle.loads(pickle.dumps(dn.DefnShapeError("no", hint="yes")))
    assert str(error) == "no\n  hint: yes"
    assert type(error).__module__ == "defnpy.errors"
    inside = {
        name
        for name, value in vars(base_errors).items()
        if isinstance(value, type)
        and issubclass(value, Exception)
        and not name.startswith("_")
    }
    assert inside == set(dn.errors.__all__)


def test_every_public_function_is_documented_with_an_example() -> None:
    bare = [n for n in FUNCTIONS if ">>> " not in (getattr(dn, n).__doc__ or "")]
    assert not bare
    assert "take their common dtype" in dn.add.__doc__
    assert str(inspect.signature(dn.add)) == "(x1, x2, /)"


def test_limits_of_dtypes_name_them() -> None:
    assert dn.finfo("f32").dtype == np.float32
    assert dn.finfo(np.complex128).dtype == np.float64
    assert dn.iinfo(np.uint8).dtype == np.uint8
