"""Launches as Numba CUDA kernels.

The LLVM is that of the one emitter, as PTX that Numba links.  What Numba compiles
itself is the kernel around it: a thread's number, the table of pointers, and the
rule that nothing runs after a fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from defnpy.backends.cuda.ptx import Capability, to_ptx
from defnpy.backends.cuda.target import CUDA
from defnpy.backends.llvm.emit import Emitted, emit

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.backends.cuda.split import Launch


@dataclass(frozen=True, slots=True, eq=False)
class Package:
    """One launch, ready for Numba's compiler.

    Attributes:
        launch: what it does.
        emitted: its LLVM.
    """

    launch: Launch
    emitted: Emitted

    def device_ptx(self, capability: Capability) -> str:
        """Return the PTX of the emitter's LLVM, a device function."""
        return to_ptx(self.emitted.text, capability)

    def entry_ptx(self, capability: Capability) -> str:
        """Return the PTX of the kernel around it."""
        cuda: Any = import_module("numba.cuda")
        made, _ = cuda.compile_ptx(self.entry(), signature(), cc=capability)
        return made

    def entry(self) -> Callable[..., Any]:
        """Return the kernel around it as Python that Numba compiles.

        It is a function of an array of the buffers' addresses, and of the state:
        the code of the first fault, then what that shows.
        """
        return _entry(self.emitted.name, len(self.launch.buffers))


def package(launch: Launch) -> Package:
    """Return a launch as a Numba kernel."""
    return Package(launch, emit(launch.kernel, CUDA))


def signature() -> Any:
    """Return the types that every entry takes."""
    from numba import types

    def vector(dtype: Any) -> Any:
        return types.Array(dtype, 1, "C")

    return types.void(vector(types.uint64), vector(types.int64))


def _entry(name: str, count: int) -> Callable[..., Any]:
    cuda: Any = import_module("numba.cuda")
    run = _intrinsic(name, count)

    def entry(addresses: Any, state: Any) -> None:
        if state[0] == 0:
            code = run(addresses, state, cuda.grid(1), cuda.gridsize(1))
            if code != 0:
                state[0] = code

    entry.__name__ = entry.__qualname__ = name
    return entry


def _intrinsic(name: str, count: int) -> Any:
    """Return the call of the emitted function, for code that Numba compiles."""
    from numba import types

    extending: Any = import_module("numba.cuda.extending")

    def call(typingctx: Any, addresses: Any, state: Any, thread: Any, all: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return _write(name, count, (context, builder, signature), args)

        index = types.int64
        return types.int32(addresses, state, index, index), generate

    return extending.intrinsic(call)


def _write(name: str, count: int, place: Any, args: Any) -> Any:
    """Write the table of pointers, and the call it is for."""
    from llvmlite import ir

    cgutils: Any = import_module("numba.cuda.cgutils")
    context, builder, types = place
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    given, state = (
        context.make_array(type)(context, builder, value).data
        for type, value in zip(types.args[:2], args[:2], strict=True)
    )
    table = cgutils.alloca_once(builder, ir.ArrayType(byte, count + 2))
    pointers = [cgutils.alloca_once_value(builder, value) for value in args[2:]]
    for index in range(count):
        address = builder.load(cgutils.gep(builder, given, index))
        pointers.append(builder.inttoptr(address, byte))
    for index, pointer in enumerate(pointers):
        slot = cgutils.gep_inbounds(builder, table, 0, index)
        builder.store(builder.bitcast(pointer, byte), slot)
    type = ir.FunctionType(number, [byte, byte])
    function = cgutils.get_or_insert_function(builder.module, type, name)
    shown = cgutils.gep(builder, state, 1)
    return builder.call(
        function, [builder.bitcast(table, byte), builder.bitcast(shown, byte)]
    )
