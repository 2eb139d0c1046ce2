"""The second language: loops over scalars and memory.

A Kernel is a list of statements over row-major buffers.  Scalars are expressions
of shape ``()``; besides the elementwise ops they may hold `load`.

An expression is evaluated where the statement that holds it stands, so a `load`
reads memory as it is then.  What must be computed once and used by several
statements is bound by `Let`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from defnpy.base.dtypes import I64
from defnpy.ir.expr import Expr, make
from defnpy.ir.op import Attrs, Missing, Op
from defnpy.ir.types import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from defnpy.base.dtypes import DType
    from defnpy.base.span import Span


@dataclass(frozen=True, slots=True, eq=False)
class Buffer:
    """Row-major memory of one dtype.

    Attributes:
        name: for printing.
        dtype: of its elements.
        shape: its sizes, ints and Dims; ``()`` is one element.
        role: ``"param"`` (read only), ``"result"``, ``"local"`` or ``"constant"``.
        base: the buffer whose memory this one shows in another shape.
        value: the elements of a constant.
    """

    name: str
    dtype: DType
    shape: tuple[Any, ...]
    role: str = "local"
    base: Buffer | None = None
    value: np.ndarray | None = None

    @property
    def size(self) -> Any:
        """Number of elements."""
        return TensorType(self.dtype, self.shape).size

    @property
    def bytes(self) -> Any:
        """Size in bytes."""
        return self.size * self.dtype.bytes

    def view(self, shape: tuple[Any, ...]) -> Buffer:
        """Return the same memory in another shape."""
        if shape == self.shape:
            return self
        root = self.base or self
        return Buffer(root.name, root.dtype, shape, root.role, root, root.value)


_NONE = Missing("it exists in kernels only")
LOAD = Op(
    name="load",
    infer=lambda attrs, *index: TensorType(attrs["buffer"].dtype),
    eval=_NONE,
    vjp=_NONE,
    jvp=_NONE,
    batch=_NONE,
    lower=_NONE,
    doc="The element of a buffer at an index, one i64 for each axis.",
    family="load",
    samples=_NONE,
)


def load(buffer: Buffer, index: tuple[Expr, ...]) -> Expr:
    """Return the element of `buffer` at `index`."""
    return make(LOAD, index, buffer=buffer)


def loop_index(name: str) -> Expr:
    """Return a fresh variable for a loop or a `Let`."""
    return Expr(VAR, (), {"name": name}, TensorType(I64), None, None)


def variable(name: str, dtype: DType) -> Expr:
    """Return a fresh scalar variable of `dtype`, to be bound by a `Let`."""
    return Expr(VAR, (), {"name": name}, TensorType(dtype), None, None)


def _infer_var(attrs: Attrs) -> TensorType:
    raise AssertionError("variables are made by `variable`")


VAR = Op("var", _infer_var, _NONE, _NONE, _NONE, _NONE, _NONE, "", "leaf", _NONE)


@dataclass(frozen=True, slots=True, eq=False)
class Let:
    """Bind `var` to the value for the rest of the block."""

    var: Expr
    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Alloc:
    """Make a local buffer that lives to the end of the block; not zeroed."""

    buffer: Buffer


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """Write one element."""

    buffer: Buffer
    index: tuple[Expr, ...]
    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """Run the body for each index of ``range(start, stop, step)``.

    Attributes:
        var: the index.
        start: i64.
        stop: i64.
        step: i64, not zero.
        body: statements.
        parallel: whether iterations are to be shared among threads.
        parallel: whether iterations are independent of one another.
        worthwhile: bool, whether there are enough of them to be shared among
            threads, where that is known only when it runs.
        reassociate: whether sums into loop-invariant elements may be reordered.
        independent: whether no iteration touches what another one writes.
    """

    var: Expr
    start: Expr
    stop: Expr
    step: Expr
    body: tuple[Statement, ...]
    parallel: bool = False
    reassociate: bool = False
    independent: bool = False
    worthwhile: Expr | None = None


@dataclass(frozen=True, slots=True, eq=False)
class While:
    """Run `test`, stop unless `condition` holds after it, run `body`; again."""

    test: tuple[Statement, ...]
    condition: Expr
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, eq=False)
class If:
    """Run one of two blocks."""

    condition: Expr
    then: tuple[Statement, ...]
    orelse: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """Copy all elements between two buffers of one size and dtype, not aliased."""

    target: Buffer
    source: Buffer


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """Call a routine of the machine.

    Attributes:
        name: ``"gemm"``: C (m×n, row-major) = A · B, with attrs ``m, n, k, batch``
            and ``a, b``: where the first matrix starts in its buffer, and where
            those of a batch, rows and columns lie from there: how far apart they
            are, or the place of each as an array.  Buffers (C, A, B).
            Any other is the name of `op`.
        block: for ``"gemm"`` the item of the batch, the first row, how many rows, the
            first column and how many columns are computed; all of them if empty.
        buffers: what it reads and writes: results, then operands, then memory to
            work in.
        attrs: static options.
        op: the record that says what the routine computes.
        results: how many of the buffers are results.
        operands: how many are operands.
    """

    name: str
    buffers: tuple[Buffer, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    op: Op | None = None
    results: int = 1
    operands: int = 2
    block: tuple[Expr, ...] = ()


SHOWN = 4  # values that a fault hands on, at most


@dataclass(frozen=True, slots=True, eq=False)
class Fault:
    """Leave the kernel with an error unless `ok` holds.

    `site` is the place in the kernel's `faults`; `shown` are scalars handed to
    its message.
    """

    ok: Expr
    site: int
    shown: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TapeClear:
    """Empty the kernel's tape of this number."""

    tape: int


@dataclass(frozen=True, slots=True, eq=False)
class TapePush:
    """Put the elements of buffers on top of a tape, in order."""

    tape: int
    buffers: tuple[Buffer, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TapePop:
    """Take the elements of buffers from the top of a tape.

    The buffers are filled; they are listed as they were pushed.
    """

    tape: int
    buffers: tuple[Buffer, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """Write a text with the contents of buffers.

    `site` is the place in the kernel's `prints`.
    """

    site: int
    buffers: tuple[Buffer, ...]


Statement = (
    Let
    | Alloc
    | Store
    | Loop
    | While
    | If
    | Copy
    | Call
    | Fault
    | TapeClear
    | TapePush
    | TapePop
    | Print
)
Block = tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class FaultSite:
    """What a fault raises: a class of `base.errors`, its text and place."""

    error: str
    message: str
    span: Span | None


@dataclass(frozen=True, slots=True)
class PrintSite:
    """What a print writes: a format string, and which values are Python numbers."""

    text: str
    weak: tuple[bool, ...]

    def write(self, arrays: Sequence[np.ndarray]) -> None:
        """Print the text with the values of arrays, at once."""
        values = (
            array if array.ndim else array.item() if weak else array[()]
            for array, weak in zip(arrays, self.weak, strict=True)
        )
        print(self.text.format(*values), end="", flush=True)


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A whole program over buffers.

    Attributes:
        name: for printing.
        params: buffers it reads.
        results: buffers it fills.
        body: its statements.
        faults: what each `Fault` raises.
        tapes: how many tapes it uses.
        prints: what each `Print` writes.
        symbols: names of the sizes known only when it runs, which its last
            parameter then holds in this order.
    """

    name: str
    params: tuple[Buffer, ...]
    results: tuple[Buffer, ...]
    body: Block
    faults: tuple[FaultSite, ...] = ()
    tapes: int = 0
    prints: tuple[PrintSite, ...] = ()
    symbols: tuple[str, ...] = ()
