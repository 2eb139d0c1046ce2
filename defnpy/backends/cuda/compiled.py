"""A kernel compiled for CUDA devices, and how it is called."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.backends.cpu.compiled import check_array
from defnpy.backends.cpu.fault import raise_fault
from defnpy.backends.cuda.device import Device, device
from defnpy.backends.cuda.package import package
from defnpy.backends.cuda.ptx import assemble
from defnpy.backends.cuda.split import split
from defnpy.backends.llvm.body import SHOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.backends.cuda.ptx import Capability
    from defnpy.ir.kernel import Buffer, Kernel

OLDEST = (7, 5)  # compute capability


class CudaKernel:
    """One kernel as a sequence of launches.

    Attributes:
        kernel: what it computes.
        capability: of the devices that `ptx` is for.
        packages: its launches, in order.
    """

    def __init__(self, kernel: Kernel, capability: Capability = OLDEST) -> None:
        """Split the kernel; raise DefnError if CUDA cannot run it."""
        self.kernel, self.capability = kernel, capability
        self.packages = tuple(map(package, split(kernel)))
        self._loaded: tuple[Any, ...] | None = None
        self._lock = threading.Lock()

    @property
    def llvm(self) -> str:
        """The LLVM of every launch, before LLVM's passes."""
        return "\n".join(each.emitted.text for each in self.packages)

    @cached_property
    def ptx(self) -> str:
        """The PTX of every launch, both parts of it."""
        return "\n".join(self._parts(self.capability))

    def cubin(self, capability: Capability | None = None) -> bytes:
        """Return the code of all launches for devices of `capability`, an ELF.

        No device is needed.
        """
        chosen = self.capability if capability is None else capability
        return assemble(self._parts(chosen), chosen)

    def _parts(self, capability: Capability) -> list[str]:
        made: list[str] = []
        for each in self.packages:
            made += each.entry_ptx(capability), each.device_ptx(capability)
        return made

    def run(self, params: Sequence[np.ndarray], results: Sequence[np.ndarray]) -> None:
        """Fill `results` from `params`: contiguous arrays of the buffers' types.

        They are copied to the device and back.  Raises what the kernel's faults
        say, and DefnError where there is no device.
        """
        inputs = dict(zip(self.kernel.params, params, strict=True))
        outputs = dict(zip(self.kernel.results, results, strict=True))
        for buffer, array in (inputs | outputs).items():
            check_array(buffer, array)
        place = device()
        memory = self._memory(place, inputs)
        state = np.zeros(1 + SHOWN, np.int64)
        shown = place.upload(state)
        for each, run in zip(self.packages, self._load(place), strict=True):
            found = [place.address(memory[buffer]) for buffer in each.launch.buffers]
            table = np.array([*found, 0], np.uint64)  # it may not be empty
            run(place.upload(table), shown)
        place.download(shown, state)
        if state[0]:
            raise_fault(self.kernel, int(state[0]), state[1:].tobytes())
        for buffer, array in outputs.items():
            if buffer in memory:
                place.download(memory[buffer], _bytes(array))

    def _memory(
        self, place: Device, inputs: dict[Buffer, np.ndarray]
    ) -> dict[Buffer, Any]:
        """Return the device's memory of every buffer that some launch uses."""
        made: dict[Buffer, Any] = {}
        for each in self.packages:
            for buffer in each.launch.buffers:
                if buffer in made:
                    continue
                value = inputs.get(buffer, buffer.value)
                if value is None:
                    made[buffer] = place.allocate(buffer.bytes)
                else:
                    made[buffer] = place.upload(_bytes(value))
        return made

    def _load(self, place: Device) -> tuple[Any, ...]:
        with self._lock:
            if self._loaded is None:
                self._loaded = tuple(map(place.load, self.packages))
            return self._loaded


def compile_kernel(kernel: Kernel, capability: Capability = OLDEST) -> CudaKernel:
    """Return `kernel` for CUDA devices; nothing is run, and no device is needed."""
    return CudaKernel(kernel, capability)


def _bytes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
