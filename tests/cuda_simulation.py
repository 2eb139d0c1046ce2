"""A stand-in for a CUDA device: each launch, thread by thread, on the CPU.

It gets what a device gets, the table of pointers and the state, and threads run in
an order that no launch may depend on.
"""

import ctypes
from collections.abc import Callable, Iterable

import numpy as np

from defnpy.backends.cpu import compile_kernel
from defnpy.backends.cuda.package import Package

ENTRY = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
UNWRITTEN = 0xA5


class Simulated:
    """Threads one after the other, `threads` of them for launches of many."""

    def __init__(
        self, threads: int = 3, order: Callable[[range], Iterable[int]] = reversed
    ) -> None:
        self.threads, self.order = threads, order

    def allocate(self, size: int) -> np.ndarray:
        return np.full(max(size, 1), UNWRITTEN, np.uint8)

    def upload(self, array: np.ndarray) -> np.ndarray:
        return array.copy() if array.size else self.allocate(0)

    def download(self, memory: np.ndarray, array: np.ndarray) -> None:
        array[...] = memory[: array.size]

    def address(self, memory: np.ndarray) -> int:
        return memory.ctypes.data

    def load(self, package: Package) -> Callable[[np.ndarray, np.ndarray], None]:
        compiled = compile_kernel(package.launch.kernel)
        call = ENTRY(compiled.address)
        count = self.threads if package.launch.turns > 1 else 1

        def run(addresses: np.ndarray, state: np.ndarray) -> None:
            assert compiled is not None  # its code must live
            for thread in self.order(range(count)):
                if state[0] == 0:
                    own = np.array([thread, count], np.int64)
                    places = [own.ctypes.data, own.ctypes.data + 8, *addresses]
                    table = np.array(places, np.uint64)
                    code = call(table.ctypes.data, state.ctypes.data + 8)
                    if code:
                        state[0] = code

        return run
