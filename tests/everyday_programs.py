"""More of the corpus: what people write who come from NumPy."""

import numpy as np
from programs import I5, M34, V5, case


@case(V5, 3)
@case(V5, 1, name="first_large_not_found")
@case(V5, 0, name="first_large_of_none")
def first_large(x, n):
    for i in range(n):
        if x[i] > 1:
            found, value = i, x[i]
            break
    else:
        found, value = -1, 0.5
    return found, value


@case(V5)
def else_of_while_binds(x):
    i = 0
    while i < len(x):
        if x[i] > 10:
            found = i
            break
        i += 1
    else:
        found = -1
    return found


@case(V5, 4)
@case(V5, 2, name="leave_two_loops_late")
def leave_two_loops(x, n):
    for i in range(n):
        for j in range(5):
            if x[j] * x[i] > 6:
                first, second = i, j
                break
        else:
            continue
        break
    else:
        first = second = -1
    return first, second


@case(V5, differentiable=True)
def sides_that_leave_bind_other_names(x):
    total = 0.0
    for value in x:
        if value < -1:
            continue
        elif value > 3:
            end = 9.0 * value
            break
        else:
            twice = value * 2
        total += twice
    else:
        end = 1.0
    return total + end


@case(V5, 3, differentiable=True)
def loops_over_slices_of_run_time_length(x, n):
    total = 0.0
    for k, value in enumerate(x[n:]):
        total += k * value
    for value in reversed(x[:n]):
        total = total * 2 + value
    for a, b in zip(x[:n], x[2:], strict=False):
        total += a * b
    return total


@case(V5, 4, 1, -1)
@case(V5, 1, 5, 2, name="ranges_under_enumerate_up")
@case(V5, 5, 1, 2, name="ranges_under_enumerate_empty")
def ranges_under_enumerate(x, start, stop, step):
    total = 0.0
    for k, i in enumerate(range(start, stop, step)):
        total += k * x[i]
    for i in reversed(range(start, stop, step)):
        total = total * 2 + x[i]
    for i, value in zip(range(start, stop, step), x, strict=False):
        total += i * value
    return total


@case(V5 + 1j * V5[::-1], 1j, 2.0)
def parts_of_complex_numbers(x, z, r):
    return x.real, x.imag, x.conj(), z.real, z.conjugate(), r.real, r.imag


@case(V5, differentiable=True)
def arrays_that_trade_places_twice(x):
    a, b = x.copy(), x * 2
    for _ in range(2):
        for v in a * 1.0:
            a, b = b, a
            b[1] += v
    return (a * np.array([1.0, 2.0, 3.0, 4.0, 5.0])).sum() + b[0]


@case(V5, differentiable=True)
def reductions_of_what_a_mask_selects(x):
    large = x[x > 0]
    return large.sum() * 2 + x[x < 0].mean() - x[x > 1].max() + large.std() + large[-1]


@case(V5)
def what_a_mask_selects(x):
    m, y = x > 0, x * 3
    selected = x[m]
    sizes = len(selected), selected.size, selected.shape[0]
    numbers = (selected * y[m]).sum(), selected @ y[m], np.exp(selected).prod()
    return sizes, numbers, np.var(selected, ddof=1), (selected > 1).any(), max(selected)


@case(M34)
def masks_of_rows_and_of_elements(m):
    rows = m[m[:, 0] > -0.5]
    return m[m > 0].mean(), (m > 0).sum(), rows.sum(axis=0), rows.mean(), rows.max()


@case(V5, differentiable=True)
def loop_over_what_a_mask_selects(x):
    total = 0.0
    for k, value in enumerate(x[x > 0.4]):
        total += (k + 1) * value**2
    return total


@case(V5, differentiable=True)
def masked_stores(x):
    y = np.zeros(len(x))
    positive = x > 0
    y[positive] = np.sqrt(x[positive]) * 3
    y[~positive] = x[~positive] ** 2
    y[x > 3] += 1.0
    y[x > 1] = x[x < 0]
    return y


@case(M34)
def masked_rows(m):
    m = m.copy()
    chosen = m[:, 1] > -0.2
    m[chosen] = np.array([1.0, 2.0, 3.0, 4.0])
    m[~chosen] *= 2
    m[m > 3] = 0.5
    m[chosen] = m[chosen] * np.array([1.0, 0.0, 1.0, 0.0])
    return m


@case(I5)
def masked_divisors(n):
    n = n.copy()
    m = np.array([10, 20, 30, 40, 50])
    n[0] = 0
    m[n > 0] //= n[n > 0]
    return m


@case(V5)
def masks_that_are_known(x):
    y = x.copy()
    y[[True, False, True, False, True]] = 0.0
    return y, x[[False, True, True, False, False]]


@case(np.zeros(0))
def mask_of_nothing(x):
    return x[x > 0].sum(), len(x[x > 0])
