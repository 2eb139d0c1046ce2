"""Every flag, typed, documented and in one place.

A flag is read from ``DEFNPY_<NAME>`` once, at import, and may be set later
through ``dn.config``.  Those in `CODE_FLAGS` change the code that is made and
so are part of every cache key.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

changes = 0


@dataclass(slots=True)
class Flags:
    """The settings of the process.

    Attributes:
        device: where compiled functions run, ``"cpu"`` or ``"cuda"``.
        default_float: dtype of untyped floats, ``"f32"`` or ``"f64"``.
        check_nan: whether programs look for the first NaN that is made, and raise
            there; slow.
        threads: threads a compiled program may use; 0 means all cores.
        spare_memory: MiB of memory that is kept for results and temporaries to come
            when it is no longer used; 0 keeps none.
        cache_dir: where compiled programs are kept; empty means the platform's
            cache place.
        cache: whether compiled programs are kept on disk.
        debug: the ladder of what is printed, 1 source, 2 typed IR, 3 the IR
            after each pass, 4 kernels, 5 LLVM.
        verify: whether the IR is verified after every stage.
        traceback: ``"full"`` shows the compiler's own frames in errors.
    """

    device: str = "cpu"
    default_float: str = "f32"
    check_nan: bool = False
    threads: int = 0
    spare_memory: int = 512
    cache_dir: str = ""
    cache: bool = True
    debug: int = 0
    verify: bool = False
    traceback: str = "user"

    def __setattr__(self, name: str, value: object) -> None:
        """Set a flag; `changes` counts how often that was done."""
        global changes
        object.__setattr__(self, name, value)
        changes += 1

    @classmethod
    def from_environment(cls) -> Flags:
        """Read each flag from its variable, falling back to its default."""
        made = cls()
        for item in fields(cls):
            text = os.environ.get(f"DEFNPY_{item.name.upper()}")
            if text is not None:
                setattr(made, item.name, _parse(text, getattr(made, item.name)))
        return made


def _parse(text: str, default: object) -> object:
    if isinstance(default, bool):
        return text.lower() not in ("", "0", "false", "no")
    return int(text) if isinstance(default, int) else text


CODE_FLAGS = ("default_float", "check_nan")
flags = Flags.from_environment()
