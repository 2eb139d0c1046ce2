"""Calls: signatures, caches, threads, processes, and what users see of errors."""

import json
import os
import pickle
import subprocess
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import polars as pl
import pytest

import defnpy as dn
from defnpy import cache, defn
from defnpy.runtime import disk, pipeline

pytestmark = pytest.mark.cpu
V = np.array([1.0, 2.0, 3.0])
HELD = np.array([1.0, 1.0, 1.0])
FACTOR = 2.0


@defn
def scaled(x, a):
    return x * a + 1.0


@defn
def held(x):
    return x + HELD


@defn
def by_factor(x):
    return x * FACTOR


@pytest.fixture
def builds(monkeypatch):
    """Return the list of targets that were specialised, as it grows."""
    made = []
    before = pipeline.Stages.__init__

    def counted(self, target, args, kwargs):
        made.append(target)
        before(self, target, args, kwargs)

    monkeypatch.setattr(pipeline.Stages, "__init__", counted)
    return made


def test_one_program_for_each_signature(builds):
    @defn
    def f(x, a):
        return x * a

    for _ in range(3):
        f(V, 2.0)
        f(V + 1, 5.0)  # another value of a number
    assert len(builds) == 1
    f(V.astype(np.float32), 2.0)
    f(V[:2], 2.0)
    f(V, 2)
    assert len(builds) == 4
    f(V, 3.0)
    f(V, a=3.0)
    assert len(builds) == 4


@pytest.mark.parametrize(
    "x",
    [
        np.arange(12.0).reshape(3, 4).T,
        np.arange(12.0)[::-2],
        np.arange(6.0).astype(">f8"),
        np.frombuffer(np.arange(3.0).tobytes()),
        pl.Series([1.0, 2.0]),
        pl.DataFrame({"a": [1, 2], "b": [3, 4]}),
        np.float32(1.5),
        np.zeros((0, 3)),
        np.ndarray((3,), np.float64, np.arange(25, dtype=np.uint8).tobytes(), 1),
    ],
)
def test_arguments_of_every_layout(x):
    made = scaled(x, 2.0)
    array = np.asarray(x)
    wanted = array.astype(array.dtype.newbyteorder("=")) * 2.0 + 1.0
    if array.dtype.kind == "i":
        wanted = wanted.astype(np.float32)
    np.testing.assert_array_equal(made, wanted)
    assert made.dtype == wanted.dtype


@pytest.mark.parametrize(
    ("args", "error", "text"),
    [
        ((np.array(["a"]), 1.0), dn.DefnTypeError, "strings"),
        ((pl.Series([1, None]), 1.0), dn.DefnTypeError, "nulls"),
        ((V,), dn.DefnTypeError, "needs the argument .a."),
        ((V, 2**70), dn.DefnOverflowError, "does not fit"),
        ((V, object()), dn.DefnTypeError, "object"),
    ],
)
def test_wrong_arguments_are_one_clear_error(args, error, text):
    with pytest.raises(error, match=text):
        scaled(*args)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_matrix_is_refused():
    with pytest.raises(dn.DefnTypeError, match="a matrix of NumPy's"):
        defn(lambda x: x * x)(np.matrix([[1.0, 2.0], [3.0, 4.0]]))


def test_results_belong_to_the_caller():
    @defn
    def f(x):
        return x, x.reshape(3, 1), x

    a, b, c = f(V)
    assert all(each.flags.writeable for each in (a, b, c))
    a[0] = b[1] = 7.0
    np.testing.assert_array_equal(c, V)
    np.testing.assert_array_equal(V, [1.0, 2.0, 3.0])


def test_changes_to_captured_arrays_are_seen():
    np.testing.assert_array_equal(held(V), V + 1)
    HELD[1] = 5.0
    np.testing.assert_array_equal(held(V), [2.0, 7.0, 4.0])
    HELD[1] = 1.0


def test_captured_numbers_are_guarded(monkeypatch):
    for factor in (2.0, 3.0, 2.0):
        monkeypatch.setitem(globals(), "FACTOR", factor)
        np.testing.assert_array_equal(by_factor(V), V * factor)


def test_a_captured_array_of_another_shape(monkeypatch):
    held(V)
    monkeypatch.setitem(globals(), "HELD", np.array([10.0]))
    np.testing.assert_array_equal(held(V), V + 10)


def test_static_parameters(builds):
    @defn(static=("n",))
    def f(x, n, *, flag=False):
        for _ in range(n):
            x = x * 2.0
        return -x if flag else x

    np.testing.assert_array_equal(f(V, 3), V * 8)
    np.testing.assert_array_equal(f(V, 3, flag=True), V * -8)
    np.testing.assert_array_equal(f(V, n=2), V * 4)
    assert len(builds) == 3


def test_the_default_float_is_part_of_the_signature(monkeypatch):
    @defn
    def f(n):
        return dn.zeros(3) + n

    assert f(np.array(1)).dtype == np.float32
    monkeypatch.setattr(dn.config, "default_float", "f64")
    assert f(np.array(1)).dtype == np.float64
    monkeypatch.undo()
    assert f(np.array(1)).dtype == np.float32


def test_threads_compile_one_program(builds):
    @defn
    def f(x):
        s = 0.0
        for v in x:
            s = s + dn.exp(-v)
        return s

    start = threading.Barrier(32)

    def work(k):
        start.wait()
        return f(V + k % 4)

    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(work, range(32)))
    assert len(builds) == 1
    wanted = [np.exp(-(V + k % 4)).sum() for k in range(32)]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


PROGRAM = """
import json, sys
import numpy as np
import defnpy as dn
from defnpy import cache, defn

@defn
def f(x, w):
    total = 0.0
    for i in range(x.shape[0]):
        total = total + dn.tanh(x[i] @ w)
    return total

x = np.linspace(-1, 1, 12).reshape(4, 3)
value, slope = dn.value_and_grad(f, argnums=1)(x, np.ones(3))
print(json.dumps([float(value).hex(), [v.hex() for v in slope.tolist()]]))
print(json.dumps(cache.info()))
"""


def run_program(path: Path, directory: Path):
    path.write_text(PROGRAM, "utf-8")
    env = os.environ | {"DEFNPY_CACHE_DIR": str(directory)}
    done = subprocess.run(
        [sys.executable, str(path)], env=env, capture_output=True, text=True, check=True
    )
    value, info = map(json.loads, done.stdout.splitlines())
    return value, info


def test_a_second_process_compiles_nothing(tmp_path):
    first, info = run_program(tmp_path / "program.py", tmp_path / "cache")
    assert (info["compiled"], info["loaded"]) == (1, 0)
    second, info = run_program(tmp_path / "program.py", tmp_path / "cache")
    assert (info["compiled"], info["loaded"]) == (0, 1)
    assert second == first


@pytest.mark.parametrize("damage", ["short", "flipped", "empty", "directory"])
def test_a_damaged_file_is_a_miss(tmp_path, damage):
    first, _ = run_program(tmp_path / "program.py", tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob("*.o")
    data = bytearray(path.read_bytes())
    if damage == "short":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        data[-100] ^= 1
        path.write_bytes(data)
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
        path.mkdir()
    again, info = run_program(tmp_path / "program.py", tmp_path / "cache")
    assert again == first
    assert (info["compiled"], info["loaded"]) == (1, 0)


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "cache").write_text("a file where the directory should be")
    _, info = run_program(tmp_path / "program.py", tmp_path / "cache")
    assert info["compiled"] == 1
    assert info["files"] == 0


def test_clearing_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(dn.config, "cache_dir", str(tmp_path))
    disk.write("a" * 64, b"code")
    assert disk.read("a" * 64) == b"code"
    assert cache.info()["files"] == 1
    assert cache.clear() == 1
    assert disk.read("a" * 64) is None


def test_a_child_made_by_fork_computes():
    scaled(V, 2.0)
    child = os.fork()
    if child == 0:
        good = np.array_equal(scaled(V, 3.0), V * 3 + 1)
        good = good and np.array_equal(scaled(V[:2], 3.0), V[:2] * 3 + 1)
        os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_errors_show_no_frames_of_the_compiler():
    @defn
    def f(x):
        return x @ dn.ones((4, 4))

    with pytest.raises(dn.DefnShapeError) as caught:
        f(V)
    frames = traceback.extract_tb(caught.value.__traceback__)
    inside = [frame.filename for frame in frames if "/defnpy/" in frame.filename]
    assert len(inside) <= 3
    assert "test_runtime.py" in str(caught.value)
    assert "inner sizes 3 and 4 differ" in str(caught.value)


def test_faults_are_raised_and_the_program_stays_usable():
    @defn
    def f(x, i):
        return x[i]

    assert f(V, 1) == 2.0
    for place in (3, -4, 10**12):
        with pytest.raises(IndexError, match=str(place)):
            f(V, place)
    assert f(V, -1) == 3.0


def test_a_function_for_numba():
    f = scaled.numba(dn.template((3,), "f64"), 1.0)

    @numba.njit
    def user(x):
        total = 0.0
        for k in range(4):
            total += f(x, float(k)).sum()
        return total

    assert user(V) == sum((V * k + 1).sum() for k in range(4))


def test_functions_pickle_by_name():
    assert pickle.loads(pickle.dumps(scaled)) is scaled


def test_looking_inside():
    lowered = scaled.lower(dn.template((3,), "f32"), 2.0)
    assert "multiply" in lowered.ir
    compiled = lowered.compile()
    assert "for " in compiled.kernels
    assert "define" in compiled.llvm
    assert "ret" in compiled.asm
    assert compiled.cost == {"flops": 7, "bytes": 32}
    assert compiled.memory == {"arguments": 20, "results": 12, "temporaries": 0}


def test_python_runs_no_compiler(builds):
    @defn
    def halved(x, n=3):
        return x if n == 0 else halved(x / 2.0, n - 1)

    assert halved.python(8.0) == 1.0
    assert builds == []
    assert halved(8.0) == 1.0
    assert len(builds) == 1


@dataclass(frozen=True)
class Line:
    w: np.ndarray
    b: float

    @defn
    def __call__(self, x):
        return x @ self.w + self.b

    @defn
    def loss(self, x, y):
        return ((self(x) - y) ** 2).mean()


def test_methods_of_dataclasses():
    line = Line(np.ones(2), 0.5)
    np.testing.assert_array_equal(line(np.ones((3, 2))), [2.5, 2.5, 2.5])
    assert line.loss(np.ones((3, 2)), 1.0) == 2.25
    slope = dn.grad(Line.loss)(line, np.ones((3, 2)), 1.0)
    np.testing.assert_array_equal(slope.w, [3.0, 3.0])
    assert slope.b == 3.0


def test_the_gradient_of_a_bound_method():
    line = Line(np.ones(2), 0.5)
    slope = dn.grad(line.loss)
    np.testing.assert_array_equal(slope(np.ones((1, 2)), 1.0), [[3.0, 3.0]])
    line = Line(np.ones(2) * 2, 0.5)
    np.testing.assert_array_equal(
        dn.grad(line.loss)(np.ones((1, 2)), 1.0), [[14.0] * 2]
    )


class Scale:
    factor = 2.0

    def apply(self, x):
        return x * self.factor


SCALE = Scale()


@defn
def scaled_by_a_class(x):
    return SCALE.apply(x) + Scale.factor


def test_attributes_and_methods_of_classes_are_guarded(monkeypatch):
    assert scaled_by_a_class(1.0) == 4.0
    monkeypatch.setattr(Scale, "factor", 3.0)
    assert scaled_by_a_class(1.0) == 6.0
    monkeypatch.setattr(Scale, "apply", lambda self, x: x - self.factor)
    assert scaled_by_a_class(1.0) == 1.0
