"""More of the corpus: what people write who come from NumPy."""

import numpy as np
from programs import V5, case


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
