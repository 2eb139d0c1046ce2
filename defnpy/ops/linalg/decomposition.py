"""Records of what is made with LAPACK's routines: values, derivatives, expansions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.ir.op import Missing, Op
from defnpy.ops.linalg.routines import batch_matrices

if TYPE_CHECKING:
    from collections.abc import Callable

DECOMPOSITION = "decomposition"


def decomposition(
    name: str,
    *,
    infer: Callable[..., Any],
    eval: Callable[..., Any],
    expand: Callable[..., Any],
    vjp: Callable[..., Any],
    jvp: Callable[..., Any],
    doc: str,
    samples: Any = None,
) -> Op:
    """Return a record on batches of matrices.

    Args:
        name: its name.
        infer: its type rule.
        eval: its definition by NumPy.
        expand: ``(attrs, *operands)`` to its results, made with routines.
        vjp: its reverse rule; with several results it takes a list of cotangents.
        jvp: its forward rule; with several results it returns a list.
        doc: its documentation.
        samples: example operands, where it has one result.
    """
    return Op(
        name=name,
        infer=infer,
        eval=eval,
        vjp=vjp,
        jvp=jvp,
        batch=batch_matrices,
        lower=expand,
        doc=doc,
        family=DECOMPOSITION,
        samples=samples or Missing("it is tested by the functions of linalg"),
    )
