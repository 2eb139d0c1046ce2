"""`print` in programs: what CPython prints, in the same order, however it runs."""

import dataclasses
import io
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn

pytestmark = pytest.mark.cpu
V = np.array([1.0, 2.5, -3.0])


class Pair(NamedTuple):
    first: np.ndarray
    second: float


@dataclasses.dataclass
class Point:
    x: float
    y: float


def texts(function, *args):
    """Return what a function prints in CPython, evaluated, and compiled twice."""
    f = defn(function)
    found = []
    for way in (f.python, f.evaluate, f, f):
        with redirect_stdout(io.StringIO()) as out:
            way(*args)
        found.append(out.getvalue())
    return found


def check(function, *args, lines=None):
    python, *others = texts(function, *args)
    assert others == [python] * 3
    if lines is not None:
        assert python.splitlines() == lines


def test_values_of_every_kind():
    def f(x, i, b, s):
        print("x", x, i, b, s)
        print(x[0], x[0] > 0, i + 1, i * 1.5, x.astype("f4")[1], x.astype("i4"))
        print(x > 0, x.shape, x.dtype, 3, None, "text")
        print()

    check(f, V, 3, True, 2.5)
    check(f, V.astype(np.float32), np.int32(3), np.bool_(False), np.float16(2.5))


def test_texts_with_braces_options_and_formats():
    def f(x, i):
        print("{}", "{0}", x[0], sep="-{}-", end="!\n")
        print(f"{i:>5}|{x[0]:.3f}|{x[1]!r}|{{}}|{x!s}", end="")
        print("\0", x[0], flush=True)
        width = 8
        print(f"{x[1]:{width}.2f}{x.shape!r:>10}", f"{2:03d}")

    check(f, V, 7)


def test_containers():
    def f(x, n):
        print((x[0], n, 1), [x, "a"], {"k": x[:2], "{n}": n}, (n,))
        print(Pair(x, n), f"{(n, x[0])}")

    def g(x):
        print([x], Point(1.0, x))

    check(f, V, 2)
    check(g, 2.5)


def test_order_in_loops_and_branches():
    def f(x, n):
        print("begin")
        s = 0.0
        for i in range(n):
            if x[i] > 0:
                print("positive", i)
                s = s + x[i]
            else:
                print("negative", i)
                continue
            print("sum", s)
        while s > 1:
            print("halve", s)
            s = s / 2
        print("end", s)
        return s

    check(
        f,
        V,
        3,
        lines=[
            *("begin", "positive 0", "sum 1.0", "positive 1", "sum 3.5", "negative 2"),
            *("halve 3.5", "halve 1.75", "end 0.875"),
        ],
    )


def test_loops_that_only_print():
    def f(x, n):
        for _ in range(n):
            print("again")
        for row in x:
            print(row)
        for i in range(2):
            print(i)

    check(f, V, 2, lines=["again", "again", "1.0", "2.5", "-3.0", "0", "1"])


def test_calls_and_conditions_print():
    def shout(x):
        print("looked at", x)
        return x > 0

    def f(x):
        while shout(x):
            x = x - 1.0
        return 1.0 if shout(x) and shout(-x) else 2.0

    check(f, 1.5)


def test_equal_prints_are_printed_each_time():
    def f(x):
        print(x)
        print(x)
        print("same")
        print("same")

    check(f, V)


def test_values_are_those_of_the_moment():
    """A print between stores in place shows the old value, then the new one."""

    def f(x, n):
        y = x * 1.0
        for i in range(n):
            print(y)
            y[i] = 7.0
            print(y[i], y)
            y[i] = y[i] + 1.0
        print(y)
        return y

    check(f, V, 3)


def test_prints_before_a_fault_are_seen_and_those_after_are_not():
    def f(x, n):
        print("before", n)
        y = x[n]
        print("after", y)
        for i in range(10):
            print("in", i)
            assert i + x[0] < 2, f"too large: {i}"
        return y

    for way in (defn(f), defn(f).evaluate):
        with redirect_stdout(io.StringIO()) as out, pytest.raises(dn.DefnIndexError):
            way(V, 5)
        assert out.getvalue() == "before 5\n"
        with redirect_stdout(io.StringIO()) as out:
            with pytest.raises(dn.DefnAssertionError, match="too large: 1"):
                way(V, 1)
        assert out.getvalue().split("\n")[-4:] == ["after 2.5", "in 0", "in 1", ""]


def test_gradients_print_once_and_forwards():
    @defn
    def f(x):
        s = 0.0
        for i in range(3):
            print("at", i, s)
            if x[i] > 0:
                print("square")
                s = s + x[i] ** 2
            s = s * x[i]
        print("value", s)
        return s

    with redirect_stdout(io.StringIO()) as plain:
        value = f(V)
    for way in (dn.value_and_grad(f), dn.value_and_grad(f).evaluate):
        with redirect_stdout(io.StringIO()) as out:
            found, _ = way(V)
        assert out.getvalue() == plain.getvalue()
        assert found == value

    @defn
    def both(x):
        g = dn.grad(f)(x)
        print("gradient", g)
        return dn.grad(f)(x) + g

    with redirect_stdout(io.StringIO()) as out:
        both(V)
    assert out.getvalue().count("value") == 2
    assert out.getvalue().count("gradient") == 1


def test_transforms_print_each_value_once():
    @defn
    def f(x):
        s = x * 0.0
        for i in range(12):
            print("at", i)
            s = s * x + x**2
        print("value", s)
        return s

    with redirect_stdout(io.StringIO()) as plain:
        f(0.5)
    for way in (dn.grad(dn.checkpoint(f)), dn.jacobian(f), dn.hessian(f)):
        with redirect_stdout(io.StringIO()) as out:
            way(0.5)
        assert out.getvalue() == plain.getvalue()
    with redirect_stdout(io.StringIO()) as out:
        dn.vmap(f)(np.array([0.5, 2.0]))
    assert out.getvalue().count("at 11\n") == 1  # it is the same in both lanes
    assert out.getvalue().count("value") == 2


def test_a_failing_output_is_raised():
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError("nobody reads")

    @defn
    def f(x):
        for i in range(3):
            print(i)
        return x

    with redirect_stdout(Closed()), pytest.raises(BrokenPipeError, match="nobody"):
        f(V)
    with redirect_stdout(io.StringIO()) as out:
        f(V)
    assert out.getvalue() == "0\n1\n2\n"


def test_one_machine_code_and_two_texts(tmp_path, monkeypatch):
    monkeypatch.setattr(dn.config, "cache_dir", str(tmp_path))
    made = []
    for word in ("one", "two"):

        @defn
        def f(x, *, word):
            print(word, x)
            return x * 17.0

        with redirect_stdout(io.StringIO()) as out:
            f(2.0, word=word)
        made.append(out.getvalue())
    assert made == ["one 2.0\n", "two 2.0\n"]
    assert dn.cache.info()["files"] == 1


def test_threads_print_whole_lines():
    @defn
    def f(k):
        for i in range(20):
            print(f"<{k} {i}>")
        return k

    with redirect_stdout(io.StringIO()) as out, ThreadPoolExecutor(8) as pool:
        barrier = threading.Barrier(8)

        def run(k):
            barrier.wait()
            return f(k)

        assert list(pool.map(run, range(8))) == list(range(8))
    lines = out.getvalue().splitlines()
    assert sorted(lines) == sorted(f"<{k} {i}>" for k in range(8) for i in range(20))
    for k in range(8):
        own = [line for line in lines if line.startswith(f"<{k} ")]
        assert own == [f"<{k} {i}>" for i in range(20)]


def test_it_works_from_disk_in_another_process(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(
        "from defnpy import cache, defn\n"
        "@defn\n"
        "def f(x):\n"
        "    print('in another process', x)\n"
        "f(1.5)\n"
        "print(cache.info()['loaded'])\n",
        "utf-8",
    )
    root = Path(dn.__file__).parents[1]
    runs = [
        subprocess.run(
            [sys.executable, path],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": str(root)},
        ).stdout
        for _ in range(2)
    ]
    assert runs == ["in another process 1.5\n0\n", "in another process 1.5\n1\n"]


def test_the_kernel_shows_and_explains_prints():
    @defn
    def f(x):
        print("x", x)
        return x

    assert "print('x {0}\\n', a0)" in f.lower(V).compile().kernels
    assert "print(a0, text='x {0}\\n')" in f.lower(V).ir
    assert "print (line" in f.explain(V)


def test_what_cannot_print_says_so():
    @defn
    def f(x):
        print(x)
        return x

    with pytest.raises(dn.DefnTypeError, match="Numba"):
        f.numba(V)
    from defnpy.backends.cuda.split import split

    with pytest.raises(dn.DefnError, match="needs `print`, which CUDA"):
        split(f.lower(V)._stages.kernel)


def to_file(x):
    print(x, file=sys.stderr)


def unknown_format(x):
    print(f"{x[0]:nonsense}")


def format_of_array(x):
    print(f"{x:.3f}")


def tensor_format(x, n):
    print(f"{x[0]:{n}}")


def tensor_separator(x):
    print("a", "b", sep=f"{x}")


def closure(x):
    print((lambda: x,))


def text_elsewhere(x):
    return {"a": 1}[f"{x[0]}"]


def text_in_container(x):
    print([f"{x[0]}"])


def text_returned(x):
    return f"{x[0]}"


def long_message(x):
    assert x[0] > 5, f"{x}"


@pytest.mark.parametrize(
    ("function", "args", "message"),
    [
        (to_file, (V,), "standard output only"),
        (unknown_format, (V,), "Invalid format specifier"),
        (format_of_array, (V,), "is for numbers"),
        (tensor_format, (V, 3), "cannot depend on a tensor"),
        (tensor_separator, (V,), "strings known beforehand"),
        (closure, (V,), "cannot be shown"),
        (text_elsewhere, (V,), "an f-string of tensors"),
        (text_in_container, (V,), "cannot be shown here"),
        (text_returned, (V,), "an f-string of tensors cannot be returned"),
        (long_message, (V,), "at most 4 real numbers"),
    ],
)
def test_refusals(function, args, message):
    with pytest.raises(dn.DefnError, match=message):
        defn(function)(*args)


def test_messages_of_assertions_show_numbers():
    @defn
    def f(x, n):
        assert x[0] < n, f"{x[0]:.2f} is not below {n} {{}}"
        return x

    for way in (f, f.evaluate):
        with pytest.raises(dn.DefnAssertionError, match=r"1\.00 is not below 0 {}"):
            way(V, 0)
