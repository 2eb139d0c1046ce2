"""Memory that is used again: of results that were dropped, of temporaries.

Fresh memory of some size costs a page fault for every page, often more time than
the arithmetic that fills it.  So large blocks that are no longer needed are kept
for a while, at most `Flags.spare_memory` MiB of them, and given to who next asks
for about as much.

Programs call this instead of the C library's heap, and NumPy calls it for the
results it makes for them: through the handler that an array remembers, so that an
array owns its memory like any other, and gives it back when nothing refers to it.

A block begins with its capacity; what its user has starts 64 bytes later.  Spare
blocks lie in slots that are emptied and filled by single atomic instructions: there
is no lock that a fork or another thread could hold.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from functools import cache
from math import prod
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.backends.cpu.machine import machine
from defnpy.backends.cpu.numpy_api import SET_HANDLER, function
from defnpy.base.flags import flags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LEAST = 1 << 18  # bytes from which memory is worth keeping
_SLOTS = 64
_MEBIBYTE = 1 << 20
_NAMES = ("take", "give", "resize", "take_zeroed", "take_aligned", "set_limit")
_NAMES += ("live", "peak", "held")
_FOR_NUMPY = ("for_numpy_malloc", "for_numpy_calloc")
_FOR_NUMPY += ("for_numpy_realloc", "for_numpy_free")
_HEAP = {"malloc": "take", "realloc": "resize", "free": "give"}
_HEAP |= {"calloc": "take_zeroed", "aligned_alloc": "take_aligned"}

_TEXT = """
@slots = internal global [$slots x ptr] zeroinitializer, align 64
@limit = internal global i64 0
; Bytes of large blocks: in slots, in existence, and the most there ever were.
@sum.held = internal global i64 0
@sum.live = internal global i64 0
@sum.peak = internal global i64 0
@next = internal global i64 0

declare ptr @aligned_alloc(i64, i64)
declare void @free(ptr)
declare i32 @madvise(ptr, i64, i32)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define internal ptr @make(i64 %capacity) {
entry:
  %raw = call ptr @aligned_alloc(i64 64, i64 %capacity)
  %none = icmp eq ptr %raw, null
  br i1 %none, label %fail, label %made
fail:
  ret ptr null
made:
  store i64 %capacity, ptr %raw
  %user = getelementptr i8, ptr %raw, i64 64
  %large = icmp uge i64 %capacity, $least
  br i1 %large, label %count, label %out
count:
  %before = atomicrmw add ptr @sum.live, i64 %capacity monotonic
  %now = add i64 %before, %capacity
  %most = atomicrmw umax ptr @sum.peak, i64 %now monotonic
  %wide = icmp uge i64 %capacity, $huge
  br i1 %wide, label %advise, label %out
advise:
  %address = ptrtoint ptr %raw to i64
  %ahead = add i64 %address, 4095
  %page = and i64 %ahead, -4096
  %start = inttoptr i64 %page to ptr
  %skipped = sub i64 %page, %address
  %rest = sub i64 %capacity, %skipped
  %advised = call i32 @madvise(ptr %start, i64 %rest, i32 14)
  br label %out
out:
  ret ptr %user
}

define internal void @release(ptr %raw) {
  %capacity = load i64, ptr %raw
  %live = atomicrmw sub ptr @sum.live, i64 %capacity monotonic
  call void @free(ptr %raw)
  ret void
}

; Put a block into an empty slot, or in the place of one that is released.
define internal void @keep(ptr %raw) {
entry:
  br label %test
test:
  %k = phi i64 [0, %entry], [%k.next, %next]
  %end = icmp eq i64 %k, $slots
  br i1 %end, label %replace, label %look
look:
  %slot = getelementptr ptr, ptr @slots, i64 %k
  %pair = cmpxchg ptr %slot, ptr null, ptr %raw seq_cst seq_cst
  %kept = extractvalue {ptr, i1} %pair, 1
  br i1 %kept, label %out, label %next
next:
  %k.next = add i64 %k, 1
  br label %test
replace:
  call void @evict(ptr %raw)
  ret void
out:
  ret void
}

; Release the block of the slot whose turn it is; another takes its place.
define internal void @evict(ptr %other) {
entry:
  %turn = atomicrmw add ptr @next, i64 1 monotonic
  %k = urem i64 %turn, $slots
  %slot = getelementptr ptr, ptr @slots, i64 %k
  %old = atomicrmw xchg ptr %slot, ptr %other seq_cst
  %none = icmp eq ptr %old, null
  br i1 %none, label %out, label %some
some:
  %capacity = load i64, ptr %old
  %held = atomicrmw sub ptr @sum.held, i64 %capacity monotonic
  call void @release(ptr %old)
  br label %out
out:
  ret void
}

; Release spare blocks until no more are held than may be.
define internal void @trim() {
entry:
  br label %test
test:
  %k = phi i64 [0, %entry], [%k.next, %next]
  %held = load atomic i64, ptr @sum.held monotonic, align 8
  %limit = load atomic i64, ptr @limit monotonic, align 8
  %over = icmp ugt i64 %held, %limit
  %more = icmp ult i64 %k, $slots
  %go = and i1 %over, %more
  br i1 %go, label %next, label %out
next:
  call void @evict(ptr null)
  %k.next = add i64 %k, 1
  br label %test
out:
  ret void
}

; Take a block from a slot: of at least %capacity bytes, and hardly more.
define internal ptr @find(i64 %capacity) {
entry:
  %eighth = lshr i64 %capacity, 3
  %most = add i64 %capacity, %eighth
  br label %test
test:
  %k = phi i64 [0, %entry], [%k.next, %next]
  %end = icmp eq i64 %k, $slots
  br i1 %end, label %fail, label %look
look:
  %slot = getelementptr ptr, ptr @slots, i64 %k
  %seen = load atomic ptr, ptr %slot monotonic, align 8
  %empty = icmp eq ptr %seen, null
  br i1 %empty, label %next, label %take
take:
  ; Only who has taken a block may look into it: another might release it.
  %raw = atomicrmw xchg ptr %slot, ptr null seq_cst
  %gone = icmp eq ptr %raw, null
  br i1 %gone, label %next, label %measure
measure:
  %has = load i64, ptr %raw
  %enough = icmp uge i64 %has, %capacity
  %close = icmp ule i64 %has, %most
  %fits = and i1 %enough, %close
  br i1 %fits, label %found, label %back
back:
  call void @keep(ptr %raw)
  br label %next
next:
  %k.next = add i64 %k, 1
  br label %test
found:
  %held = atomicrmw sub ptr @sum.held, i64 %has monotonic
  %user = getelementptr i8, ptr %raw, i64 64
  ret ptr %user
fail:
  ret ptr null
}

define ptr @defnpy_take(i64 %size) {
entry:
  %fair = icmp ult i64 %size, 4611686018427387904
  br i1 %fair, label %round, label %fail
fail:
  ret ptr null
round:
  %padded = add i64 %size, 127
  %capacity = and i64 %padded, -64
  %large = icmp uge i64 %capacity, $least
  br i1 %large, label %look, label %make
look:
  %spare = call ptr @find(i64 %capacity)
  %none = icmp eq ptr %spare, null
  br i1 %none, label %make, label %found
found:
  ret ptr %spare
make:
  %made = call ptr @make(i64 %capacity)
  ret ptr %made
}

; All blocks are aligned to 64 bytes; our code asks for no more.
define ptr @defnpy_take_aligned(i64 %alignment, i64 %size) {
  %made = call ptr @defnpy_take(i64 %size)
  ret ptr %made
}

define ptr @defnpy_take_zeroed(i64 %count, i64 %item) {
entry:
  %size = mul i64 %count, %item
  %made = call ptr @defnpy_take(i64 %size)
  %none = icmp eq ptr %made, null
  br i1 %none, label %out, label %clear
clear:
  call void @llvm.memset.p0.i64(ptr %made, i8 0, i64 %size, i1 false)
  br label %out
out:
  ret ptr %made
}

define void @defnpy_give(ptr %user) {
entry:
  %none = icmp eq ptr %user, null
  br i1 %none, label %out, label %some
some:
  %raw = getelementptr i8, ptr %user, i64 -64
  %capacity = load i64, ptr %raw
  %large = icmp uge i64 %capacity, $least
  br i1 %large, label %measure, label %small
small:
  call void @free(ptr %raw)
  ret void
measure:
  %limit = load atomic i64, ptr @limit monotonic, align 8
  %fits = icmp ule i64 %capacity, %limit
  br i1 %fits, label %hold, label %over
over:
  call void @release(ptr %raw)
  ret void
hold:
  %held = atomicrmw add ptr @sum.held, i64 %capacity monotonic
  call void @trim()
  call void @keep(ptr %raw)
  br label %out
out:
  ret void
}

define ptr @defnpy_resize(ptr %user, i64 %size) {
entry:
  %none = icmp eq ptr %user, null
  br i1 %none, label %take, label %some
take:
  %taken = call ptr @defnpy_take(i64 %size)
  ret ptr %taken
some:
  %raw = getelementptr i8, ptr %user, i64 -64
  %capacity = load i64, ptr %raw
  %room = sub i64 %capacity, 64
  %fits = icmp ule i64 %size, %room
  br i1 %fits, label %same, label %grow
same:
  ret ptr %user
grow:
  %made = call ptr @defnpy_take(i64 %size)
  %full = icmp eq ptr %made, null
  br i1 %full, label %fail, label %copy
fail:
  ret ptr null
copy:
  call void @llvm.memcpy.p0.p0.i64(ptr %made, ptr %user, i64 %room, i1 false)
  call void @defnpy_give(ptr %user)
  ret ptr %made
}

define void @defnpy_set_limit(i64 %bytes) {
  store atomic i64 %bytes, ptr @limit monotonic, align 8
  call void @trim()
  ret void
}
define i64 @defnpy_live() {
  %now = load atomic i64, ptr @sum.live monotonic, align 8
  ret i64 %now
}
define i64 @defnpy_held() {
  %now = load atomic i64, ptr @sum.held monotonic, align 8
  ret i64 %now
}
; The most there was since this was last asked.
define i64 @defnpy_peak() {
  %now = load atomic i64, ptr @sum.live monotonic, align 8
  %most = atomicrmw xchg ptr @sum.peak, i64 %now monotonic
  ret i64 %most
}

define ptr @defnpy_for_numpy_malloc(ptr %context, i64 %size) {
  %made = call ptr @defnpy_take(i64 %size)
  ret ptr %made
}
define ptr @defnpy_for_numpy_calloc(ptr %context, i64 %count, i64 %item) {
  %made = call ptr @defnpy_take_zeroed(i64 %count, i64 %item)
  ret ptr %made
}
define ptr @defnpy_for_numpy_realloc(ptr %context, ptr %user, i64 %size) {
  %made = call ptr @defnpy_resize(ptr %user, i64 %size)
  ret ptr %made
}
define void @defnpy_for_numpy_free(ptr %context, ptr %user, i64 %size) {
  call void @defnpy_give(ptr %user)
  ret void
}
"""


class _Handler(ctypes.Structure):
    """NumPy's ``PyDataMem_Handler``."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in _FOR_NUMPY),
    )


class Recycling:
    """The spare memory of this process."""

    def __init__(self) -> None:
        """Compile and link it; it stays to the end of the process."""
        # Only Linux is asked for huge pages, as by NumPy for arrays of this size.
        huge = 4 * _MEBIBYTE if sys.platform == "linux" else -1
        text = Template(_TEXT).substitute(slots=_SLOTS, least=LEAST, huge=huge)
        names = [f"defnpy_{name}" for name in (*_NAMES, *_FOR_NUMPY)]
        this = machine()
        # What an array's memory is given back to must outlive every array.
        self._library: Any = this.link(this.compile_plain(text), names, {})
        _immortal(self._library)
        at = {name.removeprefix("defnpy_"): self._library[name] for name in names}
        self.heap: Mapping[str, int] = {name: at[ours] for name, ours in _HEAP.items()}
        addresses = (at[name] for name in _FOR_NUMPY)
        self._handler = _Handler(b"defnpy", 1, None, *addresses)
        self.handler: Any = _new_capsule(
            ctypes.addressof(self._handler), b"mem_handler", None
        )
        _immortal(self)
        _immortal(self.handler)
        self._set_limit = ctypes.CFUNCTYPE(None, ctypes.c_int64)(at["set_limit"])
        number = ctypes.CFUNCTYPE(ctypes.c_int64)
        self.live, self.held = number(at["live"]), number(at["held"])
        self.peak = number(at["peak"])
        self.set_limit(flags.spare_memory)

    def set_limit(self, mebibytes: int) -> None:
        """Keep at most that much from now on."""
        self._set_limit(mebibytes * _MEBIBYTE)

    def release(self) -> int:
        """Give back what is kept, and return how many bytes that was."""
        before = self.held()
        self.set_limit(0)
        self.set_limit(flags.spare_memory)
        return before - self.held()


def _immortal(value: Any) -> None:
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))


_new_capsule: Any = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p
)(("PyCapsule_New", ctypes.pythonapi))
_lock = threading.Lock()
_made: list[Recycling] = []


def recycling() -> Recycling:
    """Return the spare memory of this process, made at the first call."""
    if not _made:
        with _lock:
            if not _made:
                _made.append(Recycling())
    return _made[0]


def heap(symbols: Iterable[str]) -> dict[str, int]:
    """Return the addresses of the heap's functions, none if no symbol is one.

    It is all or nothing, as LLVM may turn one of them into another.
    """
    return {} if _HEAP.keys().isdisjoint(symbols) else dict(recycling().heap)


def set_limit(mebibytes: int) -> None:
    """Keep at most that much from now on, if anything is kept already."""
    for made in _made:
        made.set_limit(mebibytes)


def release() -> int:
    """Give back what is kept; return how many bytes that was."""
    return sum(made.release() for made in _made)


def held() -> int:
    """Return how many bytes are kept."""
    return sum(made.held() for made in _made)


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array like `np.empty`, in spare memory where there is some."""
    if prod(shape) * dtype.itemsize < LEAST:
        return np.empty(shape, dtype)
    set_handler = _set_handler()
    before = set_handler(recycling().handler)
    try:
        return np.empty(shape, dtype)
    finally:
        set_handler(before)


@cache
def _set_handler() -> Any:
    kind = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)
    return kind(function(SET_HANDLER))
