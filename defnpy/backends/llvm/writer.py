"""The text of one LLVM function under construction, and of its module."""

from __future__ import annotations

import re
from hashlib import sha256

import numpy as np


class Module:
    """What functions of one module share: declarations and metadata."""

    def __init__(self) -> None:
        """Start empty."""
        self._declared: dict[str, str] = {}
        self._metadata: list[str] = []
        self._constants: dict[str, str] = {}
        self._attributes: dict[str, str] = {}
        self._shared: dict[str, str] = {}
        self.functions: dict[str, str] = {}
        self.data: dict[str, np.ndarray] = {}
        self.kept: list[str] = []

    def declare(
        self, name: str, result: str, operands: str, attributes: str = ""
    ) -> str:
        """Declare an outside function once, and return its name."""
        self._declared[name] = f"declare {result} @{name}({operands}) {attributes}"
        return f"@{name}"

    def metadata(self, text: str) -> str:
        """Add a metadata node, where ``{self}`` stands for itself."""
        name = f"!{len(self._metadata)}"
        self._metadata.append(f"{name} = {text.replace('{self}', name)}")
        return name

    def attributes(self, text: str) -> str:
        """Return the name of a group of attributes of calls."""
        return self._attributes.setdefault(text, f"#{len(self._attributes)}")

    def shared_metadata(self, text: str) -> str:
        """Return a metadata node that is the same wherever it is used."""
        if text not in self._shared:
            self._shared[text] = self.metadata(text)
        return self._shared[text]

    def likely(self) -> str:
        """Return the weights of a branch that goes to its first label."""
        return self.shared_metadata('!{!"branch_weights", i32 1048576, i32 1}')

    def rare(self) -> str:
        """Return the weights of a branch that goes to its second label."""
        return self.shared_metadata('!{!"branch_weights", i32 1, i32 1048576}')

    def constant(self, value: str, align: int = 8) -> str:
        """Return the address of a constant, given with its type."""
        key = f"{value}, align {align}"
        if key not in self._constants:
            self._constants[key] = f"@constant.{len(self._constants)}"
        return self._constants[key]

    def outside(self, value: np.ndarray) -> str:
        """Return the address of data that stay where they are, outside the code."""
        name = f"data.{sha256(value.tobytes()).hexdigest()}"
        self.data[name] = np.ascontiguousarray(value)
        return f"@{name}"

    @property
    def declared(self) -> tuple[str, ...]:
        """Names of the outside functions used, intrinsics left out."""
        return tuple(n for n in self._declared if not n.startswith("llvm."))

    def text(self) -> str:
        """Return the module."""
        constants = (
            f"{name} = private unnamed_addr constant {value}"
            for value, name in self._constants.items()
        )
        outside = (f"@{name} = external constant i8" for name in self.data)
        groups = (
            f"attributes {name} = {{ {text} }}"
            for text, name in self._attributes.items()
        )
        parts = [*constants, *outside, *self._used(), *self.functions.values()]
        parts += [*self._declared.values(), *groups, *self._metadata]
        return "\n".join(parts) + "\n"

    def _used(self) -> list[str]:
        """Return what keeps functions that are called only after vectorisation."""
        if not self.kept:
            return []
        names = ", ".join(f"ptr @{name}" for name in self.kept)
        return [
            f"@llvm.compiler.used = appending global [{len(self.kept)} x ptr] "
            f'[{names}], section "llvm.metadata"'
        ]


class Writer:
    """Instructions and blocks of one function, in order."""

    def __init__(self, module: Module) -> None:
        """Start in the block ``entry``."""
        self.module = module
        self.block = "entry"
        self._head: list[str] = ["entry:"]
        self._lines: list[str] = []
        self._serial = 0

    def fresh(self, hint: str = "") -> str:
        """Return a new local name, without its ``%``."""
        self._serial += 1
        return f"{clean(hint)}.{self._serial}" if hint else f"v{self._serial}"

    def value(self, instruction: str, hint: str = "") -> str:
        """Write an instruction and return the name of its value."""
        name = f"%{self.fresh(hint)}"
        self._lines.append(f"  {name} = {instruction}")
        return name

    def line(self, instruction: str) -> None:
        """Write an instruction without a value."""
        self._lines.append(f"  {instruction}")

    def head(self, instruction: str, hint: str) -> str:
        """Write an instruction at the start of the function."""
        name = f"%{self.fresh(hint)}"
        self._head.append(f"  {name} = {instruction}")
        return name

    def open(self, label: str) -> None:
        """Begin the block `label`; the one before it has its terminator."""
        self._lines.append(f"{label}:")
        self.block = label

    def jump(self, label: str) -> None:
        """End the block by going to `label`."""
        self.line(f"br label %{label}")

    def branch(self, condition: str, then: str, orelse: str, tail: str = "") -> None:
        """End the block by going to one of two labels."""
        self.line(f"br i1 {condition}, label %{then}, label %{orelse}{tail}")

    def call(self, result: str, name: str, *operands: str) -> str:
        """Write a call of a function that is declared, and return its value.

        `operands` are given with their types.
        """
        return self.value(f"call {result} {name}({', '.join(operands)})")

    def body(self) -> str:
        """Return everything written."""
        return "\n".join([*self._head, *self._lines])


def clean(name: str) -> str:
    """Return `name` with what LLVM does not take in a name left out.

    >>> clean("loss.<lambda>")
    'loss.lambda'
    """
    return re.sub(r"[^A-Za-z0-9_.]", "", name) or "v"
