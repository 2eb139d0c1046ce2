"""Programs of slices whose length varies, of objects, and of algorithms on them."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from cases import V5, case, matrix, vector
from container_programs import Point

import defnpy as dn


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
