"""A model to look at: a table of its layers, and its graph."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import rich.box
import rich.console
import rich.markup
import rich.table

import defnpy as dn
from defnpy.nn import picture, shapes, state
from defnpy.nn.shapes import Layer, shape_text

if TYPE_CHECKING:
    from defnpy.nn.graph import Model

COLUMNS = ("Layer", "Input Shape", "Output Shape", "Options", "Parameters")
_UNITS = ("bytes", "kilobytes", "megabytes", "gigabytes", "terabytes")


@dataclass(frozen=True)
class Table:
    """The layers of a model; prints as a table.

    Attributes:
        rows: one tuple of texts per layer, in the order of `COLUMNS`.
        parameters: how many numbers the model has.
        nbytes: how many bytes they take.
    """

    rows: tuple[tuple[str, ...], ...]
    parameters: int
    nbytes: int

    def __str__(self) -> str:
        """Return the table and the totals."""
        table = rich.table.Table(
            *COLUMNS, title="Model", box=rich.box.ASCII2, show_lines=True
        )
        for row in self.rows:
            table.add_row(*map(rich.markup.escape, row))
        width = sum(max(map(len, "\n".join(c).splitlines())) + 3 for c in self._cells())
        console = rich.console.Console(
            file=io.StringIO(), width=width + 1, color_system=None
        )
        console.print(table)
        text = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
        return (
            f"{text}Total Parameters: {self.parameters}\n"
            f"Total Parameters Memory: {_memory(self.nbytes)}"
        )

    __repr__ = __str__

    def _cells(self) -> list[tuple[str, ...]]:
        return list(zip(COLUMNS, *self.rows, strict=True))


@dataclass(frozen=True)
class Graph:
    """The graph of a model; prints as Mermaid text, shows as a picture."""

    mermaid: str
    svg: str

    def __str__(self) -> str:
        """Return the Mermaid text."""
        return self.mermaid

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return f"```mermaid\n{self.mermaid}\n```"

    def _repr_html_(self) -> str:
        return self.svg


def as_table(model: Model, template: Any = None) -> Table:
    """Return a table of a model's layers for a batch or template.

    >>> model = dn.nn.input("input", shape=(None, 2)).dense(3)
    >>> print(dn.nn.display.as_table(model).rows[1][0])
    dense_0 ( dense["input"] )
    """
    layers = shapes.layers(model, template)
    arrays = dn.tree.leaves(state.specs(layers).data)  # a shared one counts once
    return Table(
        tuple(_row(layer, layers) for layer in layers.values()),
        sum(array.size for array in arrays),
        sum(array.nbytes for array in arrays),
    )


def as_graph(model: Model, template: Any = None, *, direction: str = "TD") -> Graph:
    """Return the graph of a model for a batch or template.

    `direction` is Mermaid's: ``"TD"`` for downwards, ``"LR"`` for rightwards.

    >>> model = dn.nn.input("input", shape=(None, 2)).dense(3)
    >>> print(dn.nn.display.as_graph(model))
    graph TD;
    n0[/"input (input) (1, 2)"/];
    n1["dense_0 (dense) (1, 3)"];
    n0 --> n1;
    """
    if direction not in ("TD", "LR"):
        raise dn.DefnValueError(f"direction is 'TD' or 'LR', not {direction!r}")
    layers = list(shapes.layers(model, template).values())
    number = {layer.node: k for k, layer in enumerate(layers)}
    lines = [f"graph {direction};"]
    for k, layer in enumerate(layers):
        label = f"{layer.name} ({layer.node.op}) {shape_text(layer.output)}"
        text = label.replace('"', "#quot;")
        shape = f'[/"{text}"/]' if layer.node.op == "input" else f'["{text}"]'
        lines.append(f"n{k}{shape};")
    edges = [
        (number[parent], number[layer.node])
        for layer in layers
        for parent in layer.node.parents
    ]
    lines += [f"n{a} --> n{b};" for a, b in edges]
    boxes = [(la.name, f"{la.node.op} {shape_text(la.output)}") for la in layers]
    return Graph("\n".join(lines), picture.draw(boxes, edges, direction))


def _row(layer: Layer, layers: dict[Model, Layer]) -> tuple[str, ...]:
    parents = [layers[parent] for parent in layer.node.parents]
    fed = ", ".join(f'"{parent.name}"' for parent in parents)
    kind = f"{layer.node.op}[{fed}]" if fed else layer.node.op
    return (
        f"{layer.name} ( {kind} )",
        f"[{', '.join(shape_text(parent.output) for parent in parents)}]",
        shape_text(layer.output),
        "\n".join(
            f"{name}: {_option(value)}"
            for name, value in layer.node.options.items()
            if value is not None
        ),
        "\n".join(f"{name}: {array}" for name, array in layer.params.items()),
    )


def _option(value: Any) -> str:
    return getattr(value, "__name__", None) or str(value)


def _memory(nbytes: int) -> str:
    amount, unit = float(nbytes), 0
    while amount >= 1000 and unit + 1 < len(_UNITS):
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.4g} {_UNITS[unit]}"
