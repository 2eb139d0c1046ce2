"""Optimizers as values, how they compose, and how their updates are applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import defnpy as dn
from defnpy import defn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Optimizer(NamedTuple):
    """A pair of pure functions on trees of parameters.

    Attributes:
        init: ``params -> state``.
        update: ``(grads, state, params=None) -> (updates, state)``; the updates
            are of the tree of the parameters and are added to them.
    """

    init: Callable[..., Any]
    update: Callable[..., Any]


@defn
def apply_updates(params: Any, updates: Any) -> Any:
    """Return params + updates, each leaf in the dtype of the parameter.

    >>> apply_updates({"w": np.ones(2)}, {"w": np.array([-0.5, 0.5])})
    {'w': array([0.5, 1.5])}
    """
    return dn.tree.map(lambda p, u: dn.astype(p + u, p.dtype), params, updates)


def stateless(function: Callable[..., Any]) -> Optimizer:
    """Return an optimizer without state from ``(grads, params) -> updates``.

    >>> halve = stateless(lambda grads, params: 0.5 * grads)
    >>> halve.update(np.ones(2), halve.init(np.ones(2)))
    (array([0.5, 0.5]), ())
    """

    @defn
    def init(params: Any) -> Any:
        return ()

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        return function(grads, params), state

    return Optimizer(init, update)


def identity() -> Optimizer:
    """Return the optimizer whose updates are the gradients.

    >>> identity().update(np.ones(2), ())
    (array([1., 1.]), ())
    """

    def same(grads: Any, params: Any) -> Any:
        return grads

    return stateless(same)


def set_to_zero() -> Optimizer:
    """Return the optimizer that updates nothing, to freeze a group of parameters.

    >>> set_to_zero().update(np.ones(2), ())
    (array([0., 0.]), ())
    """

    def nothing(grads: Any, params: Any) -> Any:
        return dn.tree.map(dn.zeros_like, grads)

    return stateless(nothing)


def chain(*optimizers: Optimizer) -> Optimizer:
    """Return optimizers one after another; each gets the updates of the one before.

    The state is the tuple of their states.

    >>> from defnpy import optimizers
    >>> both = chain(optimizers.clip(1.0), optimizers.scale(-0.1))
    >>> updates, _ = both.update(np.array([5.0]), both.init(np.zeros(1)))
    >>> updates
    array([-0.1])
    """

    @defn
    def init(params: Any) -> Any:
        return tuple([optimizer.init(params) for optimizer in optimizers])

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        states = []
        for optimizer, inner in zip(optimizers, state, strict=True):
            grads, inner = optimizer.update(grads, inner, params)
            states.append(inner)
        return grads, tuple(states)

    return Optimizer(init, update)


def multi_transform(optimizers: Mapping[str, Optimizer], labels: Any) -> Optimizer:
    """Return one optimizer that treats groups of parameters by their own.

    The state is a tuple with the state of each group, in the order of
    `optimizers`; a group is seen as a list of its leaves.

    Args:
        optimizers: an optimizer for each label.
        labels: a tree of the structure of the parameters, with a label for each
            leaf; or a function from parameters to such a tree.

    >>> from defnpy import optimizers
    >>> groups = {"slow": optimizers.sgd(0.1), "frozen": optimizers.set_to_zero()}
    >>> both = multi_transform(groups, {"w": "slow", "b": "frozen"})
    >>> params = {"w": np.ones(1), "b": np.ones(1)}
    >>> both.update(params, both.init(params), params)[0]
    {'w': array([-0.1]), 'b': array([0.])}
    """
    groups = tuple(optimizers.items())
    choose = labels if callable(labels) else None
    fixed = () if callable(labels) else tuple(_checked(labels, optimizers))

    def label_leaves(params: Any) -> Any:
        return fixed if choose is None else dn.tree.leaves(choose(params))

    @defn
    def init(params: Any) -> Any:
        leaves, names = dn.tree.leaves(params), label_leaves(params)
        return tuple(
            [
                optimizer.init(_members(leaves, names, label))
                for label, optimizer in groups
            ]
        )

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        leaves, treedef = dn.tree.flatten(grads)
        names = label_leaves(grads if params is None else params)
        values = None if params is None else dn.tree.leaves(params)
        updates, states = list(leaves), []
        for (label, optimizer), inner in zip(groups, state, strict=True):
            group = None if values is None else _members(values, names, label)
            made, inner = optimizer.update(_members(leaves, names, label), inner, group)
            for place, leaf in zip(_places(names, label), made, strict=True):
                updates[place] = leaf
            states.append(inner)
        return dn.tree.unflatten(treedef, updates), tuple(states)

    return Optimizer(init, update)


def _checked(labels: Any, optimizers: Mapping[str, Optimizer]) -> list[str]:
    leaves = dn.tree.leaves(labels)
    for label in leaves:
        if label not in optimizers:
            raise dn.DefnKeyError(
                f"no optimizer has the label {label!r}; there are "
                f"{', '.join(map(repr, optimizers))}"
            )
    return leaves


def _members(leaves: Any, names: Any, label: str) -> list[Any]:
    return [leaf for leaf, name in zip(leaves, names, strict=True) if name == label]


def _places(names: Any, label: str) -> list[int]:
    return [place for place, name in enumerate(names) if name == label]
