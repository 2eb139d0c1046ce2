"""A stand-in for a CUDA device: each launch, thread by thread, on the CPU.

It gets what a device gets, the table of pointers and the state, and threads run in
an order that no launch may depend on.
"""

import ctypes
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from cuda_programs import empty_results

from defnpy.backends.cpu import compile_kernel
from defnpy.backends.cuda import CudaKernel, compiled
from defnpy.backends.cuda.package import Package

ENTRY = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
UNWRITTEN = 0xA5
Order = Callable[[range], Iterable[int]]


def forwards(threads: range) -> Iterable[int]:
    return threads


class Simulated:
    """Threads one after the other, `threads` of them for launches of many."""

    def __init__(self, threads: int = 3, order: Order = reversed) -> None:
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
        code = compile_kernel(package.launch.kernel)
        call = ENTRY(code.address)
        count = self.threads if package.launch.turns > 1 else 1

        def run(addresses: np.ndarray, state: np.ndarray) -> None:
            assert code.address  # it must live
            for thread in self.order(range(count)):
                if state[0] == 0:
                    own = np.array([thread, count], np.int64)
                    places = [own.ctypes.data, own.ctypes.data + 8, *addresses[:-1]]
                    table = np.array(places, np.uint64)
                    fault = call(table.ctypes.data, state.ctypes.data + 8)
                    if fault:
                        state[0] = fault

        return run


def simulate(
    kernel: CudaKernel,
    arrays: list[np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    threads: int = 3,
    order: Order = reversed,
) -> list[np.ndarray]:
    """Return what a kernel makes of arrays on a simulated device."""
    monkeypatch.setattr(compiled, "device", lambda: Simulated(threads, order))
    results = empty_results(kernel.kernel)
    CudaKernel(kernel.kernel).run(arrays, results)
    return results


def turns(kernel: CudaKernel) -> list[int]:
    """Return how many threads there is work for in each launch."""
    return [package.launch.turns for package in kernel.packages]
