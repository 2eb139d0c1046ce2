"""A compiler for numerical Python.

``import defnpy as dn``: `defn` compiles a function of arrays; every other function
here may be used inside such a function, and outside, where it runs at once.
"""

from __future__ import annotations

import importlib
import math as _math
from typing import Any

import ml_dtypes as _ml_dtypes
import numpy as _np

from defnpy import api as _api
from defnpy import errors as errors
from defnpy import transformations as _transformations
from defnpy import tree as tree
from defnpy.config import config as config
from defnpy.ops.public import FUNCTIONS as _FUNCTIONS
from defnpy.ops.public import documentation as _documentation
from defnpy.runtime import namespace as _namespace
from defnpy.runtime.eager import PublicFunction as _PublicFunction
from defnpy.runtime.names import absent as _absent
from defnpy.runtime.template import Template as Template
from defnpy.runtime.template import template as template

_API = ["defn", "range", "devices", "to_device"]
_TRANSFORMS = [
    *("grad", "value_and_grad", "jvp", "vjp", "jacobian", "hessian", "vmap"),
    *("checkpoint", "custom_grad"),
]
# Imported when they are first used, so that importing defnpy stays quick.
_MODULES = [
    *("cache", "data", "fft", "linalg", "losses", "metrics", "nn", "optimizers"),
    *("preprocessing", "random", "schedules", "serving"),
]
_LAZY = {
    "check": "defnpy.checking",
    "to_batched": "defnpy.data",
    "Serving": "defnpy.serving",
    **dict.fromkeys(
        ("associative_scan", "reduce", "scan", "window_reduce"), "defnpy.folds"
    ),
}

_SCALARS: tuple[Any, ...] = (
    *(_np.bool_, _np.int8, _np.int16, _np.int32, _np.int64),
    *(_np.uint8, _np.uint16, _np.uint32, _np.uint64),
    *(_np.float16, _ml_dtypes.bfloat16, _np.float32, _np.float64),
    *(_np.complex64, _np.complex128),
)
_CONSTANTS: dict[str, Any] = {
    **{"e": _math.e, "inf": _math.inf, "nan": _math.nan, "pi": _math.pi},
    "euler_gamma": 0.5772156649015329,
    "newaxis": None,
    # The dtypes, under NumPy's names; every dtype may also be a string, as "f32".
    **{_np.dtype(kind).name: kind for kind in _SCALARS},
}

__array_api_version__ = _namespace.VERSION
__array_namespace_info__ = _namespace.NamespaceInfo

globals().update(_CONSTANTS)
globals().update({name: getattr(_api, name) for name in _API if hasattr(_api, name)})
globals().update({name: getattr(_transformations, name) for name in _TRANSFORMS})
globals().update({name: getattr(errors, name) for name in errors.__all__})
globals().update(
    {
        name: _PublicFunction(name, builder, _documentation(name))
        for name, builder in _FUNCTIONS.items()
    }
)

__all__ = ["Template", "config", "errors", "template", "tree"]
__all__ += [name for name in _API if hasattr(_api, name)]  # pyright: ignore
__all__ += [*_TRANSFORMS, *errors.__all__, *_FUNCTIONS, *_CONSTANTS, *_LAZY]  # pyright: ignore


def __getattr__(name: str) -> Any:
    """Import what is imported on first use."""
    if name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"defnpy.{name}")
    else:
        raise _absent(__name__, name, __dir__())
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, also those imported on first use."""
    return sorted({*__all__, *_MODULES, *_LAZY})
