"""Transformations that bound, shift, decay or gather gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import defnpy as dn
from defnpy import defn
from defnpy.optimizers.transformation import Optimizer, stateless


class AccumulateState(NamedTuple):
    """Gradients gathered since the last update, and the state of the optimizer."""

    step: Any
    inner: Any
    mean: Any


class AddNoiseState(NamedTuple):
    """The number of updates made and the key of the next noise."""

    count: Any
    key: Any


@defn
def norm(tree: Any) -> Any:
    """Return the Euclidean norm of all leaves together, in `f32` at least.

    Elements are divided by the largest first, so squares do not overflow.

    >>> norm({"a": np.array([3.0]), "b": np.array([-4.0])})
    np.float64(5.0)
    """
    leaves = [
        dn.astype(x, dn.result_type(x, "f32")) for x in dn.tree.leaves(tree) if x.size
    ]
    largest = 0.0
    for x in leaves:
        largest = dn.maximum(largest, dn.max(abs(x)))
    unit = dn.where(largest == 0, 1.0, largest)
    total = 0.0
    for x in leaves:
        total = total + dn.sum((x / unit) ** 2)
    return unit * dn.sqrt(total)


def clip(max_delta: Any) -> Optimizer:
    """Bound each element to [-max_delta, max_delta].

    >>> clip(1.0).update(np.array([-3.0, 0.5]), ())[0]
    array([-1. ,  0.5])
    """

    def clipped(grads: Any, params: Any) -> Any:
        return dn.tree.map(lambda g: dn.clip(g, -max_delta, max_delta), grads)

    return stateless(clipped)


def clip_by_value(min_value: Any, max_value: Any) -> Optimizer:
    """Bound each element to [min_value, max_value].

    >>> clip_by_value(0.0, 1.0).update(np.array([-3.0, 0.5]), ())[0]
    array([0. , 0.5])
    """

    def clipped(grads: Any, params: Any) -> Any:
        return dn.tree.map(lambda g: dn.clip(g, min_value, max_value), grads)

    return stateless(clipped)


def clip_by_global_norm(max_norm: Any) -> Optimizer:
    """Shorten the gradients to the norm `max_norm` if they are longer.

    Pascanu and others, "On the difficulty of training recurrent neural networks",
    2012.  Gradients of zeros stay zeros.

    >>> clip_by_global_norm(1.0).update(np.array([3.0, 4.0]), ())[0]
    array([0.6, 0.8])
    """

    def shortened(grads: Any, params: Any) -> Any:
        length = norm(grads)
        short = length < max_norm
        divisor = dn.where(short, 1.0, length)
        factor = dn.where(short, 1.0, max_norm)
        return dn.tree.map(lambda g: dn.astype(g / divisor * factor, g.dtype), grads)

    return stateless(shortened)


def centralize() -> Optimizer:
    """Subtract the mean over all axes but the first from leaves of rank 2 and more.

    Yong and others, "Gradient centralization", 2020.

    >>> centralize().update(np.array([[1.0, 3.0]]), ())[0]
    array([[-1.,  1.]])
    """

    def centered(g: Any) -> Any:
        if g.ndim < 2:
            return g
        return g - dn.mean(g, axis=tuple(range(1, g.ndim)), keepdims=True)

    def all_centered(grads: Any, params: Any) -> Any:
        return dn.tree.map(centered, grads)

    return stateless(all_centered)


def add_decayed_weights(weight_decay: Any = 0.0, mask: Any = None) -> Optimizer:
    """Add weight_decay × the parameter.

    Args:
        weight_decay: a number or a scalar array.
        mask: a tree of bools of the structure of the parameters, or a function from
            parameters to one, says which leaves decay; all do by default.

    >>> decay = add_decayed_weights(0.1, mask=(True, False))
    >>> decay.update((np.ones(1), np.ones(1)), (), (np.ones(1), np.ones(1)))[0]
    (array([1.1]), array([1.]))
    """
    choose = mask if callable(mask) else None
    fixed = () if mask is None or callable(mask) else tuple(dn.tree.leaves(mask))

    def decayed(grads: Any, params: Any) -> Any:
        if params is None:
            raise dn.DefnTypeError(
                "weight decay needs params: update(grads, state, params)"
            )
        leaves, treedef = dn.tree.flatten(grads)
        values = dn.tree.leaves(params)
        flags = [True] * len(leaves)
        if choose is not None:
            flags = dn.tree.leaves(choose(params))
        elif mask is not None:
            flags = fixed
        return dn.tree.unflatten(
            treedef,
            [
                g + dn.astype(weight_decay, g.dtype) * p if decays else g
                for g, p, decays in zip(leaves, values, flags, strict=True)
            ],
        )

    return stateless(decayed)


def add_noise(eta: float = 0.01, gamma: float = 0.55, *, key: Any) -> Optimizer:
    """Add normal noise of variance eta / step^gamma.

    Neelakantan and others, "Adding gradient noise improves learning for very deep
    networks", 2015.

    >>> noise = add_noise(key=dn.random.key(0))
    >>> noise.update(np.ones(3), noise.init(np.ones(3)))[0].shape
    (3,)
    """

    @defn
    def init(params: Any) -> Any:
        return AddNoiseState(dn.zeros((), dtype="i64"), dn.asarray(key))

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        count = state.count + 1
        deviation = dn.sqrt(eta / dn.astype(count, "f64") ** gamma)
        leaves, treedef = dn.tree.flatten(grads)
        keys = dn.random.split(state.key, len(leaves) + 1)
        noisy = [
            g
            + dn.astype(deviation, g.dtype)
            * dn.random.normal(keys[place + 1], g.shape, g.dtype)
            for place, g in enumerate(leaves)
        ]
        return dn.tree.unflatten(treedef, noisy), AddNoiseState(count, keys[0])

    return Optimizer(init, update)


def accumulate_gradients(optimizer: Optimizer, every: int) -> Optimizer:
    """Update by the mean of the gradients of `every` steps, and not in between.

    >>> from defnpy import optimizers
    >>> both = accumulate_gradients(optimizers.sgd(1.0), every=2)
    >>> updates, state = both.update(np.array([1.0]), both.init(np.ones(1)))
    >>> float(updates[0]), float(both.update(np.array([2.0]), state)[0][0])
    (0.0, -1.5)
    """
    if every < 1:
        raise dn.DefnValueError(f"every must be at least 1, not {every}")

    @defn
    def init(params: Any) -> Any:
        zeros = dn.tree.map(
            lambda p: dn.zeros(p.shape, dn.result_type(p, "f32")), params
        )
        return AccumulateState(dn.zeros((), dtype="i64"), optimizer.init(params), zeros)

    @defn
    def update(grads: Any, state: Any, params: Any = None) -> Any:
        mean = dn.tree.map(lambda g, m: m + g / every, grads, state.mean)
        step = (state.step + 1) % every
        if step == 0:
            updates, inner = optimizer.update(mean, state.inner, params)
            mean = dn.tree.map(dn.zeros_like, mean)
        else:
            updates, inner = dn.tree.map(dn.zeros_like, mean), state.inner
        return updates, AccumulateState(step, inner, mean)

    return Optimizer(init, update)
