"""More of the corpus: algorithms as they stand in textbooks, written as people write.

Importing this adds them to the cases of `programs`.
"""

import math

import numpy as np
from programs import I5, M34, V5, case, matrix, vector

import defnpy as dn

WORD, OTHER = np.array([1, 2, 3, 4, 1, 5]), np.array([2, 3, 5, 4, 1])
GRID = (np.random.default_rng(1).random((6, 7)) < 0.4).astype(np.int64)
SQUARE = matrix(4, 4) + 4 * np.eye(4)


@case(WORD, OTHER)
def edit_distance(a, b):
    n, m = len(a), len(b)
    t = np.zeros((n + 1, m + 1), dtype=np.int64)
    for i in range(n + 1):
        t[i, 0] = i
    for j in range(m + 1):
        t[0, j] = j
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            change = 0 if a[i - 1] == b[j - 1] else 1
            t[i, j] = min(t[i - 1, j] + 1, t[i, j - 1] + 1, t[i - 1, j - 1] + change)
    return t[n, m]


@case(WORD, OTHER)
def longest_common_subsequence(a, b):
    t = np.zeros((len(a) + 1, len(b) + 1), dtype=np.int64)
    for i in range(len(a)):
        for j in range(len(b)):
            if a[i] == b[j]:
                t[i + 1, j + 1] = t[i, j] + 1
            else:
                t[i + 1, j + 1] = max(t[i, j + 1], t[i + 1, j])
    return t[-1, -1]


@case(np.abs(matrix(5, 5)))
def floyd_warshall(d):
    d = d.copy()
    n = d.shape[0]
    for k in range(n):
        for i in range(n):
            for j in range(n):
                if d[i, k] + d[k, j] < d[i, j]:
                    d[i, j] = d[i, k] + d[k, j]
    return d


@case(np.array([3, 4, 5, 9]), np.array([3, 4, 4, 10]), 11)
def knapsack(weights, values, capacity):
    best = np.zeros(20, dtype=np.int64)
    for i in range(len(weights)):
        for c in range(capacity, -1, -1):
            if c >= weights[i]:
                best[c] = max(best[c], best[c - weights[i]] + values[i])
    return best[capacity]


@case(vector(1.0, -3.0, 4.0, -1.0, 2.0, 1.0, -5.0, 4.0), differentiable=True)
def largest_sum_of_a_run(x):
    best = here = x[0]
    for v in x[1:]:
        here = max(v, here + v)
        best = max(best, here)
    return best


@case(GRID)
def life(g):
    n, m = g.shape
    for _ in range(3):
        new = np.zeros_like(g)
        for i in range(n):
            for j in range(m):
                c = 0
                for di in (-1, 0, 1):
                    for dj in (-1, 0, 1):
                        if di != 0 or dj != 0:
                            c += g[(i + di) % n, (j + dj) % m]
                if c == 3 or (c == 2 and g[i, j] == 1):
                    new[i, j] = 1
        g = new
    return g


@case(M34, 0.1, differentiable=True)
def heat(u, a):
    for _ in range(4):
        inner = u[1:-1, 1:-1]
        around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
        u = u.copy()
        u[1:-1, 1:-1] = inner + a * (around - 4 * inner)
    return u


@case(V5, 0.1, 0.2, differentiable=True)
def kalman(zs, q, r):
    x, p = 0.0, 1.0
    for z in zs:
        p = p + q
        gain = p / (p + r)
        x = x + gain * (z - x)
        p = (1 - gain) * p
    return x + p


@case(vector(0.3, -0.2), 0.05, differentiable=True)
def pendulum(state, dt):
    angle, speed = state
    for _ in range(10):
        speed = speed - dt * dn.sin(angle)
        angle = angle + dt * speed
    return angle * speed


@case(0.5, 0.1, differentiable=True)
def runge_kutta(y, h):
    def slope(t, y):
        return -2.0 * t * y

    t = 0.0
    for _ in range(5):
        a = slope(t, y)
        b = slope(t + h / 2, y + h / 2 * a)
        c = slope(t + h / 2, y + h / 2 * b)
        d = slope(t + h, y + h * c)
        y = y + h / 6 * (a + 2 * b + 2 * c + d)
        t = t + h
    return y


@case(2.0)
def bisection(a):
    low, high = 0.0 * a, a
    for _ in range(30):
        middle = (low + high) / 2
        if middle * middle < a:
            low = middle
        else:
            high = middle
    return a / ((low + high) / 2)


@case(SQUARE, vector(1.0, 2.0, 3.0, 4.0), differentiable=True)
def gaussian_elimination(a, b):
    a, b = a.copy(), b.copy()
    n = len(b)
    for k in range(n):
        for i in range(k + 1, n):
            f = a[i, k] / a[k, k]
            a[i] = a[i] - f * a[k]
            b[i] = b[i] - f * b[k]
    x = np.zeros(n)
    for i in range(n - 1, -1, -1):
        x[i] = (b[i] - a[i] @ x) / a[i, i]
    return x


@case(SQUARE)
def pivoted(a):
    a = a.copy()
    sign = 1
    for k in range(a.shape[0]):
        p = k
        for i in range(k + 1, a.shape[0]):
            if abs(a[i, k]) > abs(a[p, k]):
                p = i
        if p != k:
            row = a[k].copy()
            a[k] = a[p]
            a[p] = row
            sign = -sign
        for i in range(k + 1, a.shape[0]):
            a[i] -= a[i, k] / a[k, k] * a[k]
    return sign, a


@case(SQUARE, differentiable=True)
def power_iteration(a):
    x = np.ones(4)
    for _ in range(6):
        y = a @ x
        x = y / np.sqrt(np.sum(y * y))
    return x @ a @ x


@case(M34, matrix(4, 2), differentiable=True)
def product_by_loops(a, b):
    n, k = a.shape
    c = np.zeros((n, b.shape[1]))
    for i in range(n):
        for j in range(b.shape[1]):
            for t in range(k):
                c[i, j] += a[i, t] * b[t, j]
    return c


@case(vector(1.0, 2.0, 0.5), vector(0.3, -1.0), differentiable=True)
def convolution(x, k):
    out = np.zeros(len(x) + len(k) - 1)
    for i in range(len(x)):
        for j in range(len(k)):
            out[i + j] += x[i] * k[j]
    return out


@case(vector(0.1, 0.5, 0.4), matrix(3, 3) ** 2, I5 % 3.0, differentiable=True)
def hidden_markov(start, steps, seen):
    belief = start
    total = 0.0
    for s in seen:
        belief = belief @ steps * (0.5 + 0.1 * s)
        weight = belief.sum()
        belief = belief / weight
        total = total + dn.log(weight)
    return total


@case(np.array([0, 1, 1, 4, 2]))
def histogram(x):
    counts = np.zeros(5, dtype=np.int64)
    for v in x:
        counts[v] += 1
    return counts


@case(np.array([5, 2, 9, 1, 7]))
def counting_sort(x):
    counts = np.zeros(10, dtype=np.int64)
    for v in x:
        counts[v] += 1
    out = np.zeros_like(x)
    place = 0
    for v in range(10):
        for _ in range(counts[v]):
            out[place] = v
            place += 1
    return out


@case(vector(5.0, 2.0, 9.0, 1.0))
def insertion_sort(x):
    x = x.copy()
    for i in range(1, len(x)):
        v, j = x[i], i
        while j > 0 and x[j - 1] > v:
            x[j] = x[j - 1]
            j -= 1
        x[j] = v
    return x


@case(48, 36)
def euclid(a, b):
    while b:
        a, b = b, a % b
    return a


@case(3, 13, 7)
def power_modulo(base, exponent, modulus):
    result = 1
    base = base % modulus
    while exponent > 0:
        if exponent % 2 == 1:
            result = result * base % modulus
        exponent = exponent // 2
        base = base * base % modulus
    return result


@case(97)
def is_prime(n):
    d = 2
    while d * d <= n:
        if n % d == 0:
            return False
        d += 1
    return n > 1


@case(10)
def pascal(n):
    row = np.zeros(12, dtype=np.int64)
    row[0] = 1
    for i in range(1, n):
        for j in range(i, 0, -1):
            row[j] += row[j - 1]
    return row


@case(vector(1.0, 4.0, 2.0, 8.0, 5.0), 3)
def moving_mean(x, n):
    out = np.zeros(len(x))
    for i in range(len(x)):
        total, count = 0.0, 0
        for j in range(max(0, i - n + 1), i + 1):
            total += x[j]
            count += 1
        out[i] = total / count
    return out


@case(vector(3.0, 1.0, 2.0))
def place_of_the_largest(x):
    best = 0
    for i in range(1, len(x)):
        if x[i] > x[best]:
            best = i
    return best, x[best]


@case(vector(0.2, 0.7, -0.4), differentiable=True)
def soft_threshold(x):
    out = np.zeros_like(x)
    for i in range(len(x)):
        if x[i] > 0.3:
            out[i] = x[i] - 0.3
        elif x[i] < -0.3:
            out[i] = x[i] + 0.3
    return out


@case(vector(1.0, 2.0, 3.0), vector(2.0, 4.1, 5.9), differentiable=True)
def fitted_line(x, y):
    w = b = 0.0
    for _ in range(20):
        e = w * x + b - y
        w = w - 0.1 * np.mean(e * x)
        b = b - 0.1 * np.mean(e)
    return w + b


@case(matrix(6, 2))
def nearest_pair(points):
    best, pair = math.inf, (0, 0)
    for i in range(len(points)):
        for j in range(i + 1, len(points)):
            d = np.sum((points[i] - points[j]) ** 2)
            if d < best:
                best, pair = d, (i, j)
    return best, pair


@case(matrix(6, 2), np.array([0, 3]))
def k_means(points, first):
    centers = points[first]
    for _ in range(4):
        sums = np.zeros((2, 2))
        counts = np.zeros(2)
        for p in points:
            k = np.argmin(np.sum((centers - p) ** 2, axis=1))
            sums[k] += p
            counts[k] += 1
        centers = sums / np.maximum(counts, 1)[:, None]
    return centers


@case(vector(0.1, 0.4, -0.3), matrix(3, 3), differentiable=True)
def recurrent(h, w):
    for _ in range(5):
        h = dn.tanh(w @ h)
    return h


@case(M34, differentiable=True)
def layer_norm(x):
    centered = x - np.mean(x, axis=-1, keepdims=True)
    spread = np.mean(centered**2, axis=-1, keepdims=True)
    return centered / np.sqrt(spread + 1e-5)


@case(matrix(3, 2), matrix(3, 2) * 0.5, matrix(3, 2) + 1.0, differentiable=True)
def attention(q, k, v):
    scores = q @ k.T / math.sqrt(q.shape[1])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ v


@case(vector(100.0, 95.0), 0.5, differentiable=True)
def option_price(s, t):
    rate, sigma, strike = 0.02, 0.3, 98.0
    d = (dn.log(s / strike) + (rate + sigma**2 / 2) * t) / (sigma * dn.sqrt(t))
    near = 0.5 * (1 + dn.erf(d / math.sqrt(2)))
    far = 0.5 * (1 + dn.erf((d - sigma * dn.sqrt(t)) / math.sqrt(2)))
    return s * near - strike * dn.exp(-rate * t) * far


@case(1.5, 8, differentiable=True)
def binomial_tree(x, n):
    values = np.zeros(10)
    for i in range(n + 1):
        values[i] = dn.maximum(x * 1.1 ** (2 * i - n) - 1.4, 0.0)
    for step in range(n, 0, -1):
        for i in range(step):
            values[i] = 0.5 * (values[i] + values[i + 1])
    return values[0]


@case(np.array([1, 0, 1, 1, 0, 1]))
def parsed_binary(bits):
    value = 0
    for b in bits:
        value = value * 2 + b
    return value


@case(np.array([1, -1, 1, 1, -1, -1]))
def is_balanced(steps):
    depth = 0
    for s in steps:
        depth += s
        if depth < 0:
            return False
    return depth == 0


@case(vector(2.0, -1.0), differentiable=True)
def rosenbrock_descent(p):
    for _ in range(3):
        x, y = p
        gx = -2 * (1 - x) - 4 * x * (y - x * x)
        gy = 2 * (y - x * x)
        p = p - 0.01 * np.stack([gx, gy])
    return np.sum(p)


@case(V5, differentiable=True)
def polynomial_of_each(x):
    out = np.zeros_like(x)
    for i, v in enumerate(x):
        acc = 0.0
        for c in (1.0, -2.0, 0.5):
            acc = acc * v + c
        out[i] = acc
    return out


@case(2.0, differentiable=True)
def fixed_point(a):
    x = a
    while True:
        new = 0.5 * (x + a / x)
        if abs(new - x) < 1e-12:
            break
        x = new
    return new


@case(V5)
def signs_counted(x):
    below = above = 0
    for v in x:
        if v == 0:
            continue
        if v < 0:
            below += 1
        else:
            above += 1
    return {"below": below, "above": above}


@case(matrix(3, 3))
def spiral(a):
    out = np.zeros(9)
    top, bottom, left, right, k = 0, 2, 0, 2, 0
    while top <= bottom and left <= right:
        for j in range(left, right + 1):
            out[k] = a[top, j]
            k += 1
        top += 1
        for i in range(top, bottom + 1):
            out[k] = a[i, right]
            k += 1
        right -= 1
        if top <= bottom:
            for j in range(right, left - 1, -1):
                out[k] = a[bottom, j]
                k += 1
            bottom -= 1
        if left <= right:
            for i in range(bottom, top - 1, -1):
                out[k] = a[i, left]
                k += 1
            left += 1
    return out
