"""``python -m defnpy``: what is installed, what is cached, and what is compiled."""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import operator
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from defnpy import cache
from defnpy.api import Compiled, defn
from defnpy.base.dtypes import ALL
from defnpy.base.errors import DefnError, DefnValueError
from defnpy.runtime.doctor import findings
from defnpy.runtime.template import template

if TYPE_CHECKING:
    from collections.abc import Sequence

_DTYPES = {dtype.name for dtype in ALL}
_NUMBERS = {"bool": True, "int": 1, "float": 1.0, "complex": 1j}
_PARTS = ("ir", "kernel", "llvm", "asm", "explain")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.run is None:
        parser.print_help()
        return 2
    try:
        return options.run(options)
    except (DefnError, _UsageError) as error:
        print(f"defnpy: {error}", file=sys.stderr)
        return 1


class _UsageError(Exception):
    """What was asked for cannot be done; its text is one clear sentence."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m defnpy", description="Look at what is installed, kept and compiled."
    )
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands")
    doctor = commands.add_parser("doctor", help="look at what is installed and found")
    doctor.set_defaults(run=_doctor)
    kept = commands.add_parser("cache", help="compiled programs kept on disk")
    kept.set_defaults(run=_cache)
    kept.add_argument("action", choices=("info", "clear"))
    inspect = commands.add_parser("inspect", help="show what a function compiles to")
    inspect.set_defaults(run=_inspect)
    inspect.add_argument("function", help="module:function, or file.py:function")
    inspect.add_argument(
        "--args",
        default="",
        help="types and values, for example \"f32[3,4] f32[] {'w': f64[3]} axis=0\";"
        " `float` stands for a Python number",
    )
    inspect.add_argument(
        "--show",
        default="ir,kernel",
        help=f"what to print besides cost and memory: any of {','.join(_PARTS)}",
    )
    return parser


def _doctor(options: argparse.Namespace) -> int:
    found = findings()
    rows = [(f.what, Text(f.found, "" if f.is_good else "bold red")) for f in found]
    _print_table("defnpy", rows)
    return 0 if all(f.is_good for f in found) else 1


def _cache(options: argparse.Namespace) -> int:
    if options.action == "clear":
        count = cache.clear()
        print(f"{count} programs deleted from {cache.info()['directory']}")
        return 0
    info = cache.info()
    rows = [(name, str(info[name])) for name in ("directory", "files", "bytes")]
    _print_table("compiled programs on disk", rows)
    return 0


def _print_table(title: str, rows: Sequence[tuple[str, str | Text]]) -> None:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(soft_wrap=True).print(table)


def _inspect(options: argparse.Namespace) -> int:
    parts = [part.strip() for part in options.show.split(",") if part.strip()]
    for part in parts:
        if part not in _PARTS:
            raise _UsageError(f"cannot show {part!r}; there is {', '.join(_PARTS)}")
    function = _function(options.function)
    args, kwargs = parse_arguments(options.args)
    lowered = function.lower(*args, **kwargs)
    compiled = lowered.compile()
    texts = {
        "ir": lambda: lowered.ir,
        "kernel": lambda: compiled.kernels,
        "llvm": lambda: compiled.llvm,
        "asm": lambda: compiled.asm,
        "explain": lambda: function.explain(*args, **kwargs),
    }
    for part in parts:
        print(f"# {part}\n{texts[part]()}\n")
    numbers = compiled.cost | {f"{n}, bytes": v for n, v in compiled.memory.items()}
    _print_table(options.function, [(n, f"{v:,}") for n, v in numbers.items()])
    return 0


def _function(name: str) -> Compiled:
    """Return the function that ``module:function`` names, compiled if it is not."""
    module, colon, path = name.partition(":")
    if not colon or not path:
        raise _UsageError(f"{name!r} is not of the form module:function")
    try:
        found = operator.attrgetter(path)(_module(module))
    except AttributeError as error:
        raise _UsageError(str(error)) from None
    return defn(found)


def _module(name: str) -> Any:
    try:
        return _file(name) if name.endswith(".py") else importlib.import_module(name)
    except (_UsageError, DefnError):
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise _UsageError(f"cannot import {name!r}: {what}") from None


def _file(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(Path(name).stem, name)
    if spec is None or spec.loader is None or not Path(name).is_file():
        raise _UsageError(f"there is no file {name!r}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def parse_arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and keyword arguments: templates, numbers, static values.

    >>> parse_arguments("f32[3,4] f32[] axis=0")
    ([template(f32[3,4]), template(f32[])], {'axis': 0})
    """
    # With the empty shape as Python writes it, all is an argument list but for commas.
    source = re.sub(r"\b(\w+)\[\]", r"\1[()]", text)
    joined = ", ".join(_split(source))
    try:
        call: Any = ast.parse(f"f({joined})", mode="eval").body
    except SyntaxError:
        raise DefnValueError(f"these are no arguments: {text}") from None
    kwargs = {each.arg: _value(each.value) for each in call.keywords}
    return [_value(each) for each in call.args], kwargs


def _split(text: str) -> list[str]:
    """Return the parts of `text` between spaces that stand in no bracket or string."""
    depth, parts, quote = 0, [""], ""
    for letter in text:
        if letter in "'\"":
            quote = "" if letter == quote else quote or letter
        depth += (letter in "([{") - (letter in ")]}") if not quote else 0
        if letter.isspace() and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.rstrip(",") for part in parts if part.rstrip(",")]


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) in _DTYPES:
        return template(ast.literal_eval(node.slice), ast.unparse(node.value))
    if isinstance(node, ast.Name) and node.id in _NUMBERS:
        return _NUMBERS[node.id]
    if isinstance(node, ast.Tuple | ast.List):
        items = [_value(each) for each in node.elts]
        return tuple(items) if isinstance(node, ast.Tuple) else items
    if isinstance(node, ast.Dict) and None not in node.keys:
        pairs = zip(node.keys, node.values, strict=True)
        return {ast.literal_eval(key): _value(value) for key, value in pairs if key}
    try:
        return ast.literal_eval(node)
    except ValueError:
        text = ast.unparse(node)
        raise DefnValueError(
            f"`{text}` is no argument", hint="write f32[3,4], a number or a string"
        ) from None


if __name__ == "__main__":
    sys.exit(main())
