"""From expressions to loops: what gets memory, in which order, and how."""

from defnpy.passes.lower.program import lower

__all__ = ["lower"]
