"""Programs of numbers and arrays: arithmetic, branches, loops, indexing, functions."""

import math

import numpy as np
from cases import I5, M34, V5, case, matrix, vector


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
