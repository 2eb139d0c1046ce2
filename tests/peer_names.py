"""Names of other libraries' functions, for tests that none is missing here."""

# The Python Array API standard, version 2024.12.
ARRAY_API = """
__array_api_version__ __array_namespace_info__ abs acos acosh add all any arange argmax
argmin argsort asarray asin asinh astype atan atan2 atanh bitwise_and bitwise_invert
bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor bool broadcast_arrays
broadcast_to can_cast ceil clip complex128 complex64 concat conj copysign cos cosh
count_nonzero cumulative_prod cumulative_sum diff divide e empty empty_like equal exp
expand_dims expm1 eye fft.fft fft.fftfreq fft.fftn fft.fftshift fft.hfft fft.ifft
fft.ifftn fft.ifftshift fft.ihfft fft.irfft fft.irfftn fft.rfft fft.rfftfreq fft.rfftn
finfo flip float32 float64 floor floor_divide from_dlpack full full_like greater
greater_equal hypot iinfo imag inf int16 int32 int64 int8 isdtype isfinite isinf isnan
less less_equal linalg.cholesky linalg.cross linalg.det linalg.diagonal linalg.eigh
linalg.eigvalsh linalg.inv linalg.matmul linalg.matrix_norm linalg.matrix_power
linalg.matrix_rank linalg.matrix_transpose linalg.outer linalg.pinv linalg.qr
linalg.slogdet linalg.solve linalg.svd linalg.svdvals linalg.tensordot linalg.trace
linalg.vecdot linalg.vector_norm linspace log log10 log1p log2 logaddexp logical_and
logical_not logical_or logical_xor matmul matrix_transpose max maximum mean meshgrid min
minimum moveaxis multiply nan negative newaxis nextafter nonzero not_equal ones
ones_like permute_dims pi positive pow prod real reciprocal remainder repeat reshape
result_type roll round searchsorted sign signbit sin sinh sort sqrt square squeeze stack
std subtract sum take take_along_axis tan tanh tensordot tile tril triu trunc uint16
uint32 uint64 uint8 unique_all unique_counts unique_inverse unique_values unstack var
vecdot where zeros zeros_like
""".split()
# Nx 0.13, with `Nx.LinAlg`, `Nx.Random` and `Nx.Defn`.
NX = """
abs acos acosh add adjoint all all_close any argmax argmin argsort as_type asin asinh
atan atan2 atanh axis_size bitcast bitwise_and bitwise_not bitwise_or bitwise_xor
broadcast byte_size cbrt ceil choice cholesky clip complex concatenate conjugate conv
cos cosh count_leading_zeros covariance cumulative_max cumulative_min cumulative_product
cumulative_sum custom_grad determinant diff divide dot eigh equal erf erf_inv erfc exp
expm1 eye fft fft2 fill flatten floor fold_in from_binary gather grad greater
greater_equal gumbel ifft ifft2 imag indexed_add indexed_put invert iota irfft
is_infinity is_nan jit key least_squares left_shift less less_equal linspace log log10
log1p log2 logical_and logical_not logical_or logical_xor logsumexp lu make_diagonal
matrix_power matrix_rank max mean median min mode multiply multivariate_normal negate
new_axis norm normal not_equal outer pad pad_outer phase pinv population_count pow
product put_diagonal put_slice qr quotient randint rank real reduce reduce_max
reduce_min reflect remainder reshape reverse rfft right_shift round rsqrt select shape
shuffle sigmoid sign sin sinh size slice slice_along_axis solve sort split sqrt squeeze
stack standard_deviation stop_grad subtract sum svd take take_along_axis take_diagonal
tan tanh template tensor tile to_batched top_k transpose tri triangular_solve tril triu
type uniform value_and_grad variance vectorize weighted_mean window_max window_mean
window_min window_product window_reduce window_scatter_max window_scatter_min window_sum
""".split()
# `jax.numpy` of jax 0.10.2, without dtypes of 8 bits and less.
JAX_NUMPY = """
abs absolute acos acosh add all allclose amax amin angle any append apply_along_axis
apply_over_axes arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax
argmin argpartition argsort argwhere around array array_equal array_equiv array_repr
array_split array_str asarray asin asinh astype atan atan2 atanh atleast_1d atleast_2d
atleast_3d average bartlett bincount bitwise_and bitwise_count bitwise_invert
bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor blackman block
bool bool_ broadcast_arrays broadcast_shapes broadcast_to c_ can_cast cbrt cdouble ceil
character choose clip column_stack complex128 complex64 complex_ complexfloating
compress concat concatenate conj conjugate convolve copy copysign corrcoef correlate cos
cosh count_nonzero cov cross csingle cumprod cumsum cumulative_prod cumulative_sum
deg2rad degrees delete diag diag_indices diag_indices_from diagflat diagonal diff
digitize divide divmod dot double dsplit dstack dtype e ediff1d einsum einsum_path empty
empty_like equal euler_gamma exp exp2 expand_dims expm1 extract eye fabs fft
fill_diagonal finfo flatnonzero flexible flip fliplr flipud float16 float32 float_
float_power floating floor floor_divide fmax fmin fmod frexp from_dlpack frombuffer
fromfile fromfunction fromiter frompyfunc fromstring full full_like gcd generic
geomspace get_printoptions gradient greater greater_equal hamming hanning heaviside
histogram histogram2d histogram_bin_edges histogramdd hsplit hstack hypot i0 identity
iinfo imag index_exp indices inexact inf inner insert int1 int16 int32 int64 int8 int_
integer interp intersect1d invert isclose iscomplex iscomplexobj isdtype isfinite isin
isinf isnan isneginf isposinf isreal isrealobj isscalar issubdtype iterable ix_ kaiser
kron lcm ldexp left_shift less less_equal lexsort linalg linspace load log log10 log1p
log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logspace
mask_indices matmul matrix_transpose matvec max maximum mean median meshgrid mgrid min
minimum mod modf moveaxis multiply nan nan_to_num nanargmax nanargmin nancumprod
nancumsum nanmax nanmean nanmedian nanmin nanpercentile nanprod nanquantile nanstd
nansum nanvar ndarray ndim negative newaxis nextafter nonzero not_equal number object_
ogrid ones ones_like outer packbits pad partition percentile permute_dims pi piecewise
place poly polyadd polyder polydiv polyfit polyint polymul polysub polyval positive pow
power printoptions prod promote_types ptp put put_along_axis quantile r_ rad2deg radians
ravel ravel_multi_index real reciprocal remainder repeat reshape resize result_type
right_shift rint roll rollaxis roots rot90 round s_ save savez searchsorted select
set_printoptions setdiff1d setxor1d shape sign signbit signedinteger sin sinc single
sinh size sort sort_complex spacing split sqrt square squeeze stack std subtract sum
swapaxes take take_along_axis tan tanh tensordot tile trace transpose trapezoid tri tril
tril_indices tril_indices_from trim_zeros triu triu_indices triu_indices_from
true_divide trunc ufunc uint uint1 uint16 uint32 uint64 uint8 union1d unique unique_all
unique_counts unique_inverse unique_values unpackbits unravel_index unsignedinteger
unstack unwrap vander var vdot vecdot vecmat vectorize vsplit vstack where zeros
zeros_like
""".split()
# What people write of `jax.lax`.
JAX_LAX = """
abs acos acosh add approx_max_k argmax argmin asin asinh associative_scan atan atan2
atanh batch_matmul betainc bitcast_convert_type bitwise_and bitwise_not bitwise_or
bitwise_xor broadcast broadcast_in_dim broadcast_shapes cbrt ceil clamp clz collapse
complex concatenate cond conj conv conv_general_dilated convert_element_type cos cosh
cummax cummin cumprod cumsum digamma div dot dot_general dynamic_index_in_dim
dynamic_slice dynamic_slice_in_dim dynamic_update_slice dynamic_update_slice_in_dim eq
erf erf_inv erfc exp exp2 expand_dims expm1 fft floor fori_loop full full_like gather ge
gt igamma igammac imag index_in_dim integer_pow iota is_finite le lgamma log log1p
logistic lt map max min mul ne neg nextafter pad polygamma population_count pow real
reciprocal reduce reduce_and reduce_max reduce_min reduce_or reduce_prod reduce_sum
reduce_window rem reshape rev round rsqrt scan scatter scatter_add scatter_mul select
select_n shift_left shift_right_arithmetic shift_right_logical sign sin sinh slice
slice_in_dim sort sort_key_val sqrt square squeeze stop_gradient sub switch tan tanh
top_k transpose while_loop
""".split()
# `jax.nn`'s functions.
JAX_NN = """
celu elu gelu glu hard_sigmoid hard_tanh leaky_relu log_sigmoid log_softmax logsumexp
mish one_hot relu relu6 selu sigmoid silu softmax softplus standardize swish tanh
""".split()
# `jax.random`, without distributions that few know.
JAX_RANDOM = """
PRNGKey bernoulli beta binomial bits categorical cauchy chisquare choice clone dirichlet
exponential fold_in gamma geometric gumbel key key_data laplace loggamma logistic
lognormal multinomial multivariate_normal normal orthogonal pareto permutation poisson
rademacher randint rayleigh split t truncated_normal uniform weibull_min wrap_key_data
""".split()
# What people write of `jax.scipy.special`.
JAX_SPECIAL = """
betainc betaln digamma entr erf erfc erfinv expit factorial gammainc gammaln i0 i1
kl_div log_ndtr log_softmax logsumexp ndtr ndtri poch polygamma rel_entr softmax xlog1py
xlogy zeta
""".split()
# What people write of `jax.scipy.linalg`.
JAX_SCIPY_LINALG = """
block_diag cho_factor cho_solve cholesky det eigh expm hessenberg hilbert inv lu
lu_factor lu_solve polar qr schur solve solve_triangular sqrtm svd toeplitz
""".split()
