"""LLVM on this machine: text to object code, and object code to addresses."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

from defnpy.backends.llvm.target import CPU, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LEVEL = 3  # of making instructions
# Of LLVM's passes.  Level 1 makes vectors, too, and from 2 on loads of neighbours are
# carried from one turn of a loop to the next, which costs more than it saves: vectors
# must be shifted, and the last turns of the loop are done one by one.
PASSES = 1
_serial = count()


class Machine:
    """LLVM's picture of this machine.

    Every call into LLVM holds llvmlite's own lock, not Python's, so threads may
    share it.
    """

    def __init__(self) -> None:
        """Initialise LLVM for the machine that runs this."""
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self._llvm = llvm
        features = llvm.get_host_cpu_features()
        self.cpu = llvm.get_host_cpu_name()
        self.features = features.flatten()
        self._target_machine = self._make(LEVEL)
        self._plain = self._make(0)
        self._linker: Any = llvm.create_lljit_compiler(self._target_machine)
        self.target = _target(bool(features.get("avx512f")))

    def _make(self, level: int) -> Any:
        return self._llvm.Target.from_default_triple().create_target_machine(
            cpu=self.cpu, features=self.features, opt=level, reloc="pic"
        )

    def optimize(self, text: str) -> Any:
        """Return the module of `text` after LLVM's passes."""
        llvm = self._llvm
        module = llvm.parse_assembly(text, llvm.create_context())
        module.triple = self._target_machine.triple
        module.data_layout = str(self._target_machine.target_data)
        options = llvm.create_pipeline_tuning_options(speed_level=PASSES)
        options.loop_vectorization = True
        options.slp_vectorization = True
        options.loop_interleaving = True
        options.loop_unrolling = True
        builder = llvm.create_pass_builder(self._target_machine, options)
        builder.getModulePassManager().run(module, builder)
        if "alwaysinline" in text:  # what only vectorised loops call
            after = llvm.create_new_module_pass_manager()
            after.add_always_inliner_pass()
            after.add_simplify_cfg_pass()
            after.run(module, builder)
        return module

    def compile(self, text: str) -> bytes:
        """Return the object code of a module."""
        return self._target_machine.emit_object(self.optimize(text))

    def compile_as_written(self, text: str) -> bytes:
        """Return the object code of a module that LLVM's passes would not improve."""
        module = self._llvm.parse_assembly(text, self._llvm.create_context())
        return self._target_machine.emit_object(module)

    def compile_plain(self, text: str) -> bytes:
        """Return the object code of a module as it stands: quick, if slower code."""
        module = self._llvm.parse_assembly(text, self._llvm.create_context())
        return self._plain.emit_object(module)

    def assembly(self, text: str) -> str:
        """Return the assembly of a module."""
        return self._target_machine.emit_assembly(self.optimize(text))

    def link(
        self, code: bytes, names: Iterable[str], outside: Mapping[str, int]
    ) -> Any:
        """Return the library of some object code: ``library[name]`` is its address.

        The code lives as long as the library is referred to.
        """
        builder = self._llvm.JITLibraryBuilder().add_object_img(code)
        builder.add_current_process()
        for name in names:
            builder.export_symbol(name)
        for symbol, address in outside.items():
            builder.import_symbol(symbol, address)
        return builder.link(self._linker, f"defnpy.{next(_serial)}")


def _target(wide_vectors: bool) -> Target:
    attributes = 'nounwind "no-trapping-math"="true"'
    if wide_vectors:
        attributes += ' "prefer-vector-width"="512"'
    size = 64 if wide_vectors else 32
    lanes = {name: (size // b, size // b // 2) for name, b in (("f32", 4), ("f64", 8))}
    return replace(CPU, attributes=attributes, lanes=lanes)


_lock = threading.Lock()


@cache
def _machine() -> Machine:
    return Machine()


def machine() -> Machine:
    """Return the machine; the first call imports llvmlite."""
    with _lock:
        return _machine()
