"""LLVM to PTX, and PTX to code for one kind of device; no device is needed.

libNVVM reads no LLVM as new as ours for devices before compute capability 10, so
LLVM's own code generator is used, and libdevice is linked by hand.
"""

from __future__ import annotations

import threading
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from defnpy.base.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Sequence

Capability = tuple[int, int]

_TRIPLE = "nvptx64-nvidia-cuda"
_LEVEL = 3
_PREFIX = "__nv_"
_lock = threading.Lock()


def to_ptx(text: str, capability: Capability) -> str:
    """Return a module of LLVM as PTX for devices of `capability` and later ones."""
    with _lock:
        llvm, machine = _llvm(), _machine(capability)
    context = llvm.create_context()
    module = llvm.parse_assembly(text, context)
    module.triple, module.data_layout = _TRIPLE, str(machine.target_data)
    if _PREFIX in text:
        _link(module, llvm.parse_bitcode(_libdevice(), context))
    options = llvm.create_pipeline_tuning_options(speed_level=_LEVEL)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return machine.emit_assembly(module)


@cache
def _llvm() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm


@cache
def _machine(capability: Capability) -> Any:
    target = _llvm().Target.from_triple(_TRIPLE)
    return target.create_target_machine(cpu=_arch(capability), opt=_LEVEL)


def _arch(capability: Capability) -> str:
    return f"sm_{capability[0]}{capability[1]}"


@cache
def _libdevice() -> bytes:
    """Return NVIDIA's library of mathematics, as bitcode."""
    libs: Any = import_module("numba.cuda.cudadrv.libs")
    return libs.open_libdevice()


def _link(module: Any, library: Any) -> None:
    """Add a library to a module; what is not called is dropped later."""
    library.triple, library.data_layout = module.triple, module.data_layout
    module.link_in(library)
    for function in module.functions:
        if function.name.startswith(_PREFIX) and not function.is_declaration:
            function.linkage = "internal"


def assemble(parts: Sequence[str], capability: Capability) -> bytes:
    """Return modules of PTX linked into code for devices of `capability`, an ELF."""
    nvjitlink: Any = import_module("cuda.bindings.nvjitlink")
    options = [f"-arch={_arch(capability)}", "-O3"]
    link = nvjitlink.create(len(options), options)
    try:
        for number, part in enumerate(parts):
            data = part.encode() + b"\0"
            kind = nvjitlink.InputType.PTX
            nvjitlink.add_data(link, kind, data, len(data), f"part {number}")
        nvjitlink.complete(link)
        made = bytearray(nvjitlink.get_linked_cubin_size(link))
        nvjitlink.get_linked_cubin(link, made)
    except nvjitlink.nvJitLinkError as error:
        log = bytearray(nvjitlink.get_error_log_size(link))
        nvjitlink.get_error_log(link, log)
        text = log.rstrip(b"\0").decode(errors="replace")
        raise InternalError(f"the PTX cannot be assembled: {text}") from error
    finally:
        nvjitlink.destroy(link)
    return bytes(made)
