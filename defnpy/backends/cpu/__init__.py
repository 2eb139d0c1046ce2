"""Machine code for the CPU, made from kernels by LLVM."""

from defnpy.backends.cpu.compiled import CompiledKernel, compile_kernel, load

__all__ = ["CompiledKernel", "compile_kernel", "load"]
