"""Coffee roasting: is a roast good, given its temperature and duration?

A table of roasts is read, scaled and repeated; a network of two layers is trained
on it, evaluated, asked, saved, loaded and asked again.  Run it:

    python -m models.coffee_roasting
    python -m models.coffee_roasting --data FILE.csv   (or parquet, ndjson, arrow)

A table has the columns `temperature` in °C, `duration` in minutes and `good`, which
is 0 or 1.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import polars as pl

import defnpy as dn
from defnpy import losses, nn, optimizers, preprocessing

DATA = Path(__file__).parent / "data" / "coffee_roasting.csv"
FEATURES = ["temperature", "duration"]
LABEL = "good"
ROWS = 200_000
QUESTIONS = [[200, 13.9], [200, 17]]
READERS = {
    ".csv": lambda path: pl.read_csv(path, infer_schema=False),
    ".parquet": pl.read_parquet,
    ".ndjson": pl.read_ndjson,
    ".jsonl": pl.read_ndjson,
    ".arrow": pl.read_ipc,
    ".ipc": pl.read_ipc,
    ".feather": pl.read_ipc,
}


class DataError(Exception):
    """A table that cannot be used, said in one line."""


def make_roasts(count=200, seed=2):
    """Return a table of roasts, random but the same for the same seed."""
    rng = np.random.default_rng(seed)
    temperature = rng.uniform(150, 285, count).round(2)
    duration = rng.uniform(11.5, 15.5, count).round(2)
    good = (
        ((temperature > 175) & (temperature < 260))
        & ((duration > 12) & (duration < 15))
        & (duration <= -3 / 85 * temperature + 21)
    )
    return pl.DataFrame(
        {"temperature": temperature, "duration": duration, "good": good.astype(int)}
    )


def read_roasts(path):
    """Return the features [n, 2] and labels [n, 1] of a table."""
    table = read_table(Path(path))
    x = np.column_stack([numbers(table, name) for name in FEATURES])
    y = numbers(table, LABEL)[:, None]
    if not np.isin(y, (0, 1)).all():
        raise DataError(
            f"column '{LABEL}' has {y[~np.isin(y, (0, 1))][0]:g}, not 0 or 1"
        )
    return x, y


def read_table(path):
    """Return the table in a file, by the ending of its name."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(READERS)
        raise DataError(f"cannot read '{path}': its name ends in none of {known}")
    try:
        table = reader(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"cannot read '{path}': {reason}") from None
    if table.height == 0:
        raise DataError(f"'{path}' has no rows")
    return table


def numbers(table, name):
    """Return a column as numbers, or say what is wrong with it."""
    if name not in table.columns:
        raise DataError(f"no column '{name}'; there are {', '.join(table.columns)}")
    column = table[name]
    for row in column.is_null().arg_true().head(1):
        raise DataError(f"column '{name}' has no value in row {row + 1}")
    values = column.cast(pl.Float64, strict=False)
    for row in (values.is_null() | ~values.is_finite()).arg_true().head(1):
        raise DataError(
            f"column '{name}' has {column[row]!r} in row {row + 1}, which is no number"
        )
    return values.to_numpy()


def make_model():
    """Return the network: 2 numbers in, 3 hidden ones, 1 out."""
    return (
        nn.input("input", shape=(None, 2))
        .dense(3, activation="sigmoid", name="layer1")
        .dense(1, activation="sigmoid", name="layer2")
    )


def train(model, x, y, epochs, seed=0):
    """Return the trained state; `history` has the numbers of each epoch."""
    return (
        nn.loop.trainer(
            model, "binary_cross_entropy", optimizers.adam(learning_rate=0.01)
        )
        .metric("accuracy")
        .log()
        .run((x, y), epochs=epochs, batch_size=32, seed=seed)
    )


def ask(model, state, scaler):
    """Print what the model thinks of the questions, and return it."""
    answers = nn.predict(model, state, scaler.transform(dn.tensor(QUESTIONS)))
    for (temperature, duration), answer in zip(QUESTIONS, answers[:, 0], strict=True):
        verdict = "good" if answer >= 0.5 else "not good"
        print(f"  {temperature} °C for {duration} min: {answer:.4f}, {verdict}")
    return answers


def draw_losses(losses, folder):
    """Write the loss of each epoch as a picture, and return its path."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return draw_losses_by_hand(losses, folder / "loss.svg")
    figure = Figure(figsize=(6, 4), layout="tight")
    axes = figure.add_subplot(xlabel="epoch", ylabel="binary cross-entropy")
    axes.plot(range(1, len(losses) + 1), losses, marker="o")
    path = folder / "loss.png"
    figure.savefig(path, dpi=120)
    return path


def draw_losses_by_hand(losses, path):
    """Write the losses as an SVG file, for which nothing need be installed."""
    width, height, margin = 600, 400, 50
    top = max(losses) or 1.0
    right = max(len(losses) - 1, 1)
    points = [
        (
            margin + k / right * (width - 2 * margin),
            height - margin - loss / top * (height - 2 * margin),
        )
        for k, loss in enumerate(losses)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    low, edge = height - margin, width - margin
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">'
        f'<path d="M{margin},{margin} V{low} H{edge}" fill="none" stroke="gray"/>'
        f'<polyline points="{line}" fill="none" stroke="steelblue" stroke-width="2"/>'
        f'<text x="{margin}" y="{margin - 10}">loss, from 0 to {top:.3f}</text>'
        f'<text x="{edge - 80}" y="{height - 15}">epoch {len(losses)}</text></svg>\n',
        "utf-8",
    )
    return path


def run(data, epochs, folder):
    """Do the whole job."""
    x, y = read_roasts(data)
    print(f"{len(x)} roasts from {data}, {y.mean():.0%} of them good")
    scaler = preprocessing.StandardScaler().fit(x)
    normalized = scaler.transform(x)
    times = max(1, ROWS // len(x))
    x_train, y_train = np.tile(normalized, (times, 1)), np.tile(y, (times, 1))

    model = make_model()
    print(nn.display.as_table(model, dn.template((2, 2), "f32")))
    graph = nn.display.as_graph(model, dn.template((2, 2), "f32"))
    print(graph)

    print(f"training on {len(x_train)} rows")
    state = train(model, x_train, y_train, epochs)
    print_times(state.history)

    measured = (
        nn.loop.evaluator(model)
        .metric("accuracy")
        .metric(losses.binary_cross_entropy, name="loss")
        .run((normalized, y), state)
    )
    print(
        f"on the {len(x)} roasts: accuracy {measured['accuracy']:.1%}, "
        f"loss {measured['loss']:.4f}"
    )
    print("asked:")
    before = ask(model, state, scaler)

    folder.mkdir(parents=True, exist_ok=True)
    state.save(folder / "model.safetensors")
    loaded = nn.ModelState.load(folder / "model.safetensors", like=model)
    print(f"saved to {folder / 'model.safetensors'}, loaded and asked again:")
    after = ask(model, loaded, scaler)
    if not np.array_equal(before, after):
        raise RuntimeError("the loaded model answers differently")

    (folder / "model.svg").write_text(graph.svg, "utf-8")
    print(f"graph: {folder / 'model.svg'}")
    print(f"loss curve: {draw_losses(state.history['loss'], folder)}")


def print_times(history):
    """Print what compiling and the epochs took."""
    first, *later = history["seconds"]
    print(f"compiling:    {history.compile_seconds * 1e3:8.1f} ms")
    print(f"first epoch:  {first * 1e3:8.1f} ms")
    if later:
        print(f"later epochs: {sum(later) / len(later) * 1e3:8.1f} ms each")


def main(arguments=None):
    """Run from the command line; a table that cannot be used is one line."""
    parser = argparse.ArgumentParser(
        prog="python -m models.coffee_roasting",
        description="Train a network that judges coffee roasts.",
    )
    parser.add_argument(
        "--data", type=Path, help="a csv, parquet, ndjson or arrow file"
    )
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument(
        "--out", type=Path, default=Path("build/coffee_roasting"), metavar="DIR"
    )
    options = parser.parse_args(arguments)
    if options.epochs < 1:
        parser.error("--epochs is at least 1")
    if options.data is None and not DATA.exists():
        DATA.parent.mkdir(parents=True, exist_ok=True)
        make_roasts().write_csv(DATA)
    try:
        run(options.data or DATA, options.epochs, options.out)
    except DataError as error:
        print(f"coffee_roasting: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
