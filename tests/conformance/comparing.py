"""Whether a result is what Nx says.

Shapes are compared, and values within the tolerance of Nx's own test.  Dtypes follow
this language, not Nx: a float or complex result must have exactly Nx's dtype; an
integer may be of any size and signedness (ours are i64 where Nx defaults to s32, and
add up wide); a predicate is bool where Nx has u8; what is computed of Python's numbers
alone has no dtype here and matches any.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance import records
from conformance.translation import UntranslatableError, no_dtype

_RTOL = 1e-4  # where a vector gives none


@dataclass(frozen=True)
class Leaf:
    """An expected array or number, and its dtype where Nx's test tells it."""

    value: Any
    dtype: np.dtype | None = None


@dataclass(frozen=True)
class Same:
    """Whatever another expression gives."""

    expr: Any


@dataclass(frozen=True)
class Raises:
    """An error."""

    text: str


@dataclass(frozen=True)
class DTypeName:
    """A dtype as a result."""

    name: str


def expectation(node: Any) -> Any:
    """Return what is expected, with `Leaf` and its kin for leaves."""
    if "raises" in node:
        return Raises(node["raises"])
    if "same_as" in node:
        return Same(node["same_as"])
    for key in ("tuple", "list"):
        if key in node:
            return [expectation(each) for each in node[key]]
    if "shape" in node:
        return _array(node)
    if "map" in node:
        return [expectation(value) for _, value in node["map"]]
    if "scalar" in node:
        return _scalar(node["scalar"])
    if "kw" in node:  # the sizes of axes, without their names
        return [expectation(value) for _, value in node["kw"]]
    raise UntranslatableError("axes have no names here")


def _array(node: dict[str, Any]) -> Leaf:
    dtype = records.numpy_dtype(node["dtype"])
    if dtype is None:
        raise UntranslatableError(no_dtype(node["dtype"]))
    return Leaf(records.array(node), dtype)


def _scalar(value: Any) -> Any:
    if not isinstance(value, dict):
        return Leaf(value)
    if "complex" in value:
        return Leaf(records.number(value["complex"]))
    if "dtype" in value:
        return DTypeName(value["dtype"])
    nonfinite = {"nan": np.nan, "infinity": np.inf, "neg_infinity": -np.inf}
    if value.get("atom") in nonfinite:
        return Leaf(nonfinite[value["atom"]])
    if "atom" in value:
        return Leaf(value["atom"])
    raise UntranslatableError("what is expected is not a tensor")


def difference(got: Any, wanted: Any, rules: dict[str, Any]) -> str | None:
    """Return how a result differs from what is wanted, None if it does not."""
    if isinstance(wanted, Raises):
        return f"gives {_shown(got)} instead of {wanted.text}"
    if isinstance(wanted, list) and _is_dtype(got):
        return _dtype_pair(got, wanted)
    if isinstance(wanted, list):
        return _differences(got, wanted, rules)
    if isinstance(wanted, DTypeName):
        return None if _dtype_fits(got, wanted.name) else f"{got} is not {wanted.name}"
    return _leaf(got, wanted, rules)


def _differences(got: Any, wanted: list[Any], rules: dict[str, Any]) -> str | None:
    parts = list(got.values()) if isinstance(got, dict) else list(got)
    if len(parts) != len(wanted):
        return f"{len(parts)} results instead of {len(wanted)}"
    for one, other in zip(parts, wanted, strict=True):
        problem = difference(one, other, rules)
        if problem:
            return problem
    return None


def _is_dtype(value: Any) -> bool:
    return isinstance(value, np.dtype | type) or type(value).__name__ == "DType"


def _dtype_pair(got: Any, wanted: list[Any]) -> str | None:
    """Compare a dtype with a pair such as ``{:s, 32}``."""
    name = "".join(str(leaf.value) for leaf in wanted)
    return None if _dtype_fits(got, name) else f"{got} is not {name}"


def _dtype_fits(got: Any, name: str) -> bool:
    wanted = records.numpy_dtype(name)
    return wanted is not None and _fits(_numpy(got), wanted)


def _numpy(dtype: Any) -> np.dtype:
    return np.dtype(getattr(dtype, "numpy", dtype))


def _fits(got: np.dtype, wanted: np.dtype) -> bool:
    if wanted.kind in "iu":
        return got.kind in "iub"
    return got == wanted


def _leaf(got: Any, wanted: Leaf, rules: dict[str, Any]) -> str | None:
    if _is_dtype(wanted.value):
        return None if _numpy(got) == _numpy(wanted.value) else f"{got} is another"
    if isinstance(wanted.value, str | bool) or wanted.value is None:
        same = got == wanted.value
        return None if bool(same) else f"{got!r} is not {wanted.value!r}"
    one, other = np.asarray(got), np.asarray(wanted.value)
    if one.shape != other.shape:
        return f"shape {one.shape} instead of {other.shape}"
    strong = not isinstance(got, bool | int | float | complex)
    known = wanted.dtype is not None and rules.get("strict", False)
    if not close(one, other, rules):
        return f"{_shown(one)} instead of {_shown(other)}"
    if known and strong and not _fits(one.dtype, wanted.dtype):
        return f"dtype {one.dtype} instead of {wanted.dtype}"
    return None


def close(one: np.ndarray, other: np.ndarray, rules: dict[str, Any]) -> bool:
    """Whether values agree within the tolerance of a vector's test."""
    if one.dtype.kind in "biu" and other.dtype.kind in "biu":
        return bool((one.astype(object) == other.astype(object)).all())
    rtol = max(rules.get("rtol", _RTOL), 1e-6)
    wide = np.complex128 if "c" in (one.dtype.kind, other.dtype.kind) else np.float64
    one, other = one.astype(wide), other.astype(wide)
    size = np.abs(other[np.isfinite(other)]).max(initial=0.0)
    atol = rules.get("atol", rtol * min(size, 1.0) * 1e-2)
    return bool(np.allclose(one, other, rtol=rtol, atol=atol, equal_nan=True))


def _shown(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) < 200 else text[:200] + "…"
