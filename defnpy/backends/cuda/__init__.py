"""Kernels for CUDA devices: launches of what the one emitter makes, through Numba."""

from defnpy.backends.cuda.compiled import CudaKernel, compile_kernel

__all__ = ["CudaKernel", "compile_kernel"]
