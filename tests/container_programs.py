"""Programs of tuples, records and lists, and of loops left in every way."""

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
from cases import M34, V5, case, matrix, vector

import defnpy as dn


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
