"""Trees of values, as ``dn.tree``: tuples, lists, dicts, NamedTuples, dataclasses."""

from __future__ import annotations

from defnpy.base.tree import flatten, leaves, map, register_dataclass, unflatten

__all__ = ["flatten", "leaves", "map", "register_dataclass", "unflatten"]
