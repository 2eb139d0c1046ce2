"""Kernels as functions that code under Numba's `njit` can call.

The LLVM is the same; Numba compiles it as a library of its own and links it to
whoever calls.  An argument is an array of the parameter's dtype and shape in C
order, or a number for a parameter of shape (); a result of shape () is a number.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from defnpy.backends.cpu.machine import machine
from defnpy.backends.cpu.symbols import addresses
from defnpy.backends.llvm.body import SHOWN
from defnpy.backends.llvm.emit import emit
from defnpy.base import errors
from defnpy.base.errors import NOTE, DefnTypeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.ir.kernel import Buffer, FaultSite, Kernel


def numba_function(kernel: Kernel) -> Callable[..., Any]:
    """Return `kernel` as an `njit` function of its parameters.

    It returns its result, or a tuple of them.  It raises what the kernel's faults
    say, without the values they show; arrays of other shapes are a `ValueError`.
    """
    from numba import njit
    from numba.extending import intrinsic

    if kernel.prints:
        raise DefnTypeError("a program that prints cannot be called from Numba code")
    package = _Package(kernel)

    def typed(typingctx: Any, arguments: Any) -> Any:
        return package.result_type()(package.check(arguments)), package.generate

    run: Any = intrinsic(typed)

    @njit
    def call(*arguments: Any) -> Any:
        return run(arguments)

    return call


class _Package:
    """What Numba's compiler asks while it compiles a call of one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        # Numba puts all it compiles under one roof: the name tells programs apart.
        target = machine().target
        digest = sha256(emit(kernel, target).text.encode()).hexdigest()
        self.emitted = emit(replace(kernel, name=f"{kernel.name}.{digest}"), target)
        self._made: Any = None
        self.params = [_array_type(buffer) for buffer in kernel.params]
        self.results = [_array_type(buffer) for buffer in kernel.results]

    def result_type(self) -> Any:
        """Return the type of a call."""
        from numba import types

        made = [_plain(each) for each in self.results]
        return made[0] if len(made) == 1 else types.Tuple(made)

    def check(self, arguments: Any) -> Any:
        """Return the type of the arguments' tuple, if the kernel takes it."""
        from numba.core.errors import TypingError

        given = list(arguments)
        wanted = ", ".join(str(_plain(each)) for each in self.params)
        shown = ", ".join(map(str, given))
        fits = len(given) == len(self.params) and all(
            _fits(each, param) for each, param in zip(given, self.params, strict=True)
        )
        if not fits:
            raise TypingError(f"{self.kernel.name}({wanted}) is called with ({shown})")
        return arguments

    def generate(self, context: Any, builder: Any, signature: Any, args: Any) -> Any:
        """Write the call."""
        from numba.core import cgutils

        context.add_linking_libs((self._library(context),))
        return _Call(self, context, builder, cgutils).write(signature.args[0], args[0])

    def _library(self, context: Any) -> Any:
        import llvmlite.binding as llvm

        for name, address in addresses(self.emitted).items():
            llvm.add_symbol(name, address)
        if self._made is None:
            self._made = context.codegen().create_library(self.emitted.name)
            self._made.add_llvm_module(llvm.parse_assembly(self.emitted.text))
            self._made.finalize()
        return self._made


def _array_type(buffer: Buffer) -> Any:
    from numba import from_dtype, types
    from numba.core.errors import NumbaNotImplementedError

    try:
        return types.Array(from_dtype(buffer.dtype.numpy), len(buffer.shape), "C")
    except NumbaNotImplementedError:
        raise DefnTypeError(
            f"Numba has no arrays of {buffer.dtype}", hint="use f32 instead"
        ) from None


def _plain(array: Any) -> Any:
    return array if array.ndim else array.dtype


def _fits(given: Any, param: Any) -> bool:
    from numba import types

    if isinstance(given, types.Array):
        shown = (given.dtype, given.ndim, given.layout)
        return shown == (param.dtype, param.ndim, param.layout)
    return param.ndim == 0 and isinstance(given, types.Number | types.Boolean)


class _Call:
    """One call under construction."""

    def __init__(
        self, package: _Package, context: Any, builder: Any, tools: Any
    ) -> None:
        self.package, self.context, self.builder = package, context, builder
        self.tools = tools
        from llvmlite import ir

        self.ir = ir

    def write(self, given: Any, value: Any) -> Any:
        """Write the whole call, and return its result."""
        builder, kernel = self.builder, self.package.kernel
        values = self.tools.unpack_tuple(builder, value)
        sources = zip(given, values, self.package.params, kernel.params, strict=True)
        pointers = [self._argument(*each) for each in sources]
        made = [
            self._result(*each)
            for each in zip(self.package.results, kernel.results, strict=True)
        ]
        self._run([*pointers, *(pointer for pointer, _ in made)])
        finished = [finish() for _, finish in made]
        if len(finished) == 1:
            return finished[0]
        return self.context.make_tuple(builder, self.package.result_type(), finished)

    def _argument(self, given: Any, value: Any, param: Any, buffer: Buffer) -> Any:
        context, builder = self.context, self.builder
        if param.ndim or hasattr(given, "ndim"):
            array = context.make_array(given)(context, builder, value)
            self._check_shape(array, buffer)
            return array.data
        cast = context.cast(builder, value, given, param.dtype)
        return self._slot(param.dtype, cast)

    def _slot(self, type: Any, value: Any = None) -> Any:
        builder, context = self.builder, self.context
        slot = self.tools.alloca_once(builder, context.get_data_type(type))
        if value is not None:
            context.pack_value(builder, type, value, slot)
        return slot

    def _check_shape(self, array: Any, buffer: Buffer) -> None:
        builder = self.builder
        sizes = self.tools.unpack_tuple(builder, array.shape)
        message = f"{buffer.name} must have the shape {buffer.shape}"
        for size, wanted in zip(sizes, buffer.shape, strict=True):
            wrong = builder.icmp_signed("!=", size, self.ir.Constant(size.type, wanted))
            with builder.if_then(wrong, likely=False):
                self._raise(ValueError, message)

    def _result(self, type: Any, buffer: Buffer) -> tuple[Any, Callable[[], Any]]:
        from numba.np.arrayobj import _empty_nd_impl

        context, builder = self.context, self.builder
        if not type.ndim:
            slot = self._slot(type.dtype)
            return slot, lambda: context.unpack_value(builder, type.dtype, slot)
        sizes = [context.get_constant(_intp(), size) for size in buffer.shape]
        array = _empty_nd_impl(context, builder, type, sizes)
        return array.data, array._getvalue

    def _run(self, pointers: list[Any]) -> None:
        ir, builder = self.ir, self.builder
        byte, number = ir.PointerType(ir.IntType(8)), ir.IntType(32)
        tools, size = self.tools, max(len(pointers), 1)
        table = tools.alloca_once(builder, ir.ArrayType(byte, size))
        fault = tools.alloca_once(builder, ir.ArrayType(ir.IntType(64), SHOWN))
        for place, pointer in enumerate(pointers):
            at = tools.gep_inbounds(builder, table, 0, place)
            builder.store(builder.bitcast(pointer, byte), at)
        type = ir.FunctionType(number, [byte, byte])
        name = self.package.emitted.name
        function = tools.get_or_insert_function(builder.module, type, name)
        code = builder.call(
            function, [builder.bitcast(table, byte), builder.bitcast(fault, byte)]
        )
        with builder.if_then(tools.is_not_null(builder, code), likely=False):
            self._raise_fault(code)

    def _raise_fault(self, code: Any) -> None:
        builder = self.builder
        for site, fault in enumerate(self.package.kernel.faults):
            here = builder.icmp_signed(
                "==", code, self.ir.Constant(code.type, 1 + site)
            )
            with builder.if_then(here, likely=False):
                self._raise(*_static_error(fault))
        self._raise(MemoryError, "there is not enough memory for this call")

    def _raise(self, error: type[Exception], message: str) -> None:
        self.context.call_conv.return_user_exc(self.builder, error, (message,))


def _static_error(fault: FaultSite) -> tuple[type[Exception], str]:
    """Return the class and the text of a fault, with … for the values shown."""
    place = f"{fault.span}: " if fault.span else ""
    shown = fault.message.format(*["…"] * SHOWN).split(NOTE)[0]
    return getattr(errors, fault.error), place + shown


def _intp() -> Any:
    from numba import types

    return types.intp
