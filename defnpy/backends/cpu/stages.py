"""The steps of `compile_kernel` one by one, for whoever keeps object code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.backends.cpu.machine import LEVEL, PASSES, machine
from defnpy.backends.llvm.emit import Emitted, emit

if TYPE_CHECKING:
    from defnpy.ir.kernel import Kernel


def emit_kernel(kernel: Kernel) -> Emitted:
    """Return the LLVM of `kernel` for this machine."""
    return emit(kernel, machine().target)


def compile_text(text: str) -> bytes:
    """Return the object code of an LLVM module for this machine."""
    return machine().compile(text)


def fingerprint() -> tuple[str, ...]:
    """Return what object code depends on besides its LLVM."""
    import llvmlite
    import llvmlite.binding as llvm

    this = machine()
    version = ".".join(map(str, llvm.llvm_version_info))
    levels = f"{PASSES}, {LEVEL}"
    return (llvmlite.__version__, version, this.cpu, this.features, levels)
