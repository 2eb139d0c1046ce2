"""The example models: they run, learn, and say what is wrong with a table."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import defnpy as dn
from models import coffee_roasting, linear_regression, logistic_regression

pytestmark = pytest.mark.cpu


def test_linear_regression_finds_the_solution(
    capsys: pytest.CaptureFixture[str],
) -> None:
    linear_regression.main()
    lines = dict(
        line.split(":", 1)
        for line in capsys.readouterr().out.splitlines()
        if ":" in line
    )
    found, solved = lines["w and b found"], lines["w and b solved"]
    assert found.split() == solved.split()
    on_paper, made = lines["gradient on paper"], lines["gradient by the compiler"]
    assert on_paper.split()[:3] == made.split()[:3]


@pytest.mark.parametrize("model", [linear_regression, logistic_regression])
def test_the_loops_are_the_same_in_cpython(model: Any) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, 3)), rng.integers(0, 2, 9).astype(float)
    w, b = rng.normal(size=3), 0.25
    for function in (model.compute_cost, model.compute_gradient):
        mine, theirs = function(x, y, w, b), function.python(x, y, w, b)
        for got, wanted in zip(
            dn.tree.leaves(mine), dn.tree.leaves(theirs), strict=True
        ):
            np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_logistic_regression_learns(capsys: pytest.CaptureFixture[str]) -> None:
    logistic_regression.main()
    text = capsys.readouterr().out
    (line,) = (line for line in text.splitlines() if line.startswith("right for"))
    assert int(line.split()[2].rstrip("%")) >= 90


def test_the_table_of_roasts_is_what_it_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "roasts.csv"
    coffee_roasting.make_roasts().write_csv(path)
    assert path.read_bytes() == coffee_roasting.DATA.read_bytes()
    x, y = coffee_roasting.read_roasts(path)
    t, d = x[:, 0], x[:, 1]
    assert len(x) == 200
    assert t.min() >= 150 and t.max() <= 285 and d.min() >= 11.5 and d.max() <= 15.5
    good = (175 < t) & (t < 260) & (12 < d) & (d < 15) & (d <= -3 / 85 * t + 21)
    assert np.array_equal(y[:, 0], good)


@pytest.mark.parametrize("ending", ["csv", "parquet", "ndjson", "arrow"])
def test_kinds_of_tables(ending: str, tmp_path: Path) -> None:
    table = coffee_roasting.make_roasts(7).with_columns(good=pl.col("good") == 1)
    path = tmp_path / f"roasts.{ending}"
    writers: dict[str, Any] = {
        "csv": table.write_csv,
        "parquet": table.write_parquet,
        "ndjson": table.write_ndjson,
        "arrow": table.write_ipc,
    }
    if ending == "csv":
        writers["csv"] = table.with_columns(pl.col("good").cast(int)).write_csv
    writers[ending](path)
    x, y = coffee_roasting.read_roasts(path)
    assert np.array_equal(x[:, 1], table["duration"].to_numpy())
    assert np.array_equal(y[:, 0], table["good"].to_numpy())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "temperature,good\n1,1\n",
            "no column 'duration'; there are temperature, good",
        ),
        (
            "temperature,duration,good\n1,2,1\n1,,0\n",
            "column 'duration' has no value in row 2",
        ),
        (
            "temperature,duration,good\n1,hot,1\n",
            "column 'duration' has 'hot' in row 1, which is no number",
        ),
        (
            "temperature,duration,good\n1,nan,1\n",
            "column 'duration' has 'nan' in row 1, which is no number",
        ),
        ("temperature,duration,good\n1,2,2\n", "column 'good' has 2, not 0 or 1"),
        ("temperature,duration,good\n", "has no rows"),
        ("", "empty CSV"),
    ],
)
def test_a_wrong_table_gives_one_line(
    text: str, wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "roasts.csv"
    path.write_text(text)
    assert coffee_roasting.main(["--data", str(path)]) == 1
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1
    assert wanted in error


@pytest.mark.parametrize("name", ["none.csv", "roasts.xls"])
def test_a_file_that_cannot_be_read_gives_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert coffee_roasting.main(["--data", str(tmp_path / name)]) == 1
    assert capsys.readouterr().err.startswith("coffee_roasting: cannot read")


def test_the_main_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--out", str(tmp_path / "out"), "--epochs", "10"]
    assert coffee_roasting.main(arguments) == 0
    text = capsys.readouterr().out
    assert "Total Parameters: 13" in text and "graph TD;" in text
    answers = [line for line in text.splitlines() if line.startswith("  200 °C")]
    assert [line.split(", ")[1] for line in answers] == ["good", "not good"] * 2
    assert answers[:2] == answers[2:]
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made in (
        ["loss.png", "model.safetensors", "model.svg"],
        ["loss.svg", "model.safetensors", "model.svg"],
    )


def test_the_loss_curve_can_be_drawn_by_hand(tmp_path: Path) -> None:
    path = coffee_roasting.draw_losses_by_hand([0.7, 0.4, 0.2], tmp_path / "loss.svg")
    text = path.read_text("utf-8")
    assert text.startswith("<svg") and "epoch 3" in text
    assert "50.0,50.0 300.0,178.6" in text
