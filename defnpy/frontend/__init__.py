"""Floor 4: Python source to a typed Function, and every error about the source."""

from defnpy.frontend.session import Capture
from defnpy.frontend.specialize import Program, ResultSlot, specialize
from defnpy.frontend.target import DefnTarget, TransformTarget

__all__ = [
    "Capture",
    "DefnTarget",
    "Program",
    "ResultSlot",
    "TransformTarget",
    "specialize",
]
