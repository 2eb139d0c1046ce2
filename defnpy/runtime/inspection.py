"""What ``f.lower(...)`` and ``f.explain(...)`` show of a specialisation."""

from __future__ import annotations

import html
from math import prod
from typing import TYPE_CHECKING, Any

from defnpy.ir.function import Function
from defnpy.ir.kernel import Alloc, Block, Kernel
from defnpy.ir.printer import kernel_text, text
from defnpy.ir.statements import is_parallel, walk
from defnpy.ops.control import COND, FOR
from defnpy.ops.gradient import CUSTOM_GRAD
from defnpy.ops.leaf import scalar_of
from defnpy.passes.lower.explain import explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defnpy.ir.expr import Expr
    from defnpy.runtime.dispatch import Variant
    from defnpy.runtime.pipeline import Stages


class _Shown:
    """What notebooks show as parts under headings; the first part is open."""

    def _parts(self) -> dict[str, str]:
        raise NotImplementedError

    def _repr_html_(self) -> str:
        """Return the parts for a notebook, the long ones folded."""
        return "\n".join(
            f"<details{' open' if place == 0 else ''}><summary>{title}</summary>"
            f"<pre>{html.escape(content)}</pre></details>"
            for place, (title, content) in enumerate(self._parts().items())
        )

    def _repr_markdown_(self) -> str:
        """Return the parts for a document."""
        return "\n\n".join(
            f"**{title}**\n\n```\n{content}\n```"
            for title, content in self._parts().items()
        )


class Compiled(_Shown):
    """A specialisation as machine code."""

    def __init__(self, stages: Stages) -> None:
        """Compile it."""
        self._stages = stages
        self._compiled = stages.compiled

    @property
    def kernels(self) -> str:
        """The program as loops over scalars, printed like Python."""
        return kernel_text(self._stages.arranged)

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

        The body of a loop counts as often as it runs, once where that is not
        known; of the sides of a branch the longer one counts.
        """
        function, kernel = self._stages.function, self._stages.arranged
        moved = sum(b.bytes for b in (*kernel.params, *kernel.results))
        return {"flops": _flops(function), "bytes": moved}

    @property
    def memory(self) -> dict[str, int]:
        """Bytes of arguments, of results, and of temporaries inside."""
        kernel: Kernel = self._stages.arranged
        return {
            "arguments": sum(b.bytes for b in kernel.params),
            "results": sum(b.bytes for b in kernel.results),
            "temporaries": _allocated(kernel.body),
        }

    def __repr__(self) -> str:
        """Return the name and what a run costs."""
        return f"<compiled {self._stages.function.name}: {_pairs(self.cost)}>"

    def _parts(self) -> dict[str, str]:
        numbers = f"{_pairs(self.cost)}\n{_pairs(self.memory)}"
        return {"cost and memory": numbers, "kernel": self.kernels, "LLVM": self.llvm}


class Lowered(_Shown):
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

    def __repr__(self) -> str:
        """Return the name and the types."""
        function = self._stages.program.function
        return f"<lowered {function.name}{_types(function)}>"

    def _parts(self) -> dict[str, str]:
        return {"after every rewrite": self.ir, "as parsed": self.source_ir}


def _types(function: Function) -> str:
    given, made = (
        ", ".join(map(str, types)) for types in (function.types, function.result_types)
    )
    return f"({given}) → {made}"


def _pairs(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value:,}" for name, value in numbers.items())


def explanation(variant: Variant, signature: str, count: int) -> str:
    """Return what `Compiled.explain` of the API says.

    Args:
        variant: the specialisation.
        signature: of the call it was made for.
        count: how many specialisations the function has.
    """
    stages = variant.stages
    compiled = Compiled(stages)
    origin = "found on disk" if stages.is_kept else "compiled in this process"
    parallel = sum(map(is_parallel, walk(stages.arranged.body)))
    head = {
        "specialised for": signature,
        "because": variant.why,
        "specialisations": str(count),
        "machine code": origin,
        "in parallel": f"loops: {parallel}" if parallel else "nothing",
        "memory in bytes": _pairs(compiled.memory),
        "cost": _pairs(compiled.cost),
    }
    wide = max(map(len, head))
    lines = [stages.program.function.name]
    lines += [f"  {name:<{wide}}  {value}" for name, value in head.items()]
    return "\n".join([*lines, "", *explain(stages.function)])


def _flops(function: Function) -> int:
    return sum(map(_node_flops, function.nodes()))


def _node_flops(node: Expr) -> int:
    if node.op is CUSTOM_GRAD:
        return 0  # its values are operands; its pullback is made by gradients alone
    bodies = [_flops(x) for x in node.attrs.values() if isinstance(x, Function)]
    if node.op is COND:
        return max(bodies)
    if node.op is FOR:
        return _turns(node.operands[:3]) * sum(bodies)
    if node.op.family == "elementwise":
        return node.op.cost * node.tensor.size
    if node.op.family == "reduction":
        return node.operands[0].tensor.size
    if node.op.name == "dot":
        a, (contracted, _) = node.operands[0], node.attrs["contract"]
        return 2 * node.tensor.size * prod(a.shape[axis] for axis in contracted)
    if node.op.family == "routine":
        x = node.operands[0].tensor
        return x.size * min(x.shape[-2:])
    return sum(bodies)


def _turns(bounds: tuple[Expr, ...]) -> int:
    """Return how often a counted loop runs, 1 where that is not known."""
    known: list[Any] = [scalar_of(bound) for bound in bounds]
    return 1 if None in known else len(range(*known))


def _allocated(block: Block) -> int:
    return sum(each.buffer.bytes for each in walk(block) if isinstance(each, Alloc))
