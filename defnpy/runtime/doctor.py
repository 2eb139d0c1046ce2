"""What is installed and found here, and whether a program compiles and runs."""

from __future__ import annotations

import ctypes
import os
import platform
import tempfile
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np

from defnpy.base.dtypes import F32
from defnpy.base.flags import flags
from defnpy.ir.expr import make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.types import TensorType
from defnpy.ops.elementwise import add
from defnpy.passes.lower import lower
from defnpy.runtime import disk

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGES = ("defnpy", "numpy", "llvmlite", "numba", "scipy", "optree", "polars")
_FEATURES = ("avx2", "avx512f", "fma", "neon", "sve")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        what: its name.
        found: what was found.
        is_good: whether nothing need be done about it.
    """

    what: str
    found: str
    is_good: bool = True


def findings() -> list[Finding]:
    """Look at everything, the most basic first."""
    return [
        Finding("python", f"{platform.python_version()} on {platform.platform()}"),
        *map(_package, _PACKAGES),
        *_processor(),
        Finding("threads", _threads()),
        *_cache(),
        _blas(),
        _cuda(),
        _compiler(),
    ]


def _package(name: str) -> Finding:
    try:
        return Finding(name, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, "not installed", is_good=False)


def _processor() -> list[Finding]:
    from defnpy.backends.cpu.fastcall import layout_is_known
    from defnpy.backends.cpu.machine import machine

    known = layout_is_known()
    features = machine().features.split(",")
    vectors = ", ".join(name for name in _FEATURES if f"+{name}" in features)
    return [
        Finding("cpu", machine().cpu),
        Finding("vectors", vectors or "the baseline's"),
        Finding("quick calls", "yes" if known else "no: arrays lie otherwise", known),
    ]


def _threads() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    cores = cores or os.cpu_count() or 1
    return f"{flags.threads or cores} of {cores} cores"


def _cache() -> list[Finding]:
    folder = disk.directory()
    if not flags.cache:
        return [Finding("cache", "off: DEFNPY_CACHE is 0")]
    writable = _is_writable(folder)
    state = "writable" if writable else "not writable: programs are not kept"
    return [
        Finding("cache directory", str(folder)),
        Finding("cache", f"{state}, {len(disk.entries())} programs", writable),
    ]


def _is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or the folder itself can be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _blas() -> Finding:
    from defnpy.backends.cpu.symbols import blas_origin

    origin = blas_origin()
    return Finding("blas", origin or "none found", origin is not None)


def _cuda() -> Finding:
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Finding("cuda", "no driver")
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return Finding("cuda", "a driver, but no device answers")
    return Finding("cuda", f"{count.value} devices")


def _compiler() -> Finding:
    """Compile a program, run it, and look at what it computes."""
    from defnpy.backends.cpu import compile_kernel

    with scope(isolated=True):
        x = make_param("x", TensorType(F32, (8,)))
        kernel = lower(Function("doctor", (x,), (add(x, x),)))
    given = np.arange(8.0, dtype=np.float32)
    made = np.empty_like(given)
    try:
        compile_kernel(kernel).run([given], [made])
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        return Finding("compiler", f"{type(error).__name__}: {first}", is_good=False)
    works = bool(np.all(made == 2 * given))
    return Finding("compiler", "works" if works else "computes wrongly", works)
