"""Optimizers: pairs of pure functions on trees of parameters.

``init(params)`` makes a state; ``update(grads, state, params)`` returns what to add
to the parameters and the next state.  Both are `@defn` functions: usable on arrays,
and inside a larger `@defn` training step.

>>> from defnpy import optimizers
>>> optimizer = optimizers.adam(learning_rate=0.1)
>>> params = {"w": np.array([1.0, -1.0])}
>>> state = optimizer.init(params)
>>> updates, state = optimizer.update({"w": np.array([2.0, -2.0])}, state, params)
>>> optimizers.apply_updates(params, updates)["w"].round(6)
array([ 0.9, -0.9])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import defnpy as dn
from defnpy.optimizers.clipping import (
    accumulate_gradients,
    add_decayed_weights,
    add_noise,
    centralize,
    clip,
    clip_by_global_norm,
    clip_by_value,
    norm,
)
from defnpy.optimizers.moments import (
    scale_by_adam,
    scale_by_adamax,
    scale_by_belief,
    scale_by_lion,
    scale_by_radam,
    scale_by_rms,
    scale_by_rss,
    scale_by_stddev,
    scale_by_yogi,
    trace,
)
from defnpy.optimizers.named import (
    adabelief,
    adagrad,
    adam,
    adamax,
    adamw,
    lamb,
    lion,
    nadam,
    noisy_sgd,
    radam,
    rmsprop,
    sgd,
    yogi,
)
from defnpy.optimizers.scaling import (
    scale,
    scale_by_learning_rate,
    scale_by_schedule,
    scale_by_state,
    scale_by_trust_ratio,
)
from defnpy.optimizers.transformation import (
    Optimizer,
    apply_updates,
    chain,
    identity,
    multi_transform,
    set_to_zero,
    stateless,
)

if TYPE_CHECKING:
    from collections.abc import Callable

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adabelief": adabelief,
    "adagrad": adagrad,
    "adam": adam,
    "adamax": adamax,
    "adamw": adamw,
    "lamb": lamb,
    "lion": lion,
    "nadam": nadam,
    "radam": radam,
    "rmsprop": rmsprop,
    "sgd": sgd,
    "yogi": yogi,
}


def get(optimizer: str | Optimizer) -> Optimizer:
    """Return the optimizer of that name with its defaults; others as they are.

    >>> type(get("adam")).__name__
    'Optimizer'
    """
    if not isinstance(optimizer, str):
        return optimizer
    if optimizer not in OPTIMIZERS:
        raise dn.DefnKeyError(
            f"there is no optimizer {optimizer!r}; there are {', '.join(OPTIMIZERS)}"
        )
    return OPTIMIZERS[optimizer]()


__all__ = [
    "OPTIMIZERS",
    "Optimizer",
    "accumulate_gradients",
    "adabelief",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "add_decayed_weights",
    "add_noise",
    "apply_updates",
    "centralize",
    "chain",
    "clip",
    "clip_by_global_norm",
    "clip_by_value",
    "get",
    "identity",
    "lamb",
    "lion",
    "multi_transform",
    "nadam",
    "noisy_sgd",
    "norm",
    "radam",
    "rmsprop",
    "scale",
    "scale_by_adam",
    "scale_by_adamax",
    "scale_by_belief",
    "scale_by_learning_rate",
    "scale_by_lion",
    "scale_by_radam",
    "scale_by_rms",
    "scale_by_rss",
    "scale_by_schedule",
    "scale_by_state",
    "scale_by_stddev",
    "scale_by_trust_ratio",
    "scale_by_yogi",
    "set_to_zero",
    "sgd",
    "stateless",
    "trace",
    "yogi",
]
