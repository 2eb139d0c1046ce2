"""Linear regression by gradient descent: what does a house cost?

The functions are the plain loops of a first course, and they are compiled as they
stand: no arrays of indices, no loop combinators.  Run it:

    python -m models.linear_regression
"""

import numpy as np

import defnpy as dn
from defnpy import defn, preprocessing

# Floor area in square metres, rooms and age in years of some houses, and their
# prices in thousands.
HOUSES = np.array(
    [
        [64.0, 2, 38],
        [71.0, 3, 45],
        [80.0, 3, 12],
        [95.0, 4, 30],
        [102.0, 4, 8],
        [118.0, 4, 22],
        [125.0, 5, 40],
        [140.0, 5, 5],
        [156.0, 6, 17],
        [173.0, 6, 33],
    ]
)
PRICES = np.array([171.0, 186, 243, 262, 312, 336, 330, 425, 450, 463])


@defn
def compute_cost(x, y, w, b):
    """Return half the mean squared error of the predictions x @ w + b."""
    m = x.shape[0]
    cost_sum = 0
    for i in range(m):
        f_wb = np.dot(x[i], w) + b
        cost_sum = cost_sum + (f_wb - y[i]) ** 2
    return cost_sum / (2 * m)


@defn
def compute_gradient(x, y, w, b):
    """Return the derivatives of the cost by w and b, as worked out on paper."""
    m, n = x.shape
    dj_dw = np.zeros(n)
    dj_db = 0.0
    for i in range(m):
        error = np.dot(x[i], w) + b - y[i]
        for j in range(n):
            dj_dw[j] += error * x[i, j]
        dj_db += error
    return dj_dw / m, dj_db / m


@defn
def gradient_descent(x, y, w, b, alpha, steps):
    """Return w and b after so many steps against the gradient, and the costs."""
    costs = np.zeros(100)
    for i in range(steps):
        if i % (steps // 100) == 0:
            costs[i // (steps // 100)] = compute_cost(x, y, w, b)
        dj_dw, dj_db = compute_gradient(x, y, w, b)
        w = w - alpha * dj_dw
        b = b - alpha * dj_db
    return w, b, costs


def main():
    """Fit the prices, and compare with the exact solution."""
    scaler = preprocessing.StandardScaler().fit(HOUSES)
    x = scaler.transform(HOUSES)
    w, b = np.zeros(3), 0.0

    by_hand = compute_gradient(x, PRICES, w, b)
    by_compiler = dn.grad(compute_cost, argnums=(2, 3))(x, PRICES, w, b)
    print("gradient on paper:       ", by_hand[0], by_hand[1])
    print("gradient by the compiler:", by_compiler[0], by_compiler[1])

    w, b, costs = gradient_descent(x, PRICES, w, b, 0.1, 10_000)
    print(f"cost: {costs[0]:.1f} at first, {costs[-1]:.3f} in the end")

    columns = np.column_stack([x, np.ones(len(x))])
    exact, *_ = np.linalg.lstsq(columns, PRICES, rcond=None)
    print("w and b found: ", np.append(w, b))
    print("w and b solved:", exact)

    house = np.array([[110.0, 4, 15]])
    price = np.dot(scaler.transform(house)[0], w) + b
    print(f"110 m², 4 rooms, 15 years old: {price:.0f} thousand")


if __name__ == "__main__":
    main()
