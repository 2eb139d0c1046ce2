"""The threads that parallel loops run on.

They are ours, written in LLVM and compiled once for each process: `pthread`
workers that sleep until there is a loop, and take pieces of it by an atomic
counter.  The thread that calls takes pieces too, and returns when all are done: it
does not wait for workers that have not begun, as the system may be long to wake them.
Loops often follow each other closely and to wake a thread takes as long as a short
one, so who waits looks out for a moment before it sleeps.  (To yield instead gives
the core away for as long as the system likes.)

A loop that comes while another is under way, from another thread or from inside of
one, runs on its own thread alone; so does every loop in a child made by `fork`
until the child has started workers of its own.  Nothing here can abort the process.
"""

from __future__ import annotations

import ctypes
import os
import platform
import threading
from typing import TYPE_CHECKING, Any

from defnpy.base.flags import flags

if TYPE_CHECKING:
    from defnpy.backends.cpu.machine import Machine

SYMBOL = "defnpy_parallel"
_SET = "defnpy_set_threads"
MAX_THREADS = 256
_LOOKS = 2000  # before a thread sleeps: some 50 µs, where a processor can pause
_IS_X86 = platform.machine() in ("x86_64", "AMD64")
_DECLARED = "declare void @llvm.x86.sse2.pause()" if _IS_X86 else ""
_PAUSE = "call void @llvm.x86.sse2.pause()" if _IS_X86 else ""

# A mutex and two conditions take at most 64 bytes each on the systems Numba serves.
_TEXT = f"""
@mutex = internal global [64 x i8] zeroinitializer, align 16
@wake = internal global [64 x i8] zeroinitializer, align 16
@done = internal global [64 x i8] zeroinitializer, align 16
@busy = internal global i32 0
@process = internal global i32 0
@threads = internal global i32 1
@workers = internal global i32 0
@job = internal global i64 0
@running = internal global i32 0
@open = internal global i32 0
@function = internal global ptr null
@table = internal global ptr null
@next = internal global i64 0
@stop = internal global i64 0
@piece = internal global i64 0

declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_detach(i64)
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_signal(ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @getpid()
{_DECLARED}

define void @defnpy_set_threads(i32 %count) {{
  store atomic i32 %count, ptr @threads seq_cst, align 4
  ret void
}}

define internal void @take() {{
entry:
  %f = load ptr, ptr @function
  %t = load ptr, ptr @table
  %end = load i64, ptr @stop
  %size = load i64, ptr @piece
  br label %more
more:
  %low = atomicrmw add ptr @next, i64 %size seq_cst
  %some = icmp slt i64 %low, %end
  br i1 %some, label %run, label %out
run:
  %whole = add i64 %low, %size
  %short = icmp slt i64 %whole, %end
  %high = select i1 %short, i64 %whole, i64 %end
  call void %f(ptr %t, i64 %low, i64 %high)
  br label %more
out:
  ret void
}}

define internal ptr @work(ptr %seen) {{
entry:
  %first = ptrtoint ptr %seen to i64
  br label %sleep
sleep:
  %last = phi i64 [%first, %entry], [%current, %rest]
  br label %awake
awake:
  %looks = phi i32 [0, %sleep], [%looked, %pause]
  %seen.job = load atomic i64, ptr @job monotonic, align 8
  %old = icmp eq i64 %seen.job, %last
  %looked = add i32 %looks, 1
  %patient = icmp ult i32 %looks, {_LOOKS}
  %again = and i1 %old, %patient
  br i1 %again, label %pause, label %lock
pause:
  {_PAUSE}
  br label %awake
lock:
  %l = call i32 @pthread_mutex_lock(ptr @mutex)
  br label %look
look:
  %current = load i64, ptr @job
  %same = icmp eq i64 %current, %last
  br i1 %same, label %wait, label %go
wait:
  %w = call i32 @pthread_cond_wait(ptr @wake, ptr @mutex)
  br label %look
go:
  %open = load i32, ptr @open
  %late = icmp eq i32 %open, 0
  br i1 %late, label %rest, label %join
join:
  %others = load i32, ptr @running
  %joined = add i32 %others, 1
  store i32 %joined, ptr @running
  %u = call i32 @pthread_mutex_unlock(ptr @mutex)
  call void @take()
  %l2 = call i32 @pthread_mutex_lock(ptr @mutex)
  %before = load i32, ptr @running
  %after = sub i32 %before, 1
  store atomic i32 %after, ptr @running release, align 4
  %all = icmp eq i32 %after, 0
  br i1 %all, label %tell, label %rest
tell:
  %s = call i32 @pthread_cond_signal(ptr @done)
  br label %rest
rest:
  %u2 = call i32 @pthread_mutex_unlock(ptr @mutex)
  br label %sleep
}}

define internal void @begin() {{
entry:
  %thread = alloca i64
  %now = call i32 @getpid()
  %then = load i32, ptr @process
  %same = icmp eq i32 %now, %then
  br i1 %same, label %count, label %fresh
fresh:
  %a = call i32 @pthread_mutex_init(ptr @mutex, ptr null)
  %b = call i32 @pthread_cond_init(ptr @wake, ptr null)
  %c = call i32 @pthread_cond_init(ptr @done, ptr null)
  store i32 0, ptr @workers
  store i32 0, ptr @running
  store i32 %now, ptr @process
  br label %count
count:
  %wanted = load atomic i32, ptr @threads seq_cst, align 4
  %others = sub i32 %wanted, 1
  br label %more
more:
  %have = load i32, ptr @workers
  %enough = icmp sge i32 %have, %others
  br i1 %enough, label %out, label %start
start:
  %seen = load i64, ptr @job
  %argument = inttoptr i64 %seen to ptr
  %r = call i32 @pthread_create(ptr %thread, ptr null, ptr @work, ptr %argument)
  %good = icmp eq i32 %r, 0
  br i1 %good, label %started, label %out
started:
  %id = load i64, ptr %thread
  %d = call i32 @pthread_detach(i64 %id)
  %one = add i32 %have, 1
  store i32 %one, ptr @workers
  br label %more
out:
  ret void
}}

define void @defnpy_parallel(ptr %f, ptr %t, i64 %start, i64 %end, i64 %size) {{
entry:
  %wanted = load atomic i32, ptr @threads seq_cst, align 4
  %alone = icmp sle i32 %wanted, 1
  br i1 %alone, label %serial, label %try
serial:
  call void %f(ptr %t, i64 %start, i64 %end)
  ret void
try:
  %pair = cmpxchg ptr @busy, i32 0, i32 1 seq_cst seq_cst
  %mine = extractvalue {{i32, i1}} %pair, 1
  br i1 %mine, label %own, label %serial
own:
  call void @begin()
  %l = call i32 @pthread_mutex_lock(ptr @mutex)
  store ptr %f, ptr @function
  store ptr %t, ptr @table
  store i64 %end, ptr @stop
  store i64 %size, ptr @piece
  store atomic i64 %start, ptr @next seq_cst, align 8
  store i32 1, ptr @open
  %number = load i64, ptr @job
  %following = add i64 %number, 1
  store atomic i64 %following, ptr @job monotonic, align 8
  %b = call i32 @pthread_cond_broadcast(ptr @wake)
  %u = call i32 @pthread_mutex_unlock(ptr @mutex)
  call void @take()
  %l3 = call i32 @pthread_mutex_lock(ptr @mutex)
  store i32 0, ptr @open
  %u3 = call i32 @pthread_mutex_unlock(ptr @mutex)
  br label %awake
awake:
  %looks = phi i32 [0, %own], [%looked, %pause]
  %seen = load atomic i32, ptr @running monotonic, align 4
  %some = icmp ne i32 %seen, 0
  %looked = add i32 %looks, 1
  %patient = icmp ult i32 %looks, {_LOOKS}
  %again = and i1 %some, %patient
  br i1 %again, label %pause, label %lock
pause:
  {_PAUSE}
  br label %awake
lock:
  %l2 = call i32 @pthread_mutex_lock(ptr @mutex)
  br label %look
look:
  %left = load i32, ptr @running
  %all = icmp eq i32 %left, 0
  br i1 %all, label %finish, label %wait
wait:
  %w = call i32 @pthread_cond_wait(ptr @done, ptr @mutex)
  br label %look
finish:
  %u2 = call i32 @pthread_mutex_unlock(ptr @mutex)
  store atomic i32 0, ptr @busy seq_cst, align 4
  ret void
}}
"""


class Pool:
    """The pool of this process."""

    def __init__(self, machine: Machine) -> None:
        """Compile it; no thread is started before a loop needs one."""
        code = machine.compile_plain(_TEXT)
        self._library: Any = machine.link(code, (SYMBOL, _SET), {})
        self.address: int = self._library[SYMBOL]
        prototype = ctypes.CFUNCTYPE(None, ctypes.c_int32)
        self._set = prototype(self._library[_SET])
        self.set_threads(flags.threads)

    def set_threads(self, count: int) -> None:
        """Use that many threads; 0 stands for the cores this process may use."""
        self._set(min(count or len(os.sched_getaffinity(0)), MAX_THREADS))


_lock = threading.Lock()
_pools: list[Pool] = []


def set_threads(count: int) -> None:
    """Use that many threads from now on, if the pool is made already."""
    for made in _pools:
        made.set_threads(count)


def pool(machine: Machine) -> Pool:
    """Return the pool, made at the first call."""
    with _lock:
        if not _pools:
            _pools.append(Pool(machine))
        return _pools[0]
