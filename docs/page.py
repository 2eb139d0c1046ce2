"""Write the page of all operations: `make docs`."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from pathlib import Path

from docs import samplers
from docs.operations import functions, row

PAGE = Path(__file__).parent.parent / "build" / "docs" / "operations.md"
HEAD = """# Operations

Made by `make docs` on {machine} with defnpy {version}: each function was called as its
docstring's example calls it, with arrays of every dtype, differentiated, mapped over
lanes and compiled.

- **dtypes**: which kinds of array it takes: `bool`, `int` (i8 to i64), `uint` (u8 to
  u64), `half` (f16, bf16), `float` (f32, f64), `complex` (c64, c128), or any of these.
- **gradient**: `zero` where it is constant between steps, `–` where there is no float
  to differentiate.
- **vmap**: whether lanes are one program, or done lane by lane.
- **vectors**: whether the machine code for long arrays has vector arithmetic, only
  copies, or which routine of ours, BLAS, LAPACK or the FFT it calls.
- **after**: whose name and meaning it has.
"""
TABLE = """
| function | dtypes | gradient | vmap | vectors | after |
|---|---|---|---|---|---|
"""
SECTIONS = {
    "": "On arrays",
    "linalg": "Linear algebra: `dn.linalg`",
    "fft": "Fourier transforms: `dn.fft`",
}


def page() -> str:
    """Return the whole page."""
    parts = [HEAD.format(machine=platform.machine(), version=version("defnpy"))]
    for module, title in SECTIONS.items():
        mine = {n: b for n, b in functions().items() if n.rpartition(".")[0] == module}
        lines = [row(name, builder).line() for name, builder in sorted(mine.items())]
        parts += [f"\n## {title}\n", TABLE, "\n".join(lines), "\n"]
    lines = [each.line() for each in samplers.rows()]
    parts += ["\n## Random numbers: `dn.random`\n", TABLE, "\n".join(lines), "\n"]
    return "".join(parts)


def main() -> int:
    """Write the page, and say where."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), "utf-8")
    print(PAGE.relative_to(Path.cwd()) if PAGE.is_relative_to(Path.cwd()) else PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
