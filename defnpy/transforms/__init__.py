"""Floor 3: programs to programs that mean something else: gradients, lanes."""

from defnpy.transforms.grad import pullback as pullback
from defnpy.transforms.grad import value_and_grad as value_and_grad
from defnpy.transforms.grad import vjp as vjp
from defnpy.transforms.jvp import jvp as jvp
from defnpy.transforms.vmap import vmap as vmap
