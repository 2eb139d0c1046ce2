"""The vectors: facts of Nx, one JSON object a line."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

AREAS = ("nx", "nx-grad", "nx-linalg", "nx-random", "nx-defn")
_VECTORS = Path(__file__).parent / "vectors"
_NONFINITE = {"NaN": np.nan, "Inf": np.inf, "-Inf": -np.inf}


@dataclass(frozen=True)
class Vector:
    """One fact: what an expression gives."""

    id: str
    area: str
    kind: str  # "value", "meta", "raises" or "relation"
    expr: Any
    expect: Any
    compare: dict[str, Any]


@functools.cache
def load(area: str) -> list[Vector]:
    """Return the vectors of an area."""
    lines = (_VECTORS / f"{area}.jsonl").read_text("utf-8").splitlines()
    return [_vector(area, json.loads(line)) for line in lines]


def _vector(area: str, record: dict[str, Any]) -> Vector:
    return Vector(
        record["id"],
        area,
        record["class"],
        record["expr"],
        record["expect"],
        record["cmp"],
    )


def numpy_dtype(name: str) -> np.dtype | None:
    """Return NumPy's dtype for a name of Nx's, None where we have none."""
    if name == "bf16":
        return np.dtype(ml_dtypes.bfloat16)
    kind = {"s": "int", "u": "uint", "f": "float", "c": "complex"}.get(name[:1])
    bits = name[1:]
    if kind is None or bits not in ("8", "16", "32", "64", "128"):
        return None
    try:
        return np.dtype(kind + bits)
    except TypeError:
        return None  # a float of 8 bits


def number(value: Any) -> Any:
    """Return a number as it is written in the vectors."""
    if isinstance(value, str):
        return _NONFINITE[value]
    if isinstance(value, list):
        return complex(number(value[0]), number(value[1]))
    return value


def array(literal: dict[str, Any]) -> np.ndarray:
    """Return a literal tensor, rounded to its dtype."""
    dtype = numpy_dtype(literal["dtype"])
    assert dtype is not None, literal["dtype"]
    values = [number(value) for value in literal["data"]]
    if dtype.kind in "iu":
        made = np.array(values, object).astype(dtype)
    else:
        wide = np.complex128 if dtype.kind == "c" else np.float64
        with np.errstate(all="ignore"):
            made = np.array(values, wide).astype(dtype)
    return made.reshape(literal["shape"])
