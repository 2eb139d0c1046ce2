"""What kernels for CUDA may hold so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.base.errors import DefnError
from defnpy.ir.kernel import Call, Print, TapeClear, TapePop, TapePush
from defnpy.ir.statements import walk

if TYPE_CHECKING:
    from defnpy.ir.kernel import Kernel, Statement

_HINT = "compile it for the CPU"


def check_supported(kernel: Kernel) -> None:
    """Raise DefnError unless all of `kernel` can run on a CUDA device."""
    for statement in walk(kernel.body):
        missing = _missing(statement)
        if missing:
            raise DefnError(
                f"{kernel.name} needs {missing}, which CUDA kernels cannot do yet",
                hint=_HINT,
            )


def _missing(statement: Statement) -> str:
    if isinstance(statement, Call):
        return f"the routine {statement.name!r}"
    if isinstance(statement, TapeClear | TapePush | TapePop):
        return "a tape, the memory of a gradient through a loop"
    if isinstance(statement, Print):
        return "`print`"
    return ""
