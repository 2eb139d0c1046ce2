"""What differs between the machines that one emitter serves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from defnpy.base.dtypes import F64
from defnpy.base.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defnpy.base.dtypes import DType

# What C's mathematics calls an op, where a record leaves it to the machine.
_C_NAMES = {
    **{name: name for name in ("exp", "exp2", "expm1", "log", "log2", "log10")},
    **{name: name for name in ("log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: name for name in ("cbrt", "hypot", "erf", "erfc", "lgamma", "nextafter")},
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh")},
    "arctanh": "atanh",
    "arctan2": "atan2",
    "atan2": "atan2",
    "power": "pow",
    "gamma": "tgamma",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A machine, as far as emitted text depends on it.

    Attributes:
        name: for errors.
        heap: whether there are ``malloc``, ``realloc`` and ``free``.
        parallel: the symbol of ``void (ptr f, ptr table, start, stop, piece)``, which
            runs ``f(table, low, high)`` for pieces of a range, on several threads.
        product: the symbol of our own matrix product for each dtype's name.
        gemm: the symbol of BLAS's, for dtypes that have none of ours.
        attributes: attributes of every function.
        math: symbols of C's functions, by op; ``f`` is added for f32.
        frame: bytes of local buffers that are kept on the stack.
        lanes: sizes of the vectors of a dtype that loops may be turned into.
        called: ops of floats that functions compute, though LLVM has an instruction.
    """

    name: str
    heap: bool = True
    parallel: str = ""
    product: Mapping[str, str] = field(default_factory=dict)
    gemm: Mapping[str, str] = field(default_factory=dict)
    attributes: str = ""
    math: Mapping[str, str] = field(default_factory=lambda: _C_NAMES)
    frame: int = 32768
    lanes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    called: frozenset[str] = frozenset()

    def math_symbol(self, op: str, dtype: DType) -> str:
        """Return the symbol of the function that computes `op` on `dtype`."""
        if op not in self.math:
            raise InternalError(f"{op} has no expansion and no function on {self.name}")
        return self.math[op] if dtype == F64 else f"{self.math[op]}f"


_LETTERS = {"c64": "c", "c128": "z"}  # as BLAS has them
CPU = Target(
    "cpu",
    parallel="defnpy_parallel",
    product={d: f"defnpy_product_{d}" for d in ("f32", "f64")},
    gemm={d: f"defnpy_{c}gemm" for d, c in _LETTERS.items()},
)
