"""The definition of what a program means: Functions run by NumPy."""

from defnpy.backends.reference.functions import evaluate

__all__ = ["evaluate"]
