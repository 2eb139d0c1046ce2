"""What is said about a user's mistake: the class, the place, the sentence."""

import math

import numpy as np
import pytest
from interpreted import run

import defnpy as dn
from defnpy.base import errors
from defnpy.base.errors import DefnError

pytestmark = pytest.mark.pure

V = np.array([0.5, -1.25, 2.0])
GLOBAL = np.zeros(3)


def mistakes():
    """Yield functions, their arguments, the class and parts of the text."""

    def static_index(x):
        return x[7] + 1

    yield static_index, (V,), "DefnIndexError", "index 7 is out of bounds for axis 0"

    def tensor_index(x, i):
        return x[i]

    yield tensor_index, (V, 3), "DefnIndexError", "index 3 is out of bounds for axis 0"
    yield tensor_index, (V, -4), "DefnIndexError", "index -4 is out of bounds"

    def index_of_float(x):
        return x[0.5]

    yield index_of_float, (V,), "DefnTypeError", "0.5 is not an index"

    def too_many(x):
        return x[0, 1]

    yield too_many, (V,), "DefnIndexError", "too many indices"

    def inner_sizes(x):
        return x @ np.ones((4, 2))

    yield inner_sizes, (V,), "DefnShapeError", "inner sizes 3 and 4 differ"

    def broadcasting(x, y):
        return x + y

    yield broadcasting, (V, np.ones(2)), "DefnShapeError", "x: f64[3]"

    def step_of_zero(x, step):
        total = 0.0
        for k, i in enumerate(range(0, 3, step)):
            total += k * x[i]
        return total

    yield step_of_zero, (V, 0), "DefnValueError", "the step of range() must not be"

    def zip_of_lengths(x, n):
        total = 0.0
        for i, value in zip(range(n), x, strict=True):
            total += i * value
        return total

    yield zip_of_lengths, (V, 2), "DefnValueError", "of different lengths: 2 and 3"

    def one_side(x):
        if x[0] > 0:
            y = 1.0
        return y

    yield one_side, (V,), "DefnUnboundLocalError", "`y` is assigned on one side only"

    def grows(x):
        total = 0.0
        for _ in range(3):
            total = total + x
        return total

    yield grows, (V,), "DefnShapeError", "before the loop: float, by line "

    def no_return(x):
        if x[0] > 0:
            return x

    yield no_return, (V,), "DefnTypeError", "ends without `return`"

    def branch_shapes(x):
        if x[0] > 0:
            y = x
        else:
            y = 0.0
        return y

    yield branch_shapes, (V,), "DefnShapeError", "`y` has different shapes"

    def truth(x):
        if x > 0:
            return x
        return -x

    yield truth, (V,), "DefnShapeError", "the truth of bool[3]"

    def undefined(x):
        return x + not_defined_anywhere  # noqa: F821

    yield undefined, (V,), "DefnNameError", "`not_defined_anywhere` is not defined"

    def too_early(x):
        y = x + z  # noqa: F821
        z = 1  # noqa: F841
        return y

    yield too_early, (V,), "DefnUnboundLocalError", "`z` is read before it is assigned"

    def attribute(x):
        return x.shapes

    yield attribute, (V,), "DefnAttributeError", "f64[3] has no attribute `shapes`"
    yield attribute, (V,), "DefnAttributeError", "did you mean `shape`?"

    def of_module(x):
        return np.zerros_like(x)

    yield of_module, (V,), "DefnAttributeError", "did you mean `zeros_like`?"

    def of_another_library(x):
        return dn.arcsin(x)

    yield of_another_library, (V,), "DefnAttributeError", "defnpy has no 'arcsin'"
    yield of_another_library, (V,), "DefnAttributeError", "did you mean `dn.asin`?"

    def misspelled(vector):
        return vectr + 1  # noqa: F821

    yield misspelled, (V,), "DefnNameError", "did you mean `vector`?"

    def unknown_callable(x):
        return np.polyfit(x, x, 1)

    yield (
        unknown_callable,
        (np.eye(2),),
        "DefnTypeError",
        "polyfit` is not compiled",
    )

    def size(n):
        return np.zeros(n)

    yield size, (3,), "DefnStaticError", "known when the function is compiled"

    def container(n):
        return [1, 2, 3][n]

    yield container, (1,), "DefnStaticError", "a list is indexed when compiling"

    def store_kind(x):
        counts = np.array([1, 2, 3])
        counts[0] = x[0]
        return counts

    yield store_kind, (V,), "DefnTypeError", "f64[] cannot be stored in i64[3]"

    def zero_division(n):
        return 10 // n

    yield zero_division, (0,), "DefnZeroDivisionError", "integer division"

    def zero_remainder(n):
        return 10 % n

    yield zero_remainder, (0,), "DefnZeroDivisionError", "modulo by zero"

    def raises(x):
        if x[0] > 0:
            raise ValueError("no")
        return x

    yield raises, (V,), "DefnTypeError", "`raise` cannot depend on the value"

    def asserts(x):
        assert x[0] < 0, "x {must} be negative"
        return x

    yield asserts, (V,), "DefnAssertionError", "x {must} be negative"

    def static_assert(x):
        assert len(x) == 2, f"{len(x)} is not 2"
        return x

    yield static_assert, (V,), "DefnAssertionError", "3 is not 2"

    def after_loop(n):
        for i in range(n):
            last = i
        return last

    yield after_loop, (0,), "DefnUnboundLocalError", "`last` is read"

    def appends(n):
        made = []
        for i in range(n):
            made.append(i)
        return made

    yield appends, (3,), "DefnStaticError", "a list made before a compiled loop"

    def recursion(n):
        return 1 if n <= 1 else n * recursion(n - 1)

    yield recursion, (3,), "DefnRecursionError", "the depth of a recursion"

    def text(x):
        return x + "a"

    yield text, (V,), "DefnTypeError", "a string is not an array"

    def lists(x):
        return x + [1, 2, 3]  # noqa: RUF005

    yield lists, (V,), "DefnTypeError", "a list is not an array"

    def scalar_function(x):
        return math.exp(x)

    yield scalar_function, (V,), "DefnTypeError", "math.exp takes a number"

    def random(x):
        return np.random.rand(3) + x

    yield random, (V,), "DefnTypeError", "would draw its numbers once"

    def mask(x):
        return x[x > 0]

    yield mask, (V,), "DefnTypeError", "what a mask selects of f64[3] cannot be"

    def sorted_mask(x):
        return np.sort(x[x > 0])

    yield sorted_mask, (V,), "DefnTypeError", "cannot take what a mask selects of"

    def too_few(x):
        y = x.copy()
        y[x > 0] = np.array([7.0, 8.0, 9.0])
        return y

    yield too_few, (V,), "DefnShapeError", "3 elements cannot be stored where a mask"

    def slice_length(x, n):
        return np.sort(x[1:n])

    yield slice_length, (V, 2), "DefnTypeError", "a slice of run-time length"

    def lengths(x, n, m):
        return (x[:n] * x[:m]).sum()

    yield lengths, (V, 2, 1), "DefnShapeError", "slices of lengths 2 and 1 meet"

    def ragged_item(x, n):
        return x[:n][2]

    yield ragged_item, (V, 2), "DefnIndexError", "index 2 is out of bounds for axis 0"

    def ragged_result(x, n):
        return x[:n]

    yield ragged_result, (V, 2), "DefnTypeError", "a slice of run-time length"

    def comprehension(x):
        return [value for value in x if value > 0]

    yield comprehension, (V,), "DefnStaticError", "by the value of a tensor"

    def unpacking(x):
        a, b = x
        return a + b

    yield (
        unpacking,
        (V,),
        "DefnValueError",
        "too many values to unpack (expected 2, got 3)",
    )

    def arguments(x):
        def inner(a, b):
            return a + b

        return inner(x)

    yield arguments, (V,), "DefnTypeError", "inner() needs the argument `b`"

    def integers(n):
        return dn.grad(lambda k: k * k)(n)

    yield integers, (3,), "DefnTypeError", "only floats have gradients"

    def not_scalar(x):
        return dn.grad(lambda v: v * 2)(x)

    yield (
        not_scalar,
        (V,),
        "DefnTypeError",
        "the lambda returns f64[3]",
    )

    def two_names(x):
        y = x
        y[0] = 1.0
        return x, y

    yield two_names, (V,), "DefnTypeError", "`y` and `x` may be one array"

    def view(x):
        row = x[1:]
        x[2] = 1.0
        return x, row

    yield view, (V,), "DefnTypeError", "`x` and `row` may be one array"

    def lost(x):
        x[0] = 1.0
        return x.sum()

    yield lost, (V,), "DefnTypeError", "the store into the argument `x` is lost"

    def captured_store():
        GLOBAL[0] = 1.0
        return GLOBAL

    yield captured_store, (), "DefnTypeError", "`GLOBAL` is not a name of this function"

    def dict_of_tensors(x):
        return {x[0]: 1}

    yield dict_of_tensors, (V,), "DefnStaticError", "a tensor cannot be a key"

    def key(x):
        return {"a": x}["b"]

    yield key, (V,), "DefnKeyError", "b"

    def shadowed(x):
        mode = None
        for i in range(len(x) * 5000):
            mode = "odd" if i > 2 else None
        return mode

    yield shadowed, (V,), "DefnTypeError", "values that are not arrays or numbers"


MISTAKES = list(mistakes())


@pytest.mark.parametrize(
    ("function", "args", "error", "text"),
    MISTAKES,
    ids=[f"{m[0].__name__}-{k}" for k, m in enumerate(MISTAKES)],
)
def test_mistake(function, args, error, text):
    with pytest.raises(DefnError) as caught:
        run(function, *args)
    shown = str(caught.value)
    assert type(caught.value) is getattr(errors, error), shown
    assert text in shown
    assert "test_frontend_errors.py" in shown  # its place, and no file of ours
    assert "defnpy/" not in shown
    assert "^" in shown
    assert len(shown.splitlines()) <= 12


def test_the_place_is_the_expression():
    def f(x, w):
        y = x + 1
        return (y @ w) * 2

    with pytest.raises(DefnError) as caught:
        run(f, V, np.ones((4, 2)))
    first = f.__code__.co_firstlineno
    lines = str(caught.value).splitlines()
    assert f":{first + 2}:17: DefnShapeError" in lines[0]
    assert lines[1].endswith("        return (y @ w) * 2")
    assert lines[2].count("^") == len("y @ w")
    assert lines[1].index("y @ w") == lines[2].index("^")


def test_the_place_of_text_beyond_ascii_is_in_characters():
    def f(x):
        é = "é"  # noqa: F841
        return "éé" + x

    with pytest.raises(DefnError) as caught:
        run(f, V)
    assert str(caught.value).splitlines()[2].count("^") == len('"éé" + x')


def test_the_place_of_a_loop_is_its_head():
    def f(x):
        for _ in dn.range(x[0], unroll=True):
            x = x + 1
        return x

    with pytest.raises(DefnError) as caught:
        run(f, np.array([1, 2]))
    wanted = len("for _ in dn.range(x[0], unroll=True)")
    assert str(caught.value).splitlines()[2].count("^") == wanted


def test_a_users_exception_is_raised_as_it_is():
    def f(x):
        if len(x) == 3:
            raise LookupError("not three")
        return x

    with pytest.raises(LookupError, match="not three"):
        run(f, V)


def test_a_fault_of_static_code_has_a_place():
    def f(x):
        return x * int("7a")

    with pytest.raises(errors.DefnValueError, match="invalid literal") as caught:
        run(f, V)
    assert 'int("7a")' in str(caught.value)
