"""Scalers and encoders against NumPy in f64, and the errors their users meet."""

from typing import Any

import numpy as np
import polars as pl
import pytest

import defnpy as dn
from defnpy import preprocessing
from defnpy.preprocessing import (
    LabelEncoder,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

pytestmark = pytest.mark.cpu

RNG = np.random.default_rng(1)
X = RNG.standard_normal((50, 3)) * [1.0, 100.0, 1e-3] + [0.0, 1e6, 5.0]


def close(actual: Any, expected: Any, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-12)


def test_standard_scaler() -> None:
    scaler = StandardScaler().fit(X)
    close(scaler.mean_, X.mean(0))
    close(scaler.var_, X.var(0), rtol=1e-9)
    close(scaler.scale_, X.std(0), rtol=1e-9)
    assert (scaler.n_features_in_, scaler.n_samples_seen_) == (3, 50)
    scaled = scaler.transform(X)
    close(scaled, (X - X.mean(0)) / X.std(0), rtol=1e-7)
    close(scaler.inverse_transform(scaled), X)
    close(StandardScaler().fit_transform(X), scaled)


def test_variance_does_not_cancel() -> None:
    x = 1e9 + np.arange(1000.0)[:, None] % 2
    assert StandardScaler().fit(x).var_[0] == 0.25
    single = (1e6 + np.arange(1000)[:, None] % 2).astype("f4")
    scaler = StandardScaler().fit(single)
    close(scaler.transform(single)[:2, 0], [-1.0, 1.0], rtol=1e-6)


def test_constant_columns() -> None:
    x = np.stack([np.full(7, 0.1), np.zeros(7), np.full(7, 1e12)], 1)
    scaler = StandardScaler().fit(x)
    np.testing.assert_array_equal(scaler.scale_, 1)
    close(scaler.transform(x), np.zeros((7, 3)))
    np.testing.assert_array_equal(MinMaxScaler().fit_transform(x), 0)
    np.testing.assert_array_equal(RobustScaler().fit(x).scale_, 1)
    close(MaxAbsScaler().fit_transform(x), [[1.0, 0.0, 1.0]] * 7)


def test_options_of_standard_scaler() -> None:
    close(StandardScaler(with_mean=False).fit_transform(X), X / X.std(0), rtol=1e-7)
    plain = StandardScaler(with_std=False).fit(X)
    assert plain.scale_ is None
    close(plain.transform(X), X - X.mean(0), rtol=1e-8)
    assert repr(StandardScaler()) == "StandardScaler(with_mean=True, with_std=True)"


def test_partial_fit_is_fit() -> None:
    whole, parts = StandardScaler().fit(X), StandardScaler()
    for piece in (X[:1], X[1:20], X[20:]):
        parts.partial_fit(piece)
    close(parts.mean_, whole.mean_)
    close(parts.var_, whole.var_, rtol=1e-9)
    assert parts.n_samples_seen_ == 50
    assert parts.fit(X[:5]).n_samples_seen_ == 5


def test_nans_are_left_out() -> None:
    x = X.copy()
    x[3, 0] = x[7, 0] = x[9, 2] = np.nan
    scaler = StandardScaler().fit(x)
    close(scaler.mean_, np.nanmean(x, 0))
    close(scaler.var_, np.nanvar(x, 0), rtol=1e-9)
    np.testing.assert_array_equal(scaler.n_samples_seen_, [48, 50, 49])
    np.testing.assert_array_equal(np.isnan(scaler.transform(x)), np.isnan(x))
    ends = MinMaxScaler().fit(x)
    close(ends.data_min_, np.nanmin(x, 0))
    close(ends.data_max_, np.nanmax(x, 0))
    robust = RobustScaler().fit(x)
    close(robust.center_, np.nanmedian(x, 0))


def test_min_max_scaler() -> None:
    scaler = MinMaxScaler((-1.0, 3.0)).fit(X)
    low, high = X.min(0), X.max(0)
    expected = (X - low) / (high - low) * 4 - 1
    close(scaler.transform(X), expected, rtol=1e-9)
    close(scaler.data_range_, high - low)
    close(scaler.scale_, 4 / (high - low))
    close(X * scaler.scale_ + scaler.min_, expected, rtol=1e-6)
    close(scaler.inverse_transform(expected), X)
    outside = scaler.transform(np.stack([low - 1, high + 1]))
    assert (outside[0] < -1).all() and (outside[1] > 3).all()
    cut = MinMaxScaler(clip=True).fit(X).transform(np.stack([low - 1, high + 1]))
    np.testing.assert_array_equal(cut, [[0, 0, 0], [1, 1, 1]])
    with pytest.raises(dn.DefnValueError, match="must rise"):
        MinMaxScaler((1.0, 0.0))


def test_max_abs_and_robust_scalers() -> None:
    scaler = MaxAbsScaler().fit(X)
    close(scaler.transform(X), X / abs(X).max(0))
    close(scaler.inverse_transform(scaler.transform(X)), X)
    robust = RobustScaler(quantile_range=(10.0, 80.0)).fit(X)
    below, above = np.percentile(X, [10, 80], axis=0)
    expected = (X - np.median(X, 0)) / (above - below)
    close(robust.transform(X), expected, rtol=1e-9)
    close(robust.inverse_transform(expected), X)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("f4", "f4"), ("f8", "f8"), ("f2", "f2"), ("i8", "f4"), ("u1", "f4"), ("?", "f4")],
)
def test_dtypes(given: str, kept: str) -> None:
    x = np.array([[0, 1], [1, 0], [1, 1]]).astype(given)
    for scaler in (StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler()):
        scaled = scaler.fit_transform(x)
        assert scaled.dtype == np.dtype(kept)
        assert scaler.inverse_transform(scaled).dtype == np.dtype(kept)


def test_data_frames() -> None:
    frame = pl.DataFrame({"x1": [200, 230], "x2": [12.0, 18.0]})
    scaler = StandardScaler().fit(frame)
    close(scaler.mean_, [215, 15])
    assert list(scaler.feature_names_in_) == ["x1", "x2"]
    assert list(scaler.get_feature_names_out()) == ["x1", "x2"]
    scaled = scaler.transform(frame)
    close(scaled, [[-1, -1], [1, 1]])
    assert scaled.flags.c_contiguous
    close(scaler.transform(frame.to_numpy()), scaled)
    with pytest.raises(dn.DefnValueError, match="columns are x2, x1"):
        scaler.transform(frame.select("x2", "x1"))
    flags = pl.DataFrame({"on": [True, False], "n": [1, 3]})
    close(StandardScaler().fit(flags).mean_, [0.5, 2])


def test_bad_tables_name_the_column() -> None:
    nulls = pl.DataFrame({"a": [1.0, 2.0], "b": [None, 1.0]})
    with pytest.raises(dn.DefnValueError, match="column 'b' has 1 nulls"):
        StandardScaler().fit(nulls)
    text = pl.DataFrame({"a": [1.0, 2.0], "city": ["x", "y"]})
    with pytest.raises(dn.DefnTypeError, match="column 'city' is String"):
        StandardScaler().fit(text)
    mixed = np.array([[1.0, "x"], [2.0, "y"]], dtype=object)
    with pytest.raises(dn.DefnTypeError, match="column 1 is not of numbers"):
        StandardScaler().fit(mixed)
    with pytest.raises(dn.DefnValueError, match="column 0 has infinite"):
        StandardScaler().fit([[np.inf], [1.0]])


def test_wrong_use_raises() -> None:
    with pytest.raises(dn.DefnValueError, match="StandardScaler is not fitted"):
        StandardScaler().transform(X)
    with pytest.raises(dn.DefnShapeError, match="has 2 columns"):
        StandardScaler().fit(X).transform(X[:, :2])
    with pytest.raises(dn.DefnShapeError, match="two axes"):
        StandardScaler().fit(X[0])
    with pytest.raises(dn.DefnShapeError, match="without rows"):
        StandardScaler().fit(X[:0])


CITIES = [["Oslo", 3], ["Bergen", 1], ["Oslo", 2], ["Alta", 1]]


def test_one_hot_encoder() -> None:
    encoder = OneHotEncoder().fit(CITIES)
    assert [list(each) for each in encoder.categories_] == [
        ["Alta", "Bergen", "Oslo"],
        [1, 2, 3],
    ]
    hot = encoder.transform(CITIES)
    expected = [[0, 0, 1, 0, 0, 1], [0, 1, 0, 1, 0, 0]]
    np.testing.assert_array_equal(hot[:2], expected)
    assert hot.dtype == np.float32
    assert encoder.inverse_transform(hot).tolist() == CITIES
    names = ["x0_Alta", "x0_Bergen", "x0_Oslo", "x1_1", "x1_2", "x1_3"]
    assert list(encoder.get_feature_names_out()) == names


def test_unknown_categories() -> None:
    encoder = OneHotEncoder().fit(CITIES)
    with pytest.raises(dn.DefnValueError, match=r"'x0'.*did not see: 'Bodø'"):
        encoder.transform([["Bodø", 1]])
    lenient = OneHotEncoder(handle_unknown="ignore", dtype="i8").fit(CITIES)
    hot = lenient.transform([["Bodø", 1]])
    np.testing.assert_array_equal(hot, [[0, 0, 0, 1, 0, 0]])
    assert hot.dtype == np.int8
    assert lenient.inverse_transform(hot).tolist() == [[None, 1]]
    numbers = OrdinalEncoder(handle_unknown="ignore", unknown_value=9).fit(CITIES)
    np.testing.assert_array_equal(numbers.transform([["Bodø", 7]]), [[9, 9]])
    assert numbers.inverse_transform([[9, 1]]).tolist() == [[None, 2]]
    with pytest.raises(dn.DefnValueError, match="handle_unknown is one of"):
        OneHotEncoder(handle_unknown="skip")


def test_dropped_and_given_categories() -> None:
    two = [["a", "x"], ["b", "y"], ["a", "z"]]
    first = OneHotEncoder(drop="first").fit(two)
    np.testing.assert_array_equal(
        first.transform(two), [[0, 0, 0], [1, 1, 0], [0, 0, 1]]
    )
    assert first.inverse_transform(first.transform(two)).tolist() == two
    binary = OneHotEncoder(drop="if_binary").fit(two)
    assert list(binary.get_feature_names_out()) == ["x0_b", "x1_x", "x1_y", "x1_z"]
    ordered = OrdinalEncoder(categories=[["low", "mid", "high"]])
    codes = ordered.fit_transform([["high"], ["low"]])
    np.testing.assert_array_equal(codes, [[2], [0]])
    with pytest.raises(dn.DefnValueError, match="'top'"):
        ordered.fit([["top"]])


def test_encoders_of_data_frames() -> None:
    frame = pl.DataFrame(
        {"c": ["b", "a"], "n": [2, 1]}, schema={"c": pl.Categorical, "n": pl.Int64}
    )
    encoder = OrdinalEncoder().fit(frame)
    np.testing.assert_array_equal(encoder.transform(frame), [[1, 1], [0, 0]])
    names = OneHotEncoder().fit(frame).get_feature_names_out()
    assert list(names) == ["c_a", "c_b", "n_1", "n_2"]
    with pytest.raises(dn.DefnValueError, match="'c' has 1 nulls"):
        OneHotEncoder().fit(pl.DataFrame({"c": ["a", None]}))


def test_label_encoder() -> None:
    encoder = LabelEncoder()
    np.testing.assert_array_equal(encoder.fit_transform([30, 10, 30]), [1, 0, 1])
    np.testing.assert_array_equal(encoder.classes_, [10, 30])
    series = pl.Series("y", ["no", "yes", "no"])
    np.testing.assert_array_equal(encoder.fit_transform(series), [0, 1, 0])
    assert encoder.inverse_transform([1, 0]).tolist() == ["yes", "no"]
    with pytest.raises(dn.DefnValueError, match="did not see the labels 'maybe'"):
        encoder.transform(["maybe"])
    with pytest.raises(dn.DefnValueError, match="2 labels"):
        encoder.inverse_transform([2])
    with pytest.raises(dn.DefnValueError, match="not fitted"):
        LabelEncoder().transform(["a"])


def test_the_arithmetic_is_usable_in_programs() -> None:
    scaler = StandardScaler().fit(X)

    @dn.defn
    def first(x: Any, mean: Any, scale: Any) -> Any:
        return preprocessing.standardize(x, mean, scale)[:, 0]

    actual = first(X, scaler.mean_, scaler.scale_)
    close(actual, scaler.transform(X)[:, 0])
