"""Kernels become code for CUDA devices where there is none."""

import re

import numpy as np
import pytest
from cuda_programs import PROGRAMS, kernel_of
from kernel_building import at, i64, param, result

import defnpy as dn
from defnpy.backends.cuda import compile_kernel
from defnpy.backends.cuda.device import device
from defnpy.backends.cuda.ptx import assemble, to_ptx
from defnpy.base.dtypes import BOOL, F32, F64, I32, I64, as_dtype
from defnpy.base.errors import DefnError, DefnValueError, InternalError
from defnpy.ir.expr import make, scope
from defnpy.ir.kernel import Kernel, Loop, Store, loop_index
from defnpy.ir.op import Missing
from defnpy.ops.registry import RECORDS

pytest.importorskip("numba_cuda")
pytestmark = pytest.mark.cpu

CAPABILITIES = [(7, 5), (9, 0)]
each_capability = pytest.mark.parametrize("capability", CAPABILITIES, ids=str)
MACHINE = {(7, 5): 75, (9, 0): 90}  # in an ELF header's flags
CUDA_ELF = 190


def check_cubin(code: bytes, capability: tuple[int, int], names: list[str]) -> None:
    """Check that `code` is for these devices, and holds kernels of these names."""
    assert code.startswith(b"\x7fELF")
    assert int.from_bytes(code[18:20], "little") == CUDA_ELF
    flags = int.from_bytes(code[48:52], "little")
    assert MACHINE[capability] in (flags & 0xFF, flags >> 8 & 0xFF)
    kernels = re.findall(rb"\.nv\.constant0\.([^\0]+)\0", code)
    for name in names:
        assert any(name.encode() in each for each in kernels), name


@each_capability
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_assembled(name: str, capability: tuple[int, int]) -> None:
    made = compile_kernel(kernel_of(PROGRAMS[name]), capability)
    names = [package.emitted.name for package in made.packages]
    assert names
    check_cubin(made.cubin(), capability, names)


def test_one_kernel_is_assembled_for_several_devices() -> None:
    made = compile_kernel(kernel_of(PROGRAMS["softmax"]))
    assert ".target sm_75" in made.ptx
    names = [package.emitted.name for package in made.packages]
    for capability in CAPABILITIES:
        check_cubin(made.cubin(capability), capability, names)


def every_elementwise_op() -> Kernel:
    """Return a loop for each elementwise op, at every dtype of its samples."""
    params, results, loops = [], [], []
    for record in RECORDS:
        if record.family != "elementwise" or isinstance(record.samples, Missing):
            continue
        stores, index = [], loop_index("i")
        for sample in record.samples():
            dtypes = [as_dtype(x.dtype) for x in sample.operands]
            own = [param(f"p{len(params) + k}", d, 4) for k, d in enumerate(dtypes)]
            value = make(record, tuple(at(p, index) for p in own), **dict(sample.attrs))
            target = result(f"r{len(results)}", value.dtype, 4)
            stores.append(Store(target, (index,), value))
            params += own
            results.append(target)
        loops.append(Loop(index, i64(0), i64(4), i64(1), tuple(stores)))
    return Kernel("every", tuple(params), tuple(results), tuple(loops))


@each_capability
def test_every_elementwise_op_is_assembled(capability: tuple[int, int]) -> None:
    with scope():
        kernel = every_elementwise_op()
        assert {r.dtype for r in kernel.results} >= {BOOL, F32, F64, I32, I64}
        made = compile_kernel(kernel, capability)
    assert len(made.packages) > 60
    codes = [package.device_ptx(capability) for package in made.packages]
    assert not any(".extern" in code for code in codes)  # nothing is left to C
    assert assemble(codes, capability).startswith(b"\x7fELF")


def test_mathematics_comes_from_libdevice_where_c_is_used_elsewhere() -> None:
    kernel = kernel_of(PROGRAMS["elementwise far"])
    (package,) = compile_kernel(kernel).packages
    assert {"__nv_sinf", "__nv_cosf"} <= set(package.emitted.symbols)
    code = package.device_ptx((7, 5))
    assert ".extern" not in code
    assert "__nv_tanf" not in code  # what is not called is left out


def test_bad_ptx_is_an_internal_error() -> None:
    text = "define void @f() { ret void }\n"
    code = to_ptx(text, (9, 0))
    assert ".target sm_90" in code
    with pytest.raises(InternalError, match="cannot be assembled: ptxas"):
        assemble([code], (7, 5))


def test_a_run_without_a_device_says_so() -> None:
    try:
        device()
    except DefnError as error:
        assert "no CUDA device" in error.message
    else:
        pytest.skip("there is a CUDA device")
    made = compile_kernel(kernel_of(PROGRAMS["full sum"]))
    with pytest.raises(DefnError, match="there is no CUDA device here"):
        made.run([np.ones(3000, np.float32)], [np.empty((), np.float32)])


def test_no_function_runs_on_the_cpu_in_place_of_cuda() -> None:
    with pytest.raises(DefnValueError, match="functions do not run on CUDA yet"):
        dn.config.device = "cuda"
    assert dn.config.device == "cpu"
