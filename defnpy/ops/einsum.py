"""Einstein's notation: products summed over the letters that the result lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base.errors import DefnShapeError, DefnTypeError, DefnValueError
from defnpy.ops import axes, dot, movement, reduce
from defnpy.ops.diagonals import diagonal
from defnpy.ops.family import convert
from defnpy.ops.leaf import as_expr

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


def einsum(subscripts: str, *operands: Any) -> Expr:
    """Return sums of products, the axes named by letters.

    Args:
        subscripts: letters for the axes of each operand, then ``->`` and those of
            the result; ``...`` stands for further axes, which broadcast.  Without
            ``->`` the result has the letters met once, in alphabetical order.
        operands: tensors.

    >>> dn.einsum("ij,j->i", np.array([[1, 2], [3, 4]]), np.array([1, 1]))
    array([3, 7])
    """
    if not isinstance(subscripts, str):
        raise DefnTypeError("einsum takes its subscripts, a string, first")
    given = [as_expr(operand) for operand in operands]
    inputs, output = _parsed(subscripts, given)
    sizes = _sizes(given, inputs)
    terms = [_plain(x, names, sizes) for x, names in zip(given, inputs, strict=True)]
    made, names = terms[0]
    for k, (x, others) in enumerate(terms[1:], start=2):
        later = set(output).union(*(letters for _, letters in terms[k:]))
        made, names = _product((made, names), (x, others), later)
    gone = tuple(a for a, name in enumerate(names) if name not in output)
    if gone:  # in the operands' dtype, as products are
        made = convert(reduce.sum(made, gone), made.dtype)
    names = "".join(name for name in names if name in output)
    kept = [name for name in output if name in names]
    made = movement.transpose(made, [names.index(name) for name in kept])
    missing = tuple(a for a, name in enumerate(output) if name not in names)
    made = movement.expand_dims(made, missing) if missing else made
    return axes.broadcast_to(made, tuple(sizes[name] for name in output))


def _parsed(subscripts: str, operands: list[Expr]) -> tuple[list[str], str]:
    """Return the letters of the operands and of the result.

    The axes that an ellipsis stands for are named by digits, from the right.
    """
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    letters = (left + right).replace(",", "").replace("...", "")
    if letters and not (letters.isascii() and letters.isalpha()):
        raise DefnValueError(f"einsum does not understand {subscripts!r}")
    if len(inputs) != len(operands):
        raise DefnValueError(
            f"{subscripts!r} names {len(inputs)} operands, {len(operands)} given"
        )
    named = [_named(x, names) for x, names in zip(operands, inputs, strict=True)]
    extra = "".join(sorted({n for n in "".join(named) if n.isdigit()}, reverse=True))
    if not arrow:
        right = "..." + "".join(n for n in sorted(set(left)) if _is_single(n, left))
    output = right.replace("...", extra)
    if len(set(output)) != len(output) or not set(output) <= set("".join(named)):
        raise DefnValueError(f"{subscripts!r} must name each axis of its result once")
    return named, output


def _is_single(name: str, left: str) -> bool:
    return name.isalpha() and left.count(name) == 1


def _named(x: Expr, names: str) -> str:
    rest = x.tensor.rank - len(names.replace("...", ""))
    if rest < 0 or (rest and "..." not in names):
        raise DefnShapeError(f"{names!r} does not name the axes of {x.type}")
    return names.replace("...", "".join(str(k) for k in reversed(range(rest))))


def _sizes(operands: list[Expr], inputs: list[str]) -> dict[str, int]:
    """Return the size of every axis; one of size 1 broadcasts."""
    sizes: dict[str, int] = {}
    for x, names in zip(operands, inputs, strict=True):
        for name, size in zip(names, x.shape, strict=True):
            known = sizes.setdefault(name, size)
            if size != known and 1 not in (size, known):
                raise DefnShapeError(f"axis {name!r} has sizes {known} and {size}")
            sizes[name] = size if known == 1 else known
    return sizes


def _plain(x: Expr, names: str, sizes: dict[str, int]) -> tuple[Expr, str]:
    """Return `x` without axes that broadcast, each other axis named once."""
    flat = tuple(
        a for a, name in enumerate(names) if x.shape[a] == 1 and sizes[name] != 1
    )
    x = movement.squeeze(x, flat) if flat else x
    names = "".join(name for a, name in enumerate(names) if a not in flat)
    for name in sorted(set(names)):
        while names.count(name) > 1:
            first, second = names.index(name), names.rindex(name)
            x = diagonal(x, 0, first, second)
            names = "".join(n for a, n in enumerate(names) if a not in (first, second))
            names += name
    return x, names


def _product(
    a: tuple[Expr, str], b: tuple[Expr, str], later: set[str]
) -> tuple[Expr, str]:
    """Return the product of two tensors, summed over what is not needed later."""
    (x, names), (y, others) = a, b
    shared = [name for name in names if name in others]
    contract = [name for name in shared if name not in later]
    batch = [name for name in shared if name in later]

    def places(of: list[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return tuple(map(names.index, of)), tuple(map(others.index, of))

    made = dot.dot_general(x, y, places(contract), places(batch))
    left = [name for name in names if name not in shared]
    right = [name for name in others if name not in shared]
    return made, "".join((*batch, *left, *right))
