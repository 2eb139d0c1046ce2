"""The promotion rules of the language, held against NumPy's where they agree."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defnpy.base import dtypes
from defnpy.base.dtypes import (
    ALL,
    BF16,
    BOOL,
    C64,
    C128,
    F16,
    F32,
    F64,
    I8,
    I32,
    I64,
    U64,
    DType,
    as_dtype,
    can_store,
    promote,
)
from defnpy.base.errors import DefnTypeError
from defnpy.base.flags import flags

pytestmark = pytest.mark.pure

RANK = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}
WEAK = (BOOL, I64, F64, C128)
STRONG = st.sampled_from(ALL)
OPERAND = st.one_of(
    st.tuples(STRONG, st.just(False)), st.tuples(st.sampled_from(WEAK), st.just(True))
)


def strong(*operands: DType) -> DType:
    return promote(*((dtype, False) for dtype in operands))[0]


@pytest.mark.parametrize(("a", "b"), list(itertools.product(ALL, ALL)), ids=str)
def test_two_arrays_meet_as_in_numpy_but_for_integers_and_floats(
    a: DType, b: DType
) -> None:
    low, high = sorted((a, b), key=lambda d: RANK[d.kind])
    if low.is_integer and high.is_inexact:
        assert strong(a, b) == high  # the float's own dtype, however narrow
    elif {a, b} == {F16, BF16}:
        assert strong(a, b) == F32
    elif BF16 in (a, b):  # NumPy itself does not know it
        other = b if a == BF16 else a
        assert strong(a, b) == (BF16 if other.kind == "b" else other)
    else:
        assert strong(a, b).numpy == np.promote_types(a.numpy, b.numpy)


def test_the_order_of_three_arrays_does_not_matter() -> None:
    for triple in itertools.combinations(ALL, 3):
        assert len({strong(*order) for order in itertools.permutations(triple)}) == 1


@settings(max_examples=200, deadline=None)
@given(st.lists(OPERAND, min_size=1, max_size=4), st.randoms())
def test_the_order_of_operands_does_not_matter(operands: list, random: object) -> None:
    shuffled = operands.copy()
    random.shuffle(shuffled)  # pyright: ignore
    assert promote(*shuffled) == promote(*operands)
    assert promote(*operands, *operands) == promote(*operands)


@settings(max_examples=200, deadline=None)
@given(st.lists(OPERAND, min_size=1, max_size=4))
def test_a_result_is_weak_only_if_all_are_and_never_of_a_lower_kind(
    operands: list,
) -> None:
    dtype, weak = promote(*operands)
    assert weak == all(each for _, each in operands)
    assert RANK[dtype.kind] >= max(RANK[each.kind] for each, _ in operands)


@pytest.mark.parametrize("dtype", ALL, ids=str)
@pytest.mark.parametrize("value", [True, 2, 2.0, 2.0j], ids=str)
def test_a_python_number_adapts(dtype: DType, value: complex) -> None:
    weak = dtypes.of_python(value)
    made, still_weak = promote((dtype, False), (weak, True))
    assert not still_weak
    if RANK[weak.kind] <= RANK[dtype.kind]:
        assert made == dtype
    elif weak.kind == "c":
        assert made == (C128 if dtype == F64 else C64)
    else:
        assert made == {"i": I64, "f": F32}[weak.kind]


def test_the_default_float_is_what_is_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flags, "default_float", "f64")
    assert promote((I32, False), (F64, True)) == (F64, False)


def test_the_rules_the_language_names() -> None:
    assert strong(I64, F32) == F32
    assert strong(F16, BF16) == F32
    assert strong(U64, I64) == F64
    assert promote((F32, False), (F64, True)) == (F32, False)
    assert promote((I64, True), (F64, True)) == (F64, True)


def test_stores_cast_within_a_kind_and_up() -> None:
    for source, target in itertools.product(ALL, ALL):
        assert can_store(source, target) == (RANK[source.kind] <= RANK[target.kind])
    assert can_store(F64, F16)
    assert not can_store(F16, I64)


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_names_and_numpy_dtypes_are_found(dtype: DType) -> None:
    for name in (dtype, dtype.name, dtype.numpy, dtype.numpy.type):
        assert as_dtype(name) is dtype
    assert as_dtype(dtype.numpy.newbyteorder(">")) == dtype


@pytest.mark.parametrize("value", ["f31", object, "datetime64[s]", None.__class__])
def test_what_is_no_dtype_is_refused(value: object) -> None:
    with pytest.raises(DefnTypeError, match="is not a dtype"):
        as_dtype(value)


def test_python_numbers_have_their_own_precision() -> None:
    assert [dtypes.of_python(v) for v in (True, 1, 1.0, 1j)] == [BOOL, I64, F64, C128]
    assert dtypes.real_of(C128) == F64
    assert dtypes.real_of(I8) == I8
