"""What functions of other libraries are called here, for the errors about their names.

A word with a space in it is a sentence; any other is a name under `dn`.
"""

from __future__ import annotations

_LOOP = "write a `for` or `while` loop, it is compiled as one"
_BRANCH = "write an `if`, it is compiled as a branch"

_BY_NAME = {
    # NumPy, and JAX where it has NumPy's names
    "abs": "fabs",
    "acos": "arccos",
    "acosh": "arccosh",
    "all": "alltrue reduce_and",
    "any": "sometrue reduce_or",
    "asarray": "array from_numpy to_tensor as_tensor convert_to_tensor copy",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "astype": "as_type cast",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
    "bitwise_invert": "bitwise_not invert",
    "concatenate": "vstack hstack dstack column_stack row_stack append cat",
    "conj": "conjugate",
    "cumprod": "cumproduct",
    "divide": "true_divide div",
    "eye": "identity",
    "flip": "fliplr flipud reverse",
    "isin": "in1d",
    "linspace": "logspace geomspace",
    "max": "amax reduce_max",
    "min": "amin reduce_min",
    "moveaxis": "rollaxis",
    "nonzero": "argwhere flatnonzero",
    "population_count": "bitwise_count",
    "power": "float_power integer_pow",
    "prod": "product reduce_prod",
    "reshape": "ravel flatten",
    "round": "around rint round_",
    "trunc": "fix",
    "unique_values": "unique",
    "vecdot": "inner vdot",
    # JAX
    "checkpoint": "remat",
    "conv": "conv_general_dilated",
    "custom_grad": "custom_vjp custom_jvp custom_gradient",
    "defn": "jit njit",
    "dot": "dot_general",
    "dynamic_slice": "slice slice_along_axis dynamic_slice_in_dim",
    "dynamic_update_slice": "put_slice dynamic_update_slice_in_dim",
    "erfinv": "erf_inv",
    "fmod": "rem",
    "indexed_add": "scatter_add index_add",
    "indexed_put": "scatter index_put put_along_axis",
    "jacobian": "jacfwd jacrev",
    "lgamma": "loggamma",
    "negative": "negate neg",
    "random.key": "PRNGKey key",
    "sigmoid": "logistic expit",
    "sum": "reduce_sum",
    "take": "gather index_select dynamic_index_in_dim",
    "tree.flatten": "tree_flatten",
    "tree.leaves": "tree_leaves",
    "tree.map": "tree_map",
    "tree.unflatten": "tree_unflatten",
    "vmap": "pmap vectorize",
    "where": "select_n masked_fill",
    "window_reduce": "reduce_window",
    # Nx
    "angle": "phase",
    "average": "weighted_mean",
    "broadcast_to": "broadcast broadcast_in_dim",
    "cov": "covariance",
    "cumulative_prod": "cumulative_product",
    "diagonal": "take_diagonal",
    "expand_dims": "new_axis unsqueeze",
    "full_like": "fill",
    "isinf": "is_infinity",
    "isnan": "is_nan",
    "make_complex": "complex",
    "pad": "pad_outer reflect",
    "std": "standard_deviation",
    "stop_gradient": "stop_grad no_grad",
    "var": "variance",
    "window_prod": "window_product",
    # PyTorch and TensorFlow
    "clip": "clamp clip_by_value",
    "equal": "eq",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "matmul": "mm bmm",
    "not_equal": "ne",
    "one_hot": "onehot",
    "permute_dims": "permute",
    "tensor": "Tensor Variable constant",
    "to_batched": "DataLoader",
    "top_k": "topk",
    # What is in a module here
    "linalg.cross": "cross",
    "linalg.multi_dot": "multi_dot",
    "random.normal": "randn random_normal",
    "random.uniform": "rand random_uniform",
}
_IN_MODULES = {
    "fft": "fft2 fftn fftfreq fftshift ifft ifft2 ifftn ifftshift irfft irfft2 irfftn"
    " rfft rfft2 rfftfreq rfftn",
    "linalg": "cholesky cond det eig eigh eigvals eigvalsh expm inv lstsq lu"
    " matrix_norm matrix_power matrix_rank norm pinv qr slogdet solve"
    " solve_triangular svd svdvals vector_norm",
    "losses": "binary_cross_entropy categorical_cross_entropy mean_squared_error",
    "nn": "celu elu gelu hard_sigmoid hard_tanh leaky_relu mish relu relu6 selu silu"
    " softsign",
    "optimizers": "adagrad adam adamw rmsprop sgd",
    "random": "bernoulli categorical choice exponential fold_in gumbel laplace normal"
    " permutation randint shuffle truncated_normal uniform",
}
_SENTENCES = {
    "cond": _BRANCH,
    "fori_loop": _LOOP,
    "jnp": "the functions are in `dn` itself",
    "lax": "the functions are in `dn` itself",
    "map": "`dn.vmap` maps a function over an axis",
    "ndim": "an array has it: `x.ndim`",
    "numpy": "the functions are in `dn` itself",
    "shape": "an array has it: `x.shape`",
    "size": "an array has it: `x.size`",
    "swish": "it is `dn.nn.silu`",
    "switch": _BRANCH,
    "while_loop": _LOOP,
}

SYNONYMS: dict[str, str] = {
    **{other: name for name, others in _BY_NAME.items() for other in others.split()},
    **{
        name: f"{module}.{name}"
        for module, names in _IN_MODULES.items()
        for name in names.split()
    },
    **_SENTENCES,
}


def meant_by(name: str) -> str | None:
    """Return the hint about a name that other libraries have.

    >>> meant_by("arcsin")
    'did you mean `dn.asin`?'
    """
    found = SYNONYMS.get(name)
    if found is None or " " in found:
        return found
    return f"did you mean `dn.{found}`?"
