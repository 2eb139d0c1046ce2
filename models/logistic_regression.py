"""Logistic regression by gradient descent: who passes, given two exam results?

The functions are the plain loops of a first course, compiled as they stand.
Run it:

    python -m models.logistic_regression
"""

import numpy as np

import defnpy as dn
from defnpy import defn, preprocessing


def make_exams(count=100, seed=0):
    """Return two exam results [count, 2] from 30 to 100, and who passed [count]."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(30, 100, (count, 2))
    judged = x @ np.array([0.45, 0.55]) + rng.normal(0, 4, count)
    return x, (judged > 62).astype(np.float64)


@defn
def sigmoid(z):
    """Return 1 / (1 + e⁻ᶻ)."""
    return 1 / (1 + np.exp(-z))


@defn
def compute_cost(x, y, w, b):
    """Return the mean logistic loss of the predictions sigmoid(x @ w + b)."""
    m = x.shape[0]
    cost = 0.0
    for i in range(m):
        f_wb = sigmoid(np.dot(x[i], w) + b)
        cost += -y[i] * np.log(f_wb) - (1 - y[i]) * np.log(1 - f_wb)
    return cost / m


@defn
def compute_gradient(x, y, w, b):
    """Return the derivatives of the cost by w and b, as worked out on paper."""
    m, n = x.shape
    dj_dw = np.zeros(n)
    dj_db = 0.0
    for i in range(m):
        error = sigmoid(np.dot(x[i], w) + b) - y[i]
        for j in range(n):
            dj_dw[j] += error * x[i, j]
        dj_db += error
    return dj_dw / m, dj_db / m


@defn
def gradient_descent(x, y, w, b, alpha, steps):
    """Return w and b after so many steps against the gradient."""
    for _ in range(steps):
        dj_dw, dj_db = compute_gradient(x, y, w, b)
        w = w - alpha * dj_dw
        b = b - alpha * dj_db
    return w, b


@defn
def predict(x, w, b):
    """Return whether each row passes."""
    m = x.shape[0]
    passed = np.zeros(m)
    for i in range(m):
        if sigmoid(np.dot(x[i], w) + b) >= 0.5:
            passed[i] = 1
    return passed


def main():
    """Fit who passed, and count how often the fit is right."""
    exams, passed = make_exams()
    scaler = preprocessing.StandardScaler().fit(exams)
    x = scaler.transform(exams)
    w, b = np.zeros(2), 0.0

    by_hand = compute_gradient(x, passed, w, b)
    by_compiler = dn.grad(compute_cost, argnums=(2, 3))(x, passed, w, b)
    print("gradient on paper:       ", by_hand[0], by_hand[1])
    print("gradient by the compiler:", by_compiler[0], by_compiler[1])

    print(f"cost at first:   {compute_cost(x, passed, w, b):.4f}")
    w, b = gradient_descent(x, passed, w, b, 1.0, 10_000)
    print(f"cost in the end: {compute_cost(x, passed, w, b):.4f}")
    print(f"w: {w}, b: {b:.4f}")
    right = np.mean(predict(x, w, b) == passed)
    print(f"right for {right:.0%} of {len(x)} students")

    student = scaler.transform(np.array([[45.0, 85.0]]))
    chance = sigmoid(np.dot(student[0], w) + b)
    print(f"results 45 and 85: passes with probability {chance:.2f}")


if __name__ == "__main__":
    main()
