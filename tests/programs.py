"""A corpus of small programs: plain Python functions, with arguments to run them on.

Each is run by CPython and by every stage of the compiler, and the results are held
against each other; those marked differentiable also against finite differences.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import defnpy as dn


@dataclasses.dataclass(frozen=True)
class Case:
    """One program and arguments for it.

    `differentiable` says that its result is a float scalar, or floats to be summed,
    with a gradient by its first argument.
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    differentiable: bool = False


CASES: list[Case] = []


def case(*args: Any, differentiable: bool = False, name: str | None = None) -> Any:
    """Add a function to the corpus, with arguments."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        label = name or function.__name__
        CASES.append(Case(label, function, args, differentiable))
        return function

    return add


def vector(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


def matrix(rows: int, columns: int) -> np.ndarray:
    made = np.random.default_rng(rows * 10 + columns).standard_normal((rows, columns))
    return np.round(made, 3)


V5 = vector(0.5, -1.25, 2.0, 3.5, -0.75)
M34 = matrix(3, 4)
I5 = np.array([3, 1, 4, 1, 5])


@case(V5, 2.0, differentiable=True)
def arithmetic(x, a):
    return (x + a) * x - x / 2 + (-x) ** 2


@case(7, 3)
def integer_arithmetic(a, b):
    return a // b, a % b, -a // b, -a % b, a**b, a - b * 2


@case(2.5, 1.5, differentiable=True)
def float_scalars(a, b):
    return a * b + a / b - a**b


@case(V5)
def comparisons(x):
    return x > 0, x == 2.0, (x >= -1) & (x <= 2), ~(x < 0)


@case(0.5)
def chained(x):
    return -1 < x < 1 and not x == 0


@case(M34, matrix(4, 2), vector(1.0, 2.0), differentiable=True)
def affine(x, w, b):
    return x @ w + b


@case(matrix(4, 2), vector(1.0, 2.0, 3.0, 4.0), vector(0.5, -0.5), 0.25)
def compute_cost(x, y, w, b):
    m = x.shape[0]
    cost_sum = 0
    for i in range(m):
        f_wb = x[i] @ w + b
        cost_sum = cost_sum + (f_wb - y[i]) ** 2
    return cost_sum / (2 * m)


@case(matrix(5, 2), vector(1, 2, 3, 4, 5), vector(0.1, 0.2), 0.5)
def gradient_of_cost(x, y, w, b):
    m, n = x.shape
    dj_dw = np.zeros((n,))
    dj_db = 0.0
    for i in range(m):
        err = (np.dot(x[i], w) + b) - y[i]
        for j in range(n):
            dj_dw[j] = dj_dw[j] + err * x[i, j]
        dj_db = dj_db + err
    return dj_db / m, dj_dw / m


@case(V5, differentiable=True)
def running_sum(x):
    total = 0.0
    for value in x:
        total += value * value
    return total


@case(V5, differentiable=True)
def prefix_sums(x):
    out = np.zeros(x.shape)
    total = 0.0
    for i in range(len(x)):
        total += x[i]
        out[i] = total
    return out


@case(I5)
def sum_of_integers(x):
    total = 0
    for i in range(x.size):
        total += x[i]
    return total


@case(6)
def dynamic_range(n):
    total = 0
    for i in range(n):
        total += i * i
    return total


@case(10, 2)
def backwards_range(n, step):
    total = 0
    for i in range(n, 0, -3):
        total = total * 10 + i
    for j in range(n, -1, -step):
        total += j
    return total


@case(27)
def collatz(n):
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


@case(2.0, differentiable=True)
def newton(a):
    x = a
    for _ in range(8):
        x = 0.5 * (x + a / x)
    return x


@case(2.0, differentiable=True)
def newton_while(a):
    x = a
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


@case(V5, 1.0)
def first_above(x, limit):
    for i in range(len(x)):
        if x[i] > limit:
            return i
    return -1


@case(V5, 100.0, name="first_above_none")
def first_above_again(x, limit):
    found = -1
    for i in range(len(x)):
        if x[i] > limit:
            found = i
            break
    else:
        found = -2
    return found


@case(V5)
def skip_negatives(x):
    total = 0.0
    for value in x:
        if value < 0:
            continue
        total += value
    return total


@case(1.5, differentiable=True, name="branch_positive")
@case(-1.5, differentiable=True, name="branch_negative")
def branch(x):
    if x > 0:
        y = x * x
    else:
        y = -x
    return y + 1


@case(0.3, name="grade_a")
@case(0.6, name="grade_b")
@case(0.95, name="grade_c")
def elif_chain(x):
    if x < 0.5:
        grade = 1.0
    elif x < 0.9:
        grade = 2.0
    else:
        grade = 3.5
    return grade


@case(-2.0, differentiable=True)
def early_return(x):
    if x < 0:
        return -x
    y = x * 2
    return y + 1


@case(3.0, 1)
def nested_returns(x, mode):
    if x > 0:
        if mode == 0:
            return x
        if mode == 1:
            return 2 * x
        x = x + 10
    return x * 100


@case(V5)
def ternary(x):
    first = x[0] if x[0] > x[1] else x[1]
    return first, (1 if len(x) > 3 else 2)


@case(V5)
def guarded_index(x):
    i = 0
    while i < len(x) and x[i] < 3:
        i += 1
    return i


@case(V5, 1)
def tensor_index(x, i):
    return x[i], x[-i], x[i + 1], x[i : i + 3]


@case(M34)
def static_slices(x):
    return x[1:], x[:, ::2], x[::-1, 1], x[..., -1], x[None, :, 0], x[0, 1:3]


@case(M34, np.array([2, 0, 2]))
def integer_arrays(x, index):
    return x[index], x[:, index], x[index, index], x[[0, 1]]


@case(np.zeros((3, 4)), V5)
def stores(x, v):
    x[0, 1] = 5
    x[1] = 7.0
    x[:, 3] += 1
    x[2, 1:3] = v[:2]
    x[2, ::2] *= 3
    return x


@case(V5)
def masked_store(x):
    x[x < 0] = 0.0
    x[x > 3] *= 2
    return x


@case(np.zeros(5), np.array([0, 2, 2]))
def places_store(x, index):
    x[index] = 3.0
    x[index] += 1.0
    return x


@case(M34, differentiable=True)
def reductions(x):
    return x.sum() + x.mean(axis=0).sum() + x.max() - x.min(axis=1).sum()


@case(M34)
def more_reductions(x):
    return x.std(), np.var(x, axis=1), x.argmax(), x.argmin(axis=0), np.prod(x[0])


@case(M34)
def shapes(x):
    rows, columns = x.shape
    return x.T, x.reshape(2, 6), x.reshape((columns, rows)), x.ravel(), x.ndim, x.size


@case(V5, differentiable=True)
def numpy_functions(x):
    return np.exp(x) + np.sqrt(np.abs(x)) + np.maximum(x, 0) + np.tanh(x)


@case(0.5)
def math_functions(x):
    return math.exp(x), math.sqrt(x), math.log(x), math.floor(x * 7), math.pi * x


@case(I5)
def numpy_dtypes(n):
    return np.sqrt(n), np.mean(n), np.zeros(3), np.ones((2, 2)), np.arange(4)


@case(V5)
def static_math(x):
    scale = math.sqrt(2.0) * np.sqrt(4)
    return x * scale


@case(3, 5)
def builtins_of_scalars(a, b):
    return min(a, b), max(a, b, 4), abs(-a), pow(a, 2), divmod(b, a), float(a), bool(b)


@case(V5)
def builtins_of_arrays(x):
    return sum(x), len(x), min(x), max(x), sum([x[0], x[1], 2.0])


@case(2.5)
def rounding(x):
    return round(x), round(x * 1.01, 1), int(x), int(-x), float(int(x))


@case(V5, vector(1, 2, 3, 4, 5))
def zips(x, y):
    total = 0.0
    for i, (a, b) in enumerate(zip(x, y, strict=True)):
        total += i * a * b
    for value in reversed(x):
        total = total * 0.5 + value
    return total


@case({"w": V5, "b": 1.0}, differentiable=False)
def dictionaries(params):
    made = {name: value * 2 for name, value in params.items()}
    made["c"] = params["b"] + 1
    return made


@case([M34, matrix(4, 2)])
def lists_of_layers(layers):
    x = np.ones((2, 3))
    for w in layers:
        x = np.maximum(x @ w, 0.0)
    return x


@case([(M34, vector(1, 2, 3, 4)), (matrix(4, 2), vector(1, 2))])
def unpacked_layers(layers):
    x = np.ones((2, 3))
    for index, (w, b) in enumerate(layers):
        x = x @ w + b
        if index < len(layers) - 1:
            x = np.tanh(x)
    return x


@case(V5)
def comprehension(x):
    parts = [x[i] * i for i in range(3)]
    squares = tuple(p * p for p in parts if len(parts) > 2)
    return parts, squares, {k: x[k] for k in (0, 2)}


@case(V5)
def indexed_container(x):
    weights = [1.0, 0.5, 0.25]
    total = 0.0
    for i in range(3):
        total += weights[i] * x[i]
    return total


@case(V5)
def appended(x):
    found = []
    for i in range(3):
        found.append(x[i] + 1)
    return found


@case(V5, differentiable=True)
def closures(x):
    scale = 3.0

    def scaled(v, by=2.0):
        return v * scale * by

    double = lambda v: v + v  # noqa: E731
    return scaled(x) + double(scaled(x, by=0.5))


def helper(x, power=2, *rest, flag=False):
    if flag:
        return x
    return x**power + sum(rest)


@case(2.0)
def calls_helper(x):
    return helper(x), helper(x, 3), helper(x, 2, 1.0, x), helper(x, flag=True)


def factorial(n):
    return 1 if n <= 1 else n * factorial(n - 1)


@case(V5)
def static_recursion(x):
    return x * factorial(len(x))


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass(frozen=True)
class State:
    position: Any
    velocity: Any

    def moved(self, dt):
        return dataclasses.replace(self, position=self.position + dt * self.velocity)

    @property
    def energy(self):
        return 0.5 * self.velocity**2


@case(Point(1.0, 2.0))
def named_tuples(p):
    q = p._replace(x=p.y)
    for _ in range(3):
        q = Point(q.y, q.x + q.y)
    return q


@case(State(1.0, 2.0))
def dataclass_state(state):
    for _ in range(5):
        state = state.moved(0.1)
    return state, state.energy


@case(V5)
def tuple_carry(x):
    a, b = 0.0, 1.0
    for value in x:
        a, b = b, a + value
    return a, b


@case(8)
def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


@case(5)
def last_index(n):
    for i in range(n):
        square = i * i
    return i, square


@case(V5)
def halving(x):
    total = x
    n = x.shape[0]
    while n > 1:
        half = n // 2
        total = total[:half] + total[half : 2 * half]
        n = half
    return total


@case(4)
def while_else(n):
    k = 0
    while k < n:
        if k == 10:
            break
        k += 1
    else:
        k = -k
    return k


@case(matrix(4, 4), differentiable=True)
def triangle(x):
    total = 0.0
    for i in range(4):
        for j in range(i):
            total = total + x[i, j] * (j + 1)
    return total


@case(matrix(4, 4), 3.0)
def nested_break(x, limit):
    count = 0
    for i in range(4):
        for j in range(4):
            if i + j > limit:
                break
            count += 1
    return count, i, j


@case(V5, differentiable=True)
def unrolled(x):
    total = 0.0
    for i in dn.range(5, unroll=2):
        total += x[i] * i
    for i in dn.range(5, unroll=True):
        total += x[i]
    return total


@case(V5)
def walrus(x):
    total = 0.0
    if (n := len(x)) > 3:
        total = total + n
    while (total := total + x[0]) < 8:
        total += 1
    return total


@case(V5)
def starred(x):
    first, *middle, last = x
    head, *rest = [1, 2, 3]
    return first, middle, last, [*rest, head], (*rest,)


@case(V5)
def static_text(x):
    names = [f"layer{k}" for k in range(2)]
    joined = "-".join(names)
    assert joined == "layer0-layer1", f"{joined} is wrong"
    return {name: x * k for k, name in enumerate(names)}


@case(V5)
def matched(x):
    mode = "double" if len(x) == 5 else "none"
    match mode:
        case "none":
            return x
        case "double" | "twice":
            return 2 * x


@case(V5)
def previous_value(x):
    total = 0.0
    for i in range(5):
        if i > 0:
            total += x[i] * previous  # noqa: F821
        previous = x[i]  # noqa: F841
    return total


@case(vector(3.0, 1.0, 2.0, 5.0, 4.0))
def bubble_sort(x):
    n = len(x)
    for i in range(n):
        for j in range(n - 1 - i):
            if x[j] > x[j + 1]:
                x[j], x[j + 1] = x[j + 1], x[j]
    return x


@case(vector(1, 3, 5, 7, 9), 7.0)
def binary_search(x, value):
    low, high = 0, len(x) - 1
    while low <= high:
        middle = (low + high) // 2
        if x[middle] == value:
            return middle
        if x[middle] < value:
            low = middle + 1
        else:
            high = middle - 1
    return -1


@case(M34, differentiable=True)
def softmax(x):
    shifted = np.exp(x - x.max(axis=1, keepdims=True))
    return (shifted / shifted.sum(axis=1, keepdims=True)) ** 2


@case(M34, differentiable=True)
def stacked(x):
    rows = np.stack([x[0], x[1] * 2])
    return np.concatenate([rows, x], axis=0).sum(axis=0)


@case(V5, True, name="static_flag_true")
@case(V5, False, name="static_flag_false")
def logical(x, flag):
    return (flag or x[0] > 0), (x[0] > 0 and x[1] < 0), not flag


@case(np.float32(2.5), np.arange(4, dtype=np.float32))
def single_precision(a, x):
    total = np.float32(0)
    for i in range(4):
        total = total + a * x[i]
    return total, x * 2, x.astype(np.float64) + 1


@case(V5)
def where_and_clip(x):
    return np.where(x > 0, x, -x), np.clip(x, -1, 1), np.sign(x)


@case(5)
def sieve(n):
    prime = np.ones(12, dtype=bool)
    for k in range(2, 12):
        for j in range(2 * k, 12, k):
            prime[j] = False
    return prime, n


@case(np.zeros((3, 3)), np.arange(9.0).reshape(3, 3))
def rule_of_life(x, y):
    for i in range(3):
        for j in range(3):
            up, left = (i - 1) % 3, (j - 1) % 3
            x[i, j] = y[up, j] + y[i, left]
    return x


@case(0.5, 20)
def logistic_map(x, n):
    for _ in range(n):
        x = 3.7 * x * (1 - x)
    return x


@case(V5, 3.0, differentiable=True)
def horner(coefficients, x):
    result = 0.0
    for c in coefficients:
        result = result * x + c
    return result


@case(0.1, 0.2, 100.0)
def mandelbrot(re, im, limit):
    x = y = 0.0
    count = 0
    while x * x + y * y < 4 and count < limit:
        x, y = x * x - y * y + re, 2 * x * y + im
        count += 1
    return count


@case(M34)
def swapped_rows(x):
    x[[0, 2]] = x[[2, 0]]
    return x


@case(1.0)
def assertion(x):
    assert x > 0, "x must be positive"
    return math.sqrt(x)


@case(V5, 3, differentiable=True)
def slices_of_run_time_length(x, n):
    head, tail = x[:n], x[n:]
    total = head.sum() + tail.mean() + (head * head).max() + np.exp(tail).sum()
    return total + x[1:n] @ x[1:n] + np.dot(head + 1, np.abs(head)) + min(x[: n - 5])


@case(V5, 3)
def uses_of_such_slices(x, n):
    head = x[:n]
    total = 0.0
    for value in head:
        total = total * 0.5 + value
    return (
        len(head),
        head.shape[0],
        head[0],
        head[-1],
        total,
        (head > 0).all(),
        sum(head),
    )


@case(matrix(4, 4), 2)
def slices_of_matrices(a, k):
    top = a[:k]
    return top.sum(axis=0), (top @ a[0]).sum(), (a[k:, 1] * 2).sum(), a[:, :k].sum()


@case(np.zeros((4, 4)), V5, 2)
def stores_to_such_slices(a, x, k):
    a[k, :k] = 1.0
    a[:k, 3] += x[:k]
    a[k:] *= 2
    a[0, k:] = x[k:4] + 1
    return a


@case(np.array([[4.0, 1, 2], [1, 3, 0], [2, 0, 5]]), differentiable=True)
def cholesky(a):
    n = len(a)
    out = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            rest = a[i, j] - out[i, :j] @ out[j, :j]
            if i == j:
                out[i, j] = math.sqrt(rest)
            else:
                out[i, j] = rest / out[j, j]
    return out


@case(V5, 4)
def empty_slices(x, n):
    return x[n:n].sum(), x[n : n - 2].sum(), len(x[9:n]), x[:0].sum(), x[-n:n].sum()


@case(np.array([5.0, 2.0, 4.0, 1.0, 3.0]))
def selection_sort(x):
    for i in range(len(x)):
        least = i
        for j in range(i + 1, len(x)):
            if x[j] < x[least]:
                least = j
        x[i], x[least] = x[least], x[i]
    return x


@case(V5)
def last_seen(x):
    for i in range(len(x)):
        if x[i] > 1:
            found = x[i]
    return found


@case(V5, 3.0)
def search_in_a_function(x, limit):
    def find(values):
        for i in range(len(values)):
            if values[i] > limit:
                return i, values[i]
        return -1, 0.0

    i, value = find(x)
    return i + value


@case(7)
def primes(n):
    count = 0
    for k in range(2, n + 1):
        for d in range(2, k):
            if k % d == 0:
                break
        else:
            count += 1
    return count


@case(12, 18)
def greatest_divisor(a, b):
    while b:
        a, b = b, a % b
    return a


@case(True, False)
def booleans(a, b):
    return a & b, a | b, a ^ b, not a, a + b, a == b, (a > b) + (b < a)


class Descent:
    """An object of the user's: its attributes are static, or hidden arguments."""

    def __init__(self):
        self.rate = 0.1
        self.scale = np.ones(5)

    def step(self, x, slope):
        return x - self.rate * slope * self.scale


@dataclasses.dataclass
class Layer:
    w: Any
    b: Any
    activation: Callable[..., Any] = np.tanh

    def __call__(self, x):
        return self.activation(x @ self.w + self.b)


DESCENT = Descent()
LAYER = Layer(matrix(4, 3), np.ones(3))


@case(V5)
def methods_of_an_object(x):
    return DESCENT.step(x, x * 2)


@case(np.ones(4), Layer(matrix(4, 3), np.zeros(3)))
def callable_records(x, layer):
    for _ in range(2):
        layer = dataclasses.replace(layer, w=layer.w * 0.5)
    return LAYER(x), layer(x)


def with_defaults(x, y=V5, *, k=2):
    return x * y * k


@case(V5)
def defaults_and_keywords(x):
    def total(*args, **options):
        return sum(args) + options.get("z", 0) * 2

    parts = (1.0, 2.0)
    return (
        with_defaults(x),
        with_defaults(x, 2.0, k=3),
        total(*parts, x[0], z=x[1]),
        total(**{"z": 3.0}),
    )


@case(V5)
def partial_functions(x):
    double = functools.partial(lambda a, b: a * b, 2.0)
    total = functools.partial(np.sum, axis=0)
    return double(x), total(x), functools.reduce(lambda a, b: a + b, [x, x * 2])


@case(V5)
def static_containers(x):
    table = {"a": 1, "b": 2}
    out = 0.0
    for key, value in table.items():
        out += x[value] * (2 if key == "a" else 3)
    items = [1.0, 2.0]
    items += [x[0]]
    items.insert(0, x[1])
    last = items.pop()
    return out, items, last, sorted({3, 1}), max(table.values()), 1 in [1, 2]


@case({"w": V5, "n": {"b": 1.0}})
def tree_in_a_loop(p):
    i = 0
    while p["n"]["b"] < 10:
        p = {"w": p["w"] * 0.5, "n": {"b": p["n"]["b"] * 2}}
        i += 1
    return p, i


@case(V5, True)
def tree_of_a_branch(x, flag):
    if flag:
        p = Point(x[0], 1.0)
    else:
        p = Point(x[1], 2.0)
    return p


@case(5)
def matrix_power(n):
    a, result = np.array([[1.0, 1.0], [1.0, 0.0]]), np.eye(2)
    while n > 0:
        if n % 2 == 1:
            result = result @ a
        a = a @ a
        n //= 2
    return result


@case(V5, 0.5)
def momentum(x, rate):
    state = (x, np.zeros_like(x), 0)
    for _ in range(4):
        w, m, k = state
        m = 0.9 * m + 0.1 * (2 * w)
        state = (w - rate * m, m, k + 1)
    return state


@case(V5)
def late_binding(x):
    z = 0.0

    def inner(v):
        return v + z

    z = 2.0
    scaled = []
    for k in [1.0, 2.0]:
        scaled.append(lambda v, k=k: v * k)
    return inner(x), [f(x) for f in scaled]


@case((V5, [1.0, (2.0, {"k": 3.0})]))
def tree_functions(tree):
    return dn.tree.map(lambda v: v * 2, tree), len(dn.tree.leaves(tree))


@case(vector(0.0, 1.0, 2.0, 3.0, 4.0))
def jacobi(x):
    for _ in range(3):
        new = x.copy()
        for i in range(1, len(x) - 1):
            new[i] = (x[i - 1] + x[i + 1]) / 2
        x = new
    return x


@case(V5)
def swapped_buffers(x):
    old, new = x.copy(), np.zeros(5)
    for _ in range(3):
        for i in range(1, 4):
            new[i] = old[i - 1] + old[i + 1]
        old, new = new, old
    return old
