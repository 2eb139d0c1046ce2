"""Settings of every test run, made before anything imports defnpy.

Flags are read once, when `defnpy` is imported, so they are set here at import
and not in a fixture.
"""

import ctypes
import importlib.util
import os
import shutil
import tempfile

import pytest

_MADE_CACHE = None
# Workers of pytest-xdist inherit the controller's directory and share it.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _MADE_CACHE = tempfile.mkdtemp(prefix="defnpy-tests-")
    os.environ["DEFNPY_CACHE_DIR"] = _MADE_CACHE
os.environ["DEFNPY_VERIFY"] = "1"


def pytest_unconfigure() -> None:
    if _MADE_CACHE is not None:
        shutil.rmtree(_MADE_CACHE, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    cuda = [item for item in items if item.get_closest_marker("cuda")]
    if cuda and not _has_cuda_device():
        for item in cuda:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def _has_cuda_device() -> bool:
    if importlib.util.find_spec("numba_cuda") is None:
        return False
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return False
    return count.value > 0
