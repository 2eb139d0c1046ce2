"""What functions of other libraries are called here, for the errors about their names.

A word with a space in it is a sentence, or the code that does it; any other is a name
under `dn`.  Of the rest of NumPy's names it is said that NumPy has them.
"""

from __future__ import annotations

import numpy as np

_LOOP = "write a `for` or `while` loop, it is compiled as one"
_BRANCH = "write an `if`, it is compiled as a branch"

_BY_NAME = {
    # NumPy, and JAX where it has NumPy's names
    "abs": "fabs",
    "acos": "arccos",
    "acosh": "arccosh",
    "all": "alltrue reduce_and",
    "any": "sometrue reduce_or",
    "asarray": "array asanyarray ascontiguousarray copy from_numpy to_tensor as_tensor"
    " convert_to_tensor",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "astype": "as_type cast convert_element_type",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
    "bitcast": "bitcast_convert_type view",
    "bitwise_invert": "bitwise_not invert",
    "bitwise_left_shift": "shift_left",
    "bitwise_right_shift": "shift_right_arithmetic shift_right_logical",
    "concatenate": "row_stack cat",
    "conj": "conjugate",
    "count_leading_zeros": "clz",
    "cumprod": "cumproduct",
    "cumulative_max": "cummax",
    "cumulative_min": "cummin",
    "divide": "true_divide div",
    "diag": "diagflat",
    "eye": "identity",
    "diff": "ediff1d",
    "flip": "fliplr flipud reverse rev",
    "isin": "in1d",
    "linspace": "logspace geomspace",
    "max": "amax reduce_max",
    "min": "amin reduce_min",
    "moveaxis": "rollaxis",
    "multiply": "mul",
    "population_count": "bitwise_count",
    "power": "float_power integer_pow",
    "prod": "product reduce_prod",
    "result_type": "promote_types common_type",
    "reshape": "ravel flatten",
    "round": "around rint round_",
    "searchsorted": "digitize",
    "split": "array_split hsplit vsplit dsplit",
    "subtract": "sub",
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
    "top_k": "topk approx_max_k",
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
    "random": "bernoulli categorical choice dirichlet exponential fold_in gumbel"
    " laplace multivariate_normal normal permutation poisson randint shuffle"
    " truncated_normal uniform",
}
_KEY = "`dn.random.key(seed)` makes a key, and each sampler takes one"
_STATIC_INDICES = "slices, `None`, `...` and integer arrays index an array"
_SENTENCES = {
    # What is one line
    "append": "write `dn.concatenate([x, values], axis)`",
    "apply_along_axis": "`dn.vmap` maps a function over an axis",
    "apply_over_axes": "reductions take a tuple of axes",
    "argpartition": "`dn.argsort(x)[:k]`, or `dn.top_k(x, k)`",
    "array_equal": "write `dn.all(a == b)`",
    "array_equiv": "write `dn.all(a == b)`",
    "atleast_1d": "write `dn.reshape(x, (-1,))` for a scalar",
    "atleast_2d": "write `x[None, :]` for a vector",
    "atleast_3d": "write `x[:, :, None]` for a matrix",
    "batch_matmul": "write `a @ b`",
    "block": "write `dn.concatenate` along each axis",
    "choose": "write `dn.take_along_axis(dn.stack(choices), x[None], axis=0)`",
    "collapse": "write `dn.reshape(x, shape)`",
    "column_stack": "write `dn.stack(vectors, axis=1)`",
    "compress": "write `x[mask]`, or in a program `dn.extract(mask, x, size=n)`",
    "convolve": "`dn.conv` with the kernel flipped, on `x[None, None, :]`",
    "correlate": "`dn.conv`, on `x[None, None, :]`",
    "copyto": "write `x[mask] = values`",
    "deg2rad": "write `x * (dn.pi / 180)`",
    "degrees": "write `x * (180 / dn.pi)`",
    "delete": "write `dn.concatenate([x[:k], x[k + 1:]])`",
    "diag_indices": "write `i = dn.arange(n)` and `x[i, i]`",
    "diag_indices_from": "write `i = dn.arange(n)` and `x[i, i]`",
    "dstack": "write `dn.stack(matrices, axis=2)`",
    "fill_diagonal": "`dn.put_diagonal(x, values)` returns it",
    "frexp": "write `dn.floor(dn.log2(dn.abs(x)))` for the exponent",
    "gcd": "write a `while` loop of remainders",
    "geomspace": "write `dn.exp(dn.linspace(dn.log(a), dn.log(b), n))`",
    "gradient": "`dn.grad` differentiates a function, `dn.diff` an array",
    "heaviside": "write `dn.where(x < 0, 0.0, dn.where(x == 0, at_zero, 1.0))`",
    "hstack": "write `dn.concatenate(arrays, axis=1)`, of vectors `axis=0`",
    "index_in_dim": "write `dn.take(x, k, axis)`",
    "indices": "write `dn.meshgrid(dn.arange(m), dn.arange(n), indexing='ij')`",
    "insert": "write `dn.concatenate([x[:k], values, x[k:]])`",
    "iscomplex": "write `dn.imag(x) != 0`",
    "iscomplexobj": "write `dn.isdtype(x.dtype, 'complex floating')`",
    "isneginf": "write `x == -dn.inf`",
    "isposinf": "write `x == dn.inf`",
    "isreal": "write `dn.imag(x) == 0`",
    "isrealobj": "write `not dn.isdtype(x.dtype, 'complex floating')`",
    "issubdtype": "write `dn.isdtype(dtype, kind)`",
    "lcm": "write `a * b // gcd(a, b)`, with a `while` loop of remainders",
    "ldexp": "write `x * dn.exp2(n)`",
    "lexsort": "sort by the last key first: `dn.argsort` is stable",
    "logaddexp2": "write `dn.logaddexp(a * c, b * c) / c`, with `c = dn.log(2)`",
    "logspace": "write `base ** dn.linspace(start, stop, n)`",
    "matvec": "write `a @ x`",
    "modf": "write `whole = dn.trunc(x)` and `x - whole`",
    "ogrid": "write `dn.arange(n)[:, None]`",
    "mgrid": "write `dn.meshgrid(dn.arange(m), dn.arange(n), indexing='ij')`",
    "partition": "write `dn.sort(x)`, or `dn.top_k(x, k)`",
    "piecewise": "write `dn.where`, or an `if` of scalars",
    "place": "write `x[mask] = values`",
    "polyadd": "write `a + b` of coefficients padded to one length",
    "polyval": "write `for c in coefficients: y = y * x + c`",
    "ptp": "write `dn.max(x) - dn.min(x)`",
    "put": "write `x[indices] = values`",
    "putmask": "write `x[mask] = values`",
    "rad2deg": "write `x * (180 / dn.pi)`",
    "radians": "write `x * (dn.pi / 180)`",
    "ravel_multi_index": "write `i * n + j`",
    "resize": "`dn.tile` repeats an array, `dn.reshape` gives it another shape",
    "rot90": "write `dn.flip(x, 0).T`, or `dn.flip(x.T, 0)`",
    "scatter_mul": "write `dn.segment_prod(updates, indices, n) * x`",
    "sinc": "write `dn.where(x == 0, 1.0, dn.sin(dn.pi * x) / (dn.pi * x))`",
    "slice_in_dim": "write a slice: `x[:, start:stop]`",
    "sort_key_val": "write `order = dn.argsort(keys)` and `dn.take(values, order)`",
    "spacing": "write `dn.nextafter(x, dn.inf) - x`",
    "tril_indices": "`dn.tril(x)` keeps the triangle",
    "tril_indices_from": "`dn.tril(x)` keeps the triangle",
    "triu_indices": "`dn.triu(x)` keeps the triangle",
    "triu_indices_from": "`dn.triu(x)` keeps the triangle",
    "unravel_index": "write `k // n` and `k % n`",
    "unwrap": "write `dn.cumsum` of the differences, wrapped",
    "vander": "write `x[:, None] ** dn.arange(n)`",
    "vecmat": "write `x @ a`",
    "vstack": "write `dn.concatenate(matrices)`, of vectors `dn.stack(vectors)`",
    # Special functions, and activations
    "beta": "write `dn.exp(dn.lgamma(a) + dn.lgamma(b) - dn.lgamma(a + b))`",
    "betaln": "write `dn.lgamma(a) + dn.lgamma(b) - dn.lgamma(a + b)`",
    "comb": "write `dn.exp` of differences of `dn.lgamma`",
    "entr": "write `-x * dn.log(x)`",
    "factorial": "write `dn.exp(dn.lgamma(n + 1))`",
    "glu": "write `a * dn.sigmoid(b)`, of `a, b = dn.split(x, 2, axis=-1)`",
    "gamma": "write `dn.exp(dn.lgamma(x))`; `dn.random.gamma` draws samples",
    "kl_div": "write `x * dn.log(x / y) - x + y`",
    "log_ndtr": "write `dn.log(dn.erfc(-x / dn.sqrt(2)) / 2)`",
    "ndtr": "write `dn.erfc(-x / dn.sqrt(2)) / 2`",
    "ndtri": "write `dn.sqrt(2) * dn.erfinv(2 * p - 1)`",
    "poch": "write `dn.exp(dn.lgamma(z + m) - dn.lgamma(z))`",
    "rel_entr": "write `x * dn.log(x / y)`",
    "standardize": "write `(x - dn.mean(x, -1, keepdims=True)) / dn.std(x, -1)`",
    "xlog1py": "write `dn.where(x == 0, 0.0, x * dn.log1p(y))`",
    "xlogy": "write `dn.where(x == 0, 0.0, x * dn.log(y))`",
    # What is said otherwise in the language
    "block_until_ready": "a call returns when its result is there",
    "c_": "write `dn.stack(vectors, axis=1)`",
    "cond": _BRANCH,
    "debug": "`print` works in programs",
    "device_get": "`dn.to_device(tree, 'cpu')`",
    "device_put": "`dn.to_device(tree, 'cuda')`",
    "disable_jit": "`f.python(...)` runs a function in CPython",
    "fori_loop": _LOOP,
    "frompyfunc": "`dn.vmap` maps a function over an axis",
    "index_exp": _STATIC_INDICES,
    "ix_": _STATIC_INDICES,
    "jnp": "the functions are in `dn` itself",
    "lax": "the functions are in `dn` itself",
    "make_jaxpr": "`f.lower(...)` shows what is compiled",
    "map": "`dn.vmap` maps a function over an axis",
    "ndenumerate": "write `for row in x`, with `enumerate`",
    "ndim": "an array has it: `x.ndim`",
    "ndindex": "write a loop for each axis",
    "nditer": "write `for row in x`",
    "numpy": "the functions are in `dn` itself",
    "pure_callback": "call the function outside, and pass what it returns",
    "r_": "write `dn.concatenate(arrays)`",
    "s_": _STATIC_INDICES,
    "seed": _KEY,
    "shape": "an array has it: `x.shape`",
    "size": "an array has it: `x.size`",
    "swish": "it is `dn.nn.silu`",
    "switch": _BRANCH,
    "typeof": "an array has `x.dtype` and `x.shape`",
    "while_loop": _LOOP,
}
_OF_SCIPY = {
    "linalg": "block_diag cho_factor cho_solve circulant companion hadamard hankel"
    " hessenberg hilbert lu_factor lu_solve pascal polar schur solve_sylvester sqrtm"
    " toeplitz",
    "special": "bessel_jn betainc boxcox dawsn exp1 expi expn fresnel gammainc"
    " gammaincc hyp1f1 hyp2f1 i0e i1 i1e owens_t polygamma sici spence wofz zeta",
}

SYNONYMS: dict[str, str] = {
    **{other: name for name, others in _BY_NAME.items() for other in others.split()},
    **{
        name: f"{module}.{name}"
        for module, names in _IN_MODULES.items()
        for name in names.split()
    },
    **_SENTENCES,
    **{
        name: f"SciPy has it, for arrays outside of compiled functions: {module}.{name}"
        for module, names in _OF_SCIPY.items()
        for name in names.split()
    },
}


def known_as(name: str) -> str | None:
    """Return the hint about a name that is another here, or is written otherwise.

    >>> known_as("arcsin")
    'did you mean `dn.asin`?'
    >>> known_as("ptp")
    'write `dn.max(x) - dn.min(x)`'
    """
    found = SYNONYMS.get(name)
    return found if found is None or " " in found else f"did you mean `dn.{found}`?"


def meant_by(name: str) -> str | None:
    """Return the hint about a name that other libraries have.

    >>> meant_by("savez")
    'NumPy has it, for arrays outside of compiled functions: `np.savez`'
    """
    hint = known_as(name)
    if hint is None and hasattr(np, name):
        return f"NumPy has it, for arrays outside of compiled functions: `np.{name}`"
    return hint
