"""Checks and reductions that all losses share."""

from __future__ import annotations

from typing import Any

import defnpy as dn


def paired(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return both in the dtype of `y_pred`, a float; their shapes must be equal.

    >>> paired(np.array([0, 1]), np.float32([0.5, 0.5]))[0]
    array([0., 1.], dtype=float32)
    """
    check_shapes(y_true, y_pred)
    y_pred = dn.multiply(y_pred, 1.0)  # integers become the default float
    return dn.astype(y_true, y_pred.dtype), y_pred


def check_shapes(y_true: Any, y_pred: Any) -> None:
    """Raise unless both are arrays of one shape.

    Shapes are never broadcast: (n,) against (n, 1) would give n × n losses.
    """
    for name, given in (("y_true", y_true), ("y_pred", y_pred)):
        if isinstance(given, list | tuple):
            raise dn.DefnTypeError(
                f"{name} is a {type(given).__name__}, not an array; dn.tensor makes one"
            )
    if y_true.shape != y_pred.shape:
        raise dn.DefnShapeError(
            f"y_true has shape {y_true.shape} and y_pred {y_pred.shape}; "
            "they are compared element by element, so the shapes must be equal"
        )


def per_example(loss: Any) -> Any:
    """Return the mean over the last axis; of a vector, each element is an example.

    >>> per_example(np.array([[1.0, 2.0]])), per_example(np.array([1.0, 2.0]))
    (array([1.5]), array([1., 2.]))
    """
    return dn.mean(loss, axis=-1) if loss.ndim > 1 else loss


def reduce(loss: Any, weights: Any, reduction: str) -> Any:
    """Return the weighted mean, the weighted sum or the weighted losses.

    The mean divides by the sum of the weights and is 0 where that sum is 0.
    An example of weight 0 counts as 0 even if its loss is infinite or NaN.

    Args:
        loss: one loss per example, or per element.
        weights: one per example, so of the shape of the loss or of its first
            axes; a last axis of size 1 more does not matter. None is all ones.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """
    if reduction not in ("mean", "sum", "none"):
        raise dn.DefnValueError(
            f'reduction is "mean", "sum" or "none", not {reduction!r}'
        )
    if weights is None:
        if reduction == "none":
            return loss
        return dn.mean(loss) if reduction == "mean" else dn.sum(loss)
    weights = spread(weights, loss)
    weighted = weights * dn.where(weights == 0, 0.0, loss)
    if reduction == "none":
        return weighted
    total = dn.sum(weighted)
    return total if reduction == "sum" else ratio(total, dn.sum(weights))


def ratio(total: Any, mass: Any) -> Any:
    """Return total / mass, and 0 where the mass is 0.

    >>> ratio(np.array([1.0, 1.0]), np.array([2.0, 0.0]))
    array([0.5, 0. ])
    """
    return dn.where(mass == 0, 0.0, total) / dn.where(mass == 0, 1.0, mass)


def spread(weights: Any, loss: Any) -> Any:
    """Return weights of examples in the shape and dtype of the losses.

    >>> spread(np.array([1, 2]), np.zeros((2, 3)))
    array([[1., 1., 1.],
           [2., 2., 2.]])
    """
    shape = weights.shape
    if len(shape) > loss.ndim and shape[-1] == 1:
        shape = shape[:-1]
    if shape != loss.shape[: len(shape)]:
        raise dn.DefnShapeError(
            f"weights have shape {weights.shape} and the losses {loss.shape}; "
            "there must be one weight per example"
        )
    ones = (1,) * (loss.ndim - len(shape))
    aligned = dn.reshape(dn.astype(weights, loss.dtype), (*shape, *ones))
    return dn.broadcast_to(aligned, loss.shape)
