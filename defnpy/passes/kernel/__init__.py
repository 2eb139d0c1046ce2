"""Kernels to kernels of the same meaning that run faster on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.ir.expr import scope
from defnpy.passes.kernel.branches import flatten_branches
from defnpy.passes.kernel.delay import delay_copies
from defnpy.passes.kernel.independent import mark_independent
from defnpy.passes.kernel.lanes import run_side_by_side
from defnpy.passes.kernel.sharing import share_loops

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.ir.kernel import Kernel

# In this order, each for a reason.
PASSES: tuple[tuple[Callable[[Kernel], Kernel], str], ...] = (
    (flatten_branches, "loops without branches become loops over vectors"),
    (mark_independent, "LLVM cannot tell the rows of one array apart"),
    (run_side_by_side, "loops that end at different times become vectors"),
    (delay_copies, "arrays made of arrays move through memory once, not twice"),
    (share_loops, "a long loop of independent turns keeps every core busy"),
)


def arrange(kernel: Kernel) -> Kernel:
    """Return a kernel that does the same as `kernel`, by every pass in turn."""
    with scope(isolated=True):
        for each, _ in PASSES:
            kernel = each(kernel)
    return kernel
