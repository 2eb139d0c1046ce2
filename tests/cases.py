"""What a corpus of small programs is made of: plain functions, and their arguments.

Each is run by CPython and by every stage of the compiler, and the results are held
against each other; those marked differentiable also against finite differences.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np


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
