"""What ``f.lower(...)`` shows: a specialisation, stage by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.ir.kernel import Alloc, Block, Kernel
from defnpy.ir.printer import kernel_text, text

if TYPE_CHECKING:
    from defnpy.ir.function import Function
    from defnpy.runtime.pipeline import Stages


class Compiled:
    """A specialisation as machine code."""

    def __init__(self, stages: Stages) -> None:
        """Compile it."""
        self._stages = stages
        self._compiled = stages.compiled

    @property
    def kernels(self) -> str:
        """The program as loops over scalars, printed like Python."""
        return kernel_text(self._stages.kernel)

    @property
    def llvm(self) -> str:
        """The LLVM it was made from, before LLVM's passes."""
        return self._compiled.llvm

    @property
    def asm(self) -> str:
        """Its assembly."""
        return self._compiled.asm

    @property
    def cost(self) -> dict[str, int]:
        """Rough scalar operations (``flops``) and bytes of arguments and results.

        Bodies of loops are counted once.
        """
        function, kernel = self._stages.function, self._stages.kernel
        moved = sum(b.bytes for b in (*kernel.params, *kernel.results))
        return {"flops": _flops(function), "bytes": moved}

    @property
    def memory(self) -> dict[str, int]:
        """Bytes of arguments, of results, and of temporaries inside."""
        kernel: Kernel = self._stages.kernel
        return {
            "arguments": sum(b.bytes for b in kernel.params),
            "results": sum(b.bytes for b in kernel.results),
            "temporaries": _allocated(kernel.body),
        }


class Lowered:
    """A specialisation of a function, before it is machine code."""

    def __init__(self, stages: Stages) -> None:
        """Keep the stages."""
        self._stages = stages

    @property
    def ir(self) -> str:
        """The program as typed expressions, after every rewrite."""
        return text(self._stages.function)

    @property
    def source_ir(self) -> str:
        """The program as typed expressions, as it was parsed."""
        return text(self._stages.program.function)

    def compile(self) -> Compiled:
        """Return the program as machine code."""
        return Compiled(self._stages)


def _flops(function: Function) -> int:
    total = 0
    for node in function.nodes():
        for value in node.attrs.values():
            if hasattr(value, "params") and hasattr(value, "results"):
                total += _flops(value)
        if node.op.family == "elementwise":
            total += node.op.cost * node.tensor.size
        elif node.op.family == "reduction":
            total += node.operands[0].tensor.size
        elif node.op.name == "dot":
            a = node.operands[0].tensor
            inner = 1
            for axis in node.attrs["contract"][0]:
                inner *= a.shape[axis]
            total += 2 * node.tensor.size * inner
    return total


def _allocated(block: Block) -> int:
    total = 0
    for statement in block:
        if isinstance(statement, Alloc):
            total += statement.buffer.bytes
        for name in ("body", "then", "orelse", "test"):
            total += _allocated(getattr(statement, name, ()))
    return total
