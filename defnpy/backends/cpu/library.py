"""Functions of our own that programs call: compiled once, and kept like programs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

from defnpy.backends.cpu.machine import machine
from defnpy.backends.llvm.product import product_text
from defnpy.backends.llvm.target import CPU
from defnpy.base.dtypes import as_dtype

if TYPE_CHECKING:
    from collections.abc import Callable

PRODUCTS = {symbol: name for name, symbol in CPU.product.items()}


class Keeper(Protocol):
    """Where object code is kept from one process to the next."""

    def __call__(self, text: str, compile: Callable[[str], bytes]) -> bytes:
        """Return the object code of `text`, by `compile` if there is none yet."""
        ...


def _compile(text: str, compile: Callable[[str], bytes]) -> bytes:
    return compile(text)


_keepers: list[Keeper] = [_compile]
_lock = threading.Lock()
_made: dict[str, tuple[Any, int]] = {}


def keep_with(keeper: Keeper) -> None:
    """Keep object code that way from now on."""
    _keepers[0] = keeper


def product_address(symbol: str) -> int:
    """Return the address of a product of matrices, which stays in the process."""
    with _lock:
        if symbol not in _made:
            this = machine()
            text = product_text(as_dtype(PRODUCTS[symbol]), this.target)
            code = _keepers[0](text, this.compile_as_written)
            library = this.link(code, (symbol,), {})
            _made[symbol] = library, library[symbol]
        return _made[symbol][1]
