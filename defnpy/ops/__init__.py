"""Floor 2: one record for each operation, and the functions that build them."""

from defnpy.ops import operators as operators
