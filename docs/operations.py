"""What the page of all operations tells of functions that make expressions.

Nothing on the page is claimed: each public function is called as in its docstring's
example, with arrays of every dtype, differentiated, mapped over lanes and compiled,
and the page tells what came of it on the machine that made it.
"""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

import defnpy as dn
from defnpy.backends import cpu
from defnpy.backends.reference import evaluate
from defnpy.base import tree
from defnpy.base.dtypes import as_dtype
from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.function import Function, inline
from defnpy.ir.kernel import Call
from defnpy.ir.statements import walk
from defnpy.ir.types import TensorType
from defnpy.ops import fft, linalg, public
from defnpy.ops.unsized import Unsized
from defnpy.passes.lower import lower
from defnpy.passes.simplify import simplify
from defnpy.transforms.grad import value_and_grad
from defnpy.transforms.vmap import vmap

if TYPE_CHECKING:
    from collections.abc import Callable

# A dtype of each kind; what takes it takes the kind's other sizes.
KINDS: dict[str, Any] = {
    "bool": np.bool_,
    "int": np.int32,
    "uint": np.uint8,
    "half": ml_dtypes.bfloat16,
    "float": np.float32,
    "complex": np.complex64,
}
_ARRAY_API = """
abs acos acosh add all any arange argmax argmin argsort asarray asin asinh astype atan
atan2 atanh bitwise_and bitwise_invert bitwise_left_shift bitwise_or bitwise_right_shift
bitwise_xor broadcast_arrays broadcast_to can_cast ceil clip concat conj copysign cos
cosh count_nonzero cumulative_prod cumulative_sum diff divide empty empty_like equal exp
expand_dims expm1 eye finfo flip floor floor_divide from_dlpack full full_like greater
greater_equal hypot iinfo imag isdtype isfinite isinf isnan less less_equal
linspace log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor
matmul matrix_transpose max maximum mean meshgrid min minimum moveaxis multiply negative
nextafter nonzero not_equal ones ones_like permute_dims positive pow prod real
reciprocal remainder repeat reshape result_type roll round searchsorted sign signbit
sin sinh sort sqrt square squeeze stack std subtract sum take take_along_axis tan tanh
tensordot tile
tril triu trunc unique_all unique_counts unique_inverse unique_values unstack var vecdot
where zeros zeros_like
linalg.cholesky linalg.cross linalg.det linalg.diagonal linalg.eigh linalg.eigvalsh
linalg.inv linalg.matmul linalg.matrix_norm linalg.matrix_power linalg.matrix_rank
linalg.matrix_transpose linalg.outer linalg.pinv linalg.qr linalg.slogdet linalg.solve
linalg.svd linalg.svdvals linalg.tensordot linalg.trace linalg.vecdot linalg.vector_norm
fft.fft fft.fftfreq fft.fftn fft.fftshift fft.hfft fft.ifft fft.ifftn fft.ifftshift
fft.ihfft fft.irfft fft.irfftn fft.rfft fft.rfftfreq fft.rfftn
"""
ARRAY_API = frozenset(_ARRAY_API.split())
SCIPY = {
    *("erf", "erfc", "erfinv", "logsumexp", "softmax", "log_softmax", "digamma"),
    *("gammaln",),
    *("linalg.expm", "linalg.lu", "linalg.solve_triangular"),
}
JAX = {
    *("rsqrt", "sigmoid", "softplus", "log_sigmoid", "one_hot", "stop_gradient"),
    *("dynamic_slice", "dynamic_update_slice", "iota", "population_count", "top_k"),
    *("lgamma", "segment_sum", "segment_prod", "segment_max", "segment_min"),
}
NX = {
    *("bitcast", "conv", "count_leading_zeros", "cumulative_max", "cumulative_min"),
    *("indexed_add", "indexed_put", "make_diagonal", "mode", "put_diagonal"),
    *(
        "all_close",
        "quotient",
        "select",
        "tensor",
        "window_max",
        "window_mean",
        "window_min",
        "window_prod",
    ),
    *("window_scatter_max", "window_scatter_min", "window_sum"),
}
# Arithmetic of whole registers, of x86 and of ARM.  Bits of one register with itself
# make zeros or ones, and do not count.
PACKED = re.compile(
    r"\bv?(?:add|sub|mul|div|min|max|sqrt|fn?m\w+|cmp\w*|rndscale|round|cvt\w+)p[sd]\b"
    r"|\bv?p(?:add|sub|mul|min|max|sll|srl|sra|tern)\w*\s"
    r"|\bv?(?:p(?:cmp|and|or|xor|test)\w*|(?:andn?|or|xor)p[sd])\s+(?!(%\w+), \1\b)"
    r"|\bf?\w+\s+v\d+\.(?:4s|2d|8h|16b), v\d+\.\w+, v"
)
SINGLE = re.compile(r"\bv?(?:add|sub|mul|div|min|max|sqrt|fn?m\w+|u?comi)s[sd]\b")
MOVED = re.compile(r"\bv?mov\w*\s+.*%[yz]mm|gather|memcpy|memmove|\bldp\s+q")

Example = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """What the page tells of a function."""

    name: str
    dtypes: str
    gradient: str
    lanes: str
    vectors: str
    standard: str

    def line(self) -> str:
        """Return the row of the table."""
        cells = (self.dtypes, self.gradient, self.lanes, self.vectors, self.standard)
        return f"| `{self.name}` | {' | '.join(cells)} |"


def functions() -> dict[str, Callable[..., Any]]:
    """Return the builders of all public functions that make expressions, by name."""
    made = dict(public.FUNCTIONS)
    for module, builders in (("linalg", linalg.FUNCTIONS), ("fft", fft.FUNCTIONS)):
        made |= {f"{module}.{name}": each for name, each in builders.items()}
    return made


def example(name: str) -> Example | None:
    """Return the arguments of the first call in a function's docstring."""
    function = dn
    for part in name.split("."):
        function = getattr(function, part)
    called = re.compile(rf"dn\.(\w+\.)?{name.split('.')[-1]}$")
    names: dict[str, Any] = {"np": np, "dn": dn}
    for each in doctest.DocTestParser().get_examples(inspect.getdoc(function) or ""):
        for node in ast.walk(ast.parse(each.source)):
            if isinstance(node, ast.Call) and called.match(ast.unparse(node.func)):
                try:
                    return _arguments(node, names)
                except NameError:
                    return None
        try:
            exec(each.source, names)
        except dn.DefnError:
            return None
    return None


def _arguments(node: ast.Call, names: dict[str, Any]) -> Example:
    args = tuple(eval(ast.unparse(arg), names) for arg in node.args)
    options = {k.arg: eval(ast.unparse(k.value), names) for k in node.keywords if k.arg}
    return args, options


def build(
    builder: Callable[..., Any], leaves: list[Any], treedef: Any
) -> tuple[Function, list[np.ndarray]] | None:
    """Return the program of one call and its arrays; None for a static result."""
    with scope(isolated=True) as region:
        operands = [param(leaf) if _is_array(leaf) else leaf for leaf in leaves]
        params = tuple(each for each in operands if isinstance(each, Expr))
        args, options = tree.unflatten(treedef, operands)
        found = tree.leaves(builder(*args, **options))
        results = tuple(each for each in found if isinstance(each, Expr))
        if not results or not params:
            return None
        function = Function("f", params, results, tuple(region.effects))
    return function, [np.ascontiguousarray(leaf) for leaf in leaves if _is_array(leaf)]


def param(array: np.ndarray) -> Expr:
    """Return a parameter of a program that takes arrays like this one."""
    return make_param("x", TensorType(as_dtype(array.dtype), array.shape))


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray)


def choices(leaves: list[Any], dtype: Any) -> list[list[Any]]:
    """Return the example's leaves with arrays as `dtype`: all, or the first one.

    Masks stay masks where there are other arrays.
    """
    places = [k for k, leaf in enumerate(leaves) if _is_array(leaf)]
    numbers = [k for k in places if leaves[k].dtype != np.bool_] or places
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parts that are lost
        return [
            [leaf.astype(dtype) if k in some else leaf for k, leaf in enumerate(leaves)]
            for some in (numbers, numbers[:1])
        ]


Made = tuple[Function, list[np.ndarray]]


def taken(builder: Callable[..., Any], given: Example) -> dict[str, Made]:
    """Return the kinds of dtype that a function takes, and its program for each."""
    leaves, treedef = tree.flatten(given)
    found: dict[str, Made] = {}
    for kind, dtype in KINDS.items():
        for chosen in choices(leaves, dtype):
            try:
                made = build(builder, chosen, treedef)
                if made is not None:
                    evaluate(*made)
                    found[kind] = made
                    break
            except dn.InternalError:
                raise
            except (dn.DefnError, np.linalg.LinAlgError):
                continue
    return found


def gradient(made: Made) -> str:
    """Say whether a function has a gradient that is not always zero."""
    function, arrays = made
    rng = np.random.default_rng(0)
    with scope(isolated=True) as region:
        params = tuple(param(array) for array in arrays)
        results = [public.FUNCTIONS["real"](each) for each in inline(function, params)]
        floats = [each for each in results if each.dtype.is_float]
        wrt = [k for k, each in enumerate(params) if each.dtype.is_inexact]
        if not floats or not wrt:
            return "–"
        terms = [
            public.FUNCTIONS["sum"](e * rng.uniform(0.5, 1, e.shape)) for e in floats
        ]
        total = public.FUNCTIONS["astype"](sum(terms[1:], terms[0]), "f64")
        loss = Function("loss", params, (total,), tuple(region.effects))
    # Not at the example's own values, where a slope may happen to be zero.
    moved = [
        (x + rng.uniform(0.1, 0.2, x.shape)).astype(x.dtype) if k in wrt else x
        for k, x in enumerate(arrays)
    ]
    try:
        found = evaluate(value_and_grad(loss, wrt), moved)[1:]
    except dn.DefnError:
        return "no"
    return "yes" if any(np.any(each != 0) for each in found) else "zero"


def lanes(made: Made) -> str:
    """Say whether a function of lanes gives what it gives lane after lane."""
    function, arrays = made
    size = 3
    try:
        batch = vmap(function, [True] * len(arrays), size)
    except dn.DefnError:
        return "no"
    stacked = [np.stack([array] * size) for array in arrays]
    wanted = evaluate(function, arrays)
    found = evaluate(batch.function, stacked)
    for got, one, lane in zip(found, wanted, batch.outs, strict=True):
        value = np.asarray(got)[-1] if lane else got
        if not np.array_equal(value, one, equal_nan=True):
            return "no"
    return "lane by lane" if batch.by_lane else "yes"


def vectors(builder: Callable[..., Any], given: Example, made: Made) -> str:
    """Say what the machine code of a call does: a routine, vectors, or neither."""
    kernel = lower(simplify(_larger(builder, given, made)))
    called = {each.name for each in walk(kernel.body) if isinstance(each, Call)}
    if called:
        return f"calls {', '.join(sorted(called))}"
    asm = cpu.compile_kernel(kernel).asm
    if PACKED.search(asm):
        return "yes"
    return "copies" if MOVED.search(asm) and not SINGLE.search(asm) else "no"


def _larger(builder: Callable[..., Any], given: Example, made: Made) -> Function:
    """Return the program for long arrays where the example's may be repeated."""
    leaves, treedef = tree.flatten(given)
    dtype = np.float32 if made[1][0].dtype.kind in "fV" else made[1][0].dtype
    (chosen, *_) = choices(leaves, dtype)
    for times in ((64,), (1,)):
        try:
            tiled = [
                np.tile(x, times) if _is_array(x) and x.ndim else x for x in chosen
            ]
            larger = build(builder, tiled, treedef)
        except dn.DefnError:
            continue
        if larger is not None:
            return larger[0]
    return made[0]


def standard(name: str) -> str:
    """Return where a function's name and meaning come from."""
    module, _, short = name.rpartition(".")
    numpy = getattr(np, module) if module else np
    if name in ARRAY_API:
        return "Array API"
    if hasattr(numpy, short):
        return "NumPy"
    if name in SCIPY:
        return "SciPy"
    return "JAX" if name in JAX else "Nx" if name in NX else "defnpy"


def row(name: str, builder: Callable[..., Any]) -> Row:
    """Return what there is to tell of a function."""
    given = example_of(name, builder)
    kinds = taken(builder, given) if given is not None else {}
    if given is None or not kinds:
        asked = "dtype" in inspect.signature(builder).parameters
        dtypes = "asked for" if asked else "–"
        return Row(name, dtypes, "–", "–", "–", standard(name))
    made = next(kinds[k] for k in ("float", "int", *kinds) if k in kinds)
    return Row(
        name,
        "any" if len(kinds) == len(KINDS) else " ".join(kinds),
        _slope([kinds[k] for k in ("float", "complex", "int") if k in kinds]),
        lanes(made),
        vectors(builder, given, made),
        standard(name),
    )


def _slope(programs: list[Made]) -> str:
    """Return "yes" if a program of any dtype has a gradient, else what is first."""
    found = [gradient(made) for made in programs] or ["–"]
    return "yes" if "yes" in found else found[0]


def example_of(name: str, builder: Callable[..., Any]) -> Example | None:
    """Return a function's example, or that of the one it is another name of.

    What takes the size of its result gets one.
    """
    same = (other for other, each in functions().items() if each is builder)
    found = (example(each) for each in (name, *same))
    given = next((each for each in found if each is not None), None)
    if given is not None and isinstance(builder, Unsized):
        return given[0], {builder.option: 4, **given[1]}
    return given
