"""The stages of compiling, in order."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

from defnpy.backends import cpu
from defnpy.backends.cpu.library import keep_with
from defnpy.backends.cpu.numba_package import numba_function
from defnpy.backends.cpu.stages import compile_text, emit_kernel, fingerprint
from defnpy.base.dims import Decisions, deciding
from defnpy.base.errors import DefnTypeError
from defnpy.base.flags import flags
from defnpy.frontend.specialize import Program, specialize
from defnpy.ir.printer import kernel_text, text
from defnpy.ir.verify import verify, verify_kernel
from defnpy.passes.check_nan import check_nan
from defnpy.passes.kernel import arrange
from defnpy.passes.lower import lower
from defnpy.passes.simplify import simplify
from defnpy.runtime import disk
from defnpy.runtime.report import guarded, reported

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.ir.function import Function
    from defnpy.ir.kernel import Kernel


class Stages:
    """One specialisation on its way from source to machine code.

    Each stage is made when it is first asked for.

    Attributes:
        target: what is compiled.
        args: its positional arguments, a type for each tensor.
        kwargs: its keyword arguments, likewise.
        program: what the source means for these types.
        checks_nan: whether it raises where the first NaN is made.
        is_trial: whether a fault is no harm, as a program for fixed sizes will do.
        is_kept: whether the machine code was found on disk.
    """

    def __init__(
        self,
        target: Any,
        args: tuple[Any, ...],
        kwargs: Any,
        decisions: Decisions | None = None,
    ) -> None:
        """Parse and specialise; `decisions` are about sizes not known yet."""
        self.is_kept, self.checks_nan = False, flags.check_nan
        self.target, self.args, self.kwargs = target, args, kwargs
        self.is_trial = decisions is not None
        self._open, self._settled = decisions, decisions and decisions.settle()
        with nullcontext() if self.is_trial else reported(target, args, kwargs):
            with deciding(decisions):
                self.program: Program = specialize(target, args, kwargs)
            self.checks_nan |= self.program.check_nan
            with deciding(self._settled):
                _checked(self.program.function, 2)

    @property
    def meaning(self) -> Function:
        """The program that the reference evaluator runs."""
        return self.function if self.checks_nan else self.program.function

    @cached_property
    @guarded
    def function(self) -> Function:
        """The program after every rewrite, with checks of NaN where asked for."""
        with deciding(self._open):
            made = simplify(self.program.function)
        with deciding(self._settled):
            return _checked(check_nan(made) if self.checks_nan else made, 3)

    @cached_property
    @guarded
    def kernel(self) -> Kernel:
        """The program as loops over scalars."""
        function = self.function
        with deciding(self._settled):
            return _checked_kernel(lower(function))

    @cached_property
    @guarded
    def arranged(self) -> Kernel:
        """The kernel as this machine's CPU runs it."""
        kernel = self.kernel
        with deciding(self._settled):
            made = _checked_kernel(arrange(kernel))
        _show(4, kernel_text(made) if flags.debug >= 4 else "")
        return made

    @cached_property
    @guarded
    def compiled(self) -> cpu.CompiledKernel:
        """The program as machine code, from disk if it was compiled before."""
        emitted = emit_kernel(self.arranged)
        _show(5, emitted.text)
        self.is_kept = True

        def compile(text: str) -> bytes:
            self.is_kept = False
            disk.counters.compiled += 1
            return compile_text(text)

        code = _object_code(emitted.text, compile)
        disk.counters.loaded += self.is_kept
        return cpu.CompiledKernel(self.arranged, code, emitted)

    @cached_property
    @guarded
    def numba(self) -> Any:
        """The program as a function that Numba code can call."""
        if self.program.captures:
            raise DefnTypeError(
                "a function for Numba cannot capture arrays",
                hint="pass them as arguments",
            )
        return numba_function(self.arranged)


def _object_code(text: str, compile: Callable[[str], bytes]) -> bytes:
    """Return the object code of a module, from disk if it was compiled before."""
    name = disk.key(text, *fingerprint())
    code = disk.read(name)
    if code is None:
        code = compile(text)
        disk.write(name, code)
    return code


keep_with(_object_code)


def _checked(function: Function, level: int) -> Function:
    if flags.verify:
        verify(function)
    _show(level, text(function) if flags.debug >= level else "")
    return function


def _checked_kernel(kernel: Kernel) -> Kernel:
    if flags.verify:
        verify_kernel(kernel)
    return kernel


def _show(level: int, shown: str) -> None:
    if flags.debug >= level:
        print(shown)
