"""The corpus of small programs, whole: see `cases`."""

import algorithm_programs  # noqa: F401 - adds cases
import container_programs  # noqa: F401
import plain_programs  # noqa: F401
from cases import CASES, I5, M34, V5, Case, case, matrix, vector

__all__ = ["CASES", "I5", "M34", "V5", "Case", "case", "matrix", "vector"]
