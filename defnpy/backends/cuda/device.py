"""A CUDA device, by way of Numba's driver: its memory, and launches on it."""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.backends.cuda.package import signature
from defnpy.base.errors import DefnError

if TYPE_CHECKING:
    from defnpy.backends.cuda.package import Package
    from defnpy.backends.cuda.ptx import Capability

BLOCK = 128  # threads
MOST_BLOCKS = 4096


class Device:
    """The device that Numba has chosen for this thread.

    All it does goes into one stream, in order.
    """

    def __init__(self) -> None:
        """Find it, or say why there is none."""
        if find_spec("numba_cuda") is None:
            raise DefnError(
                "CUDA needs the package numba-cuda, which is not installed",
                hint="pip install 'defnpy[cuda]'",
            )
        self._cuda: Any = import_module("numba.cuda")
        if not self._cuda.is_available():
            raise DefnError("there is no CUDA device here", hint="use the CPU")
        major, minor = self._cuda.get_current_device().compute_capability[:2]
        self.capability: Capability = (major, minor)

    def allocate(self, size: int) -> Any:
        """Return memory of `size` bytes; what it holds is not said."""
        return self._cuda.device_array(max(size, 1), np.uint8)

    def upload(self, array: np.ndarray) -> Any:
        """Return memory that holds a vector."""
        return self._cuda.to_device(array) if array.size else self.allocate(0)

    def download(self, memory: Any, array: np.ndarray) -> None:
        """Fill a vector from memory, when all launches before have ended."""
        if array.size:
            memory.copy_to_host(array)

    def address(self, memory: Any) -> int:
        """Return where memory lies."""
        return memory.__cuda_array_interface__["data"][0]

    def load(self, package: Package) -> Any:
        """Return a launch as a function of the buffers' addresses and the state."""
        code = self._cuda.PTXSource(package.device_ptx(self.capability).encode())
        make = self._cuda.jit(signature(), link=[code], lto=False)
        compiled = make(package.entry())
        blocks = min(-(-package.launch.turns // BLOCK), MOST_BLOCKS)
        with warnings.catch_warnings():  # few threads are what there is work for
            warnings.simplefilter("ignore")
            return compiled[blocks, BLOCK if package.launch.turns > 1 else 1]


@cache
def device() -> Device:
    """Return the device, or raise DefnError where there is none."""
    return Device()
