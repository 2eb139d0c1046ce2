"""The definition of what a program means: both languages run by NumPy."""

from defnpy.backends.reference.functions import evaluate
from defnpy.backends.reference.kernels import run_kernel

__all__ = ["evaluate", "run_kernel"]
