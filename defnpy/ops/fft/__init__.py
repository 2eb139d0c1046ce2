"""Fourier transforms: records along one axis, and functions made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.ops.fft import frequencies, functions, records

if TYPE_CHECKING:
    from collections.abc import Callable

MODULES = (records,)

_NAMED: dict[Any, tuple[str, ...]] = {
    functions: (
        *("fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fftn", "ifftn"),
        *("rfftn", "irfftn", "fft2", "ifft2", "rfft2", "irfft2"),
    ),
    frequencies: ("fftfreq", "rfftfreq", "fftshift", "ifftshift"),
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(module, name) for module, names in _NAMED.items() for name in names
}
