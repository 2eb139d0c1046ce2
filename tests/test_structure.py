"""The floors: which room of the package may import which, and what else.

The tables below are the rule.  Every import is looked at, also those inside
functions and under ``TYPE_CHECKING``, so a cycle between rooms cannot hide.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.pure

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = "defnpy"
ROOT_MODULES = {"__init__", "__main__"}

FLOORS = {
    "base": 0,
    "ir": 1,
    "ops": 2,
    "transforms": 3,
    "passes": 3,
    "frontend": 4,
    "backends": 4,
    "runtime": 5,
    "api": 5,
    "transformations": 5,
    "checking": 5,
    # Modules that show what lies below as `dn.tree`, `dn.config`, `dn.linalg`.
    "tree": 5,
    "config": 5,
    "cache": 5,
    "errors": 5,
    "linalg": 5,
    "fft": 5,
}
# Rooms of one floor are siblings and do not import each other, except these.
BESIDE = {
    "api": {"runtime"},
    "transformations": {"runtime", "api"},
    "checking": {"runtime", "api", "transformations"},
    "config": {"runtime"},
    "cache": {"runtime"},
    "linalg": {"runtime"},
    "fft": {"runtime"},
}
# Floor 6: written in the public DSL, so only public names may be imported.
LIBRARY = {
    "nn",
    "losses",
    "metrics",
    "optimizers",
    "schedules",
    "preprocessing",
    "data",
    "serving",
    "random",
    "folds",
}
PUBLIC_ROOMS = LIBRARY | {"tree", "config", "cache", "errors", "linalg", "fft"}
PRIVATE_ROOMS = set(FLOORS) - PUBLIC_ROOMS

ARRAYS = {"numpy", "optree", "ml_dtypes"}
THIRD_PARTY = {
    "ops": ARRAYS | {"scipy"},
    "backends": ARRAYS | {"numba", "llvmlite", "scipy", "cuda"},
    "runtime": ARRAYS | {"platformdirs"},
    "cache": ARRAYS | {"platformdirs"},
}
LIBRARY_THIRD_PARTY = ARRAYS | {"polars", "safetensors", "rich", "matplotlib"}

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60

Import = tuple[int, str]


def floor_problems(repository: Path) -> list[str]:
    """List each import in defnpy/ and models/ that breaks the tables."""
    problems = []
    for path in _sources(repository, PACKAGE, "models"):
        relative = path.relative_to(repository)
        room = _room_of_file(relative)
        if room in ROOT_MODULES:
            continue
        if room not in FLOORS and room not in LIBRARY and room != "models":
            problems.append(f"{relative}:1: room '{room}' is not in the floors table")
            continue
        for line, target in _imports(relative, _parse(path)):
            if complaint := _complaint(room, target):
                problems.append(f"{relative}:{line}: {complaint}")
    return problems


def size_problems(repository: Path) -> list[str]:
    """List each file and function in defnpy/ that is too long to read at once."""
    problems = []
    for path in _sources(repository, PACKAGE):
        relative = path.relative_to(repository)
        lines = len(path.read_text("utf-8").splitlines())
        if lines > MAX_FILE_LINES:
            problems.append(f"{relative}:1: {lines} lines, at most {MAX_FILE_LINES}")
        for node in ast.walk(_parse(path)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            length = _code_lines(node)
            if length > MAX_FUNCTION_LINES:
                problems.append(
                    f"{relative}:{node.lineno}: {node.name} has {length} lines, "
                    f"at most {MAX_FUNCTION_LINES}"
                )
    return problems


def _sources(repository: Path, *tops: str) -> list[Path]:
    return sorted(path for top in tops for path in (repository / top).rglob("*.py"))


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def _room_of_file(relative: Path) -> str:
    if relative.parts[0] != PACKAGE:
        return relative.parts[0]
    return relative.parts[1].removesuffix(".py")


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    total = _span(node)
    return total - _span(node.body[0]) if ast.get_docstring(node) else total


def _span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _imports(relative: Path, tree: ast.Module) -> Iterator[Import]:
    """Yield the line and dotted name of everything a module reaches for."""
    aliases = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
            aliases |= {a.asname or PACKAGE for a in node.names if a.name == PACKAGE}
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(relative, node)
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and (name := _imported_by_call(node)):
            yield node.lineno, name
    for node in ast.walk(tree):
        # `dn.ir` reaches a room as well as `from defnpy import ir` does.
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in aliases and node.attr in PRIVATE_ROOMS:
                yield node.lineno, f"{PACKAGE}.{node.attr}"


def _absolute(relative: Path, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    package = relative.parts[: len(relative.parts) - node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def _imported_by_call(node: ast.Call) -> str | None:
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else None
    name = called.id if isinstance(called, ast.Name) else name
    if name not in ("import_module", "__import__") or not node.args:
        return None
    first = node.args[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return None


def _complaint(room: str, target: str) -> str | None:
    """Say which rule the import of `target` in `room` breaks, if any."""
    top, *rest = target.split(".")
    if top != PACKAGE:
        return _third_party_complaint(room, top)
    reached = rest[0] if rest else ""
    if room in FLOORS:
        return _floor_complaint(room, reached)
    if reached in PRIVATE_ROOMS:
        return (
            f"{room} uses only public names of {PACKAGE}; {PACKAGE}.{reached} is inside"
        )
    if reached != room and any(_is_private(part) for part in rest):
        return f"{room} uses only public names of {PACKAGE}; {target} is not one"
    return None


def _floor_complaint(room: str, reached: str) -> str | None:
    if reached == room or reached in BESIDE.get(room, ()):
        return None
    if reached not in FLOORS:
        what = f"{PACKAGE}.{reached}" if reached in LIBRARY else "the package itself"
        return f"{room} (floor {FLOORS[room]}) imports {what}, which stands above it"
    if FLOORS[reached] < FLOORS[room]:
        return None
    rule = (
        "siblings never import each other"
        if FLOORS[reached] == FLOORS[room]
        else "an import goes only to a lower floor"
    )
    return (
        f"{room} (floor {FLOORS[room]}) imports {reached} "
        f"(floor {FLOORS[reached]}): {rule}"
    )


def _third_party_complaint(room: str, top: str) -> str | None:
    if top in sys.stdlib_module_names or top == room == "models":
        return None
    if room == "models":
        if top in ("tests", "bench"):
            return f"models imports {top}, which is not installed for a user"
        return None
    allowed = LIBRARY_THIRD_PARTY if room in LIBRARY else THIRD_PARTY.get(room, ARRAYS)
    if top in allowed:
        return None
    return f"{room} imports {top}; third-party names allowed here: {sorted(allowed)}"


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_imports_go_only_to_lower_floors() -> None:
    problems = floor_problems(REPOSITORY)
    assert not problems, "\n" + "\n".join(problems)


def test_files_and_functions_are_short() -> None:
    problems = size_problems(REPOSITORY)
    assert not problems, "\n" + "\n".join(problems)


def test_the_walk_sees_the_package() -> None:
    seen = {
        _room_of_file(path.relative_to(REPOSITORY))
        for path in _sources(REPOSITORY, PACKAGE)
    }
    assert seen >= {"base", "ir", "ops"}


def _check_one(tmp_path: Path, name: str, source: str) -> list[str]:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(source, "utf-8")
    return floor_problems(tmp_path)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("defnpy/base/tree.py", "import optree, ml_dtypes, numpy.typing"),
        ("defnpy/base/a.py", "from defnpy.base.errors import DefnError"),
        ("defnpy/ir/a.py", "from __future__ import annotations\nimport math"),
        ("defnpy/passes/a.py", "from defnpy.ops import dot\nfrom defnpy import ir"),
        ("defnpy/backends/a.py", "def f():\n    import numba.cuda, llvmlite, scipy"),
        ("defnpy/api.py", "from defnpy.runtime.call import call"),
        ("defnpy/api.py", "from . import runtime"),
        (
            "defnpy/nn/a.py",
            "import defnpy as dn\nfrom defnpy import losses, defn\ndn.x",
        ),
        ("defnpy/nn/a.py", "from defnpy.nn._graph import Graph\nimport polars"),
        ("defnpy/losses.py", "from defnpy.metrics import accuracy"),
        (
            "defnpy/__init__.py",
            "from defnpy.ir import expr\nfrom defnpy.api import defn",
        ),
        ("defnpy/__main__.py", "from defnpy.runtime import cache"),
        ("models/a.py", "import polars, numba\nfrom defnpy import nn, defn"),
        ("models/b.py", "from models.a import model"),
    ],
)
def test_checker_accepts(tmp_path: Path, name: str, source: str) -> None:
    assert _check_one(tmp_path, name, source) == []


@pytest.mark.parametrize(
    ("name", "source", "line", "fragment"),
    [
        ("defnpy/base/a.py", "import defnpy.ir.expr", 1, "lower floor"),
        ("defnpy/base/a.py", "\nimport scipy", 2, "imports scipy"),
        ("defnpy/ir/a.py", "def f():\n    from defnpy import ops", 2, "lower floor"),
        ("defnpy/ir/a.py", "from ..ops import dot", 1, "lower floor"),
        ("defnpy/ir/a.py", "from .. import ops", 1, "lower floor"),
        ("defnpy/ir/deep/a.py", "from ...ops import dot", 1, "lower floor"),
        (
            "defnpy/ir/a.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
            "    from defnpy.ops import dot",
            3,
            "lower floor",
        ),
        ("defnpy/ir/a.py", "import defnpy as dn", 1, "the package itself"),
        ("defnpy/ops/a.py", "from defnpy import add", 1, "the package itself"),
        ("defnpy/ops/a.py", "from defnpy.nn import dense", 1, "defnpy.nn"),
        ("defnpy/passes/a.py", "import defnpy.transforms.grad", 1, "siblings"),
        ("defnpy/transforms/a.py", "import defnpy.passes", 1, "siblings"),
        ("defnpy/frontend/a.py", "import defnpy.backends.cpu", 1, "siblings"),
        ("defnpy/backends/a.py", "import defnpy.frontend", 1, "siblings"),
        ("defnpy/runtime/a.py", "import defnpy.api", 1, "siblings"),
        ("defnpy/frontend/a.py", "import numba", 1, "imports numba"),
        ("defnpy/runtime/a.py", "import llvmlite.binding", 1, "imports llvmlite"),
        (
            "defnpy/api.py",
            "import importlib\nimportlib.import_module('numba')",
            2,
            "imports numba",
        ),
        ("defnpy/losses.py", "from defnpy.ir import expr", 1, "defnpy.ir is inside"),
        ("defnpy/nn/a.py", "from defnpy import runtime", 1, "defnpy.runtime is inside"),
        ("defnpy/nn/a.py", "import defnpy as dn\ndn.ops.x", 2, "defnpy.ops is inside"),
        ("defnpy/nn/a.py", "from defnpy.data._io import x", 1, "is not one"),
        ("defnpy/serving.py", "import numba", 1, "imports numba"),
        ("models/a.py", "from defnpy.api import defn", 1, "defnpy.api is inside"),
        ("models/a.py", "import tests.conftest", 1, "imports tests"),
        ("defnpy/attic/a.py", "", 1, "room 'attic' is not in the floors table"),
    ],
)
def test_checker_complains(
    tmp_path: Path, name: str, source: str, line: int, fragment: str
) -> None:
    (problem,) = _check_one(tmp_path, name, source)
    assert problem.startswith(f"{name}:{line}: ")
    assert fragment in problem


def test_sizes_leave_docstrings_out(tmp_path: Path) -> None:
    body = "    x = 1\n" * (MAX_FUNCTION_LINES - 1)
    doc = '    """One.\n\n    Two.\n    """\n'
    source = f"def right():\n{doc}{body}\n\ndef long():\n{body}    y = 1\n"
    path = tmp_path / "defnpy" / "a.py"
    path.parent.mkdir()
    path.write_text(source, "utf-8")
    (problem,) = size_problems(tmp_path)
    assert f"long has {MAX_FUNCTION_LINES + 1} lines" in problem
    path.write_text("x = 1\n" * (MAX_FILE_LINES + 1), "utf-8")
    assert size_problems(tmp_path) == ["defnpy/a.py:1: 501 lines, at most 500"]
