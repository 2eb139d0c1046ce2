"""A graph drawn as SVG, without anything that has to be loaded."""

from __future__ import annotations

import html

BOX = (190, 44)
GAP = (24, 34)
MARGIN = 10
_STYLE = (
    "rect{fill:#eef3fb;stroke:#4a6fa5}text{font:12px sans-serif;text-anchor:middle;"
    "fill:#1d2b3e}text.small{font-size:11px;fill:#54657d}line{stroke:#4a6fa5}"
)
_HEAD = (
    '<marker id="head" markerWidth="8" markerHeight="8" refX="7" refY="4" '
    'orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#4a6fa5"/></marker>'
)

Point = tuple[float, float]


def draw(
    boxes: list[tuple[str, str]], edges: list[tuple[int, int]], direction: str = "TD"
) -> str:
    """Return the SVG text of a graph.

    Args:
        boxes: a title and a small text for each node, every node after those
            that point to it.
        edges: pairs of positions in `boxes`.
        direction: ``"TD"`` for downwards, ``"LR"`` for rightwards.
    """
    places = _places(len(boxes), edges)
    step = (BOX[0] + GAP[0], BOX[1] + GAP[1])
    across = direction == "LR"
    centers = []
    for rank, position in places:
        x, y = (rank, position) if across else (position, rank)
        centers.append(
            (x * step[0] + MARGIN + BOX[0] / 2, y * step[1] + MARGIN + BOX[1] / 2)
        )
    width = max(x for x, _ in centers) + BOX[0] / 2 + MARGIN
    height = max(y for _, y in centers) + BOX[1] / 2 + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" '
        f'height="{height:g}"><style>{_STYLE}</style><defs>{_HEAD}</defs>'
    ]
    parts += [_line(centers[a], centers[b], across) for a, b in edges]
    parts += [
        _box(center, *texts) for center, texts in zip(centers, boxes, strict=True)
    ]
    return "\n".join([*parts, "</svg>"])


def _places(count: int, edges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the rank of each node, its longest way from a source, and its place."""
    ranks = [0] * count
    for a, b in sorted(edges, key=lambda edge: edge[1]):
        ranks[b] = max(ranks[b], ranks[a] + 1)
    seen: dict[int, int] = {}
    places = []
    for rank in ranks:
        places.append((rank, seen.get(rank, 0)))
        seen[rank] = seen.get(rank, 0) + 1
    return places


def _line(start: Point, end: Point, across: bool) -> str:
    dx, dy = (BOX[0] / 2, 0) if across else (0, BOX[1] / 2)
    return (
        f'<line x1="{start[0] + dx:g}" y1="{start[1] + dy:g}" '
        f'x2="{end[0] - dx:g}" y2="{end[1] - dy:g}" marker-end="url(#head)"/>'
    )


def _box(center: Point, title: str, small: str) -> str:
    x, y = center
    return (
        f'<rect x="{x - BOX[0] / 2:g}" y="{y - BOX[1] / 2:g}" rx="6" '
        f'width="{BOX[0]}" height="{BOX[1]}"/>'
        f'<text x="{x:g}" y="{y - 4:g}">{html.escape(title)}</text>'
        f'<text class="small" x="{x:g}" y="{y + 13:g}">{html.escape(small)}</text>'
    )
