"""The function CPython calls to run a kernel, as LLVM.

One function serves every kernel: what it needs to know lies behind the capsule
that is its `self`, a table of 8-byte words (`fastcall` fills it).  It takes NumPy
arrays and scalars, and Python numbers where a word says so, whose types and shapes
are exactly those expected, makes the results, large ones in memory that is used
again, and runs the kernel.  Anything else,
faults of the kernel included, is left to slower code: it returns `NotImplemented`.
"""

from __future__ import annotations

import re
from string import Template

# Words of the table: the kernel first, then objects and functions of NumPy.
HEAD = (
    *("entry", "argument_count", "result_count", "release", "single", "missed"),
    *("array_type", "true", "new_array", "new_scalar", "set_handler", "handler"),
)
ARGUMENT = ("type", "scalar_type", "kind", "number", "order", "rank", "sizes")
RESULT = ("kind", "descr", "rank", "sizes")
KINDS = {"array": 0, "float": 1, "int": 2, "bool": 3, "scalar": 4}
NAME = "defnpy_call"
WORD = 8


def text(head: int) -> str:
    """Return the module, for objects whose header has `head` bytes.

    What lies behind the header of an array and of its dtype has been the same
    since NumPy 2.0.
    """
    places = {
        "type": head - 8,
        "data": head,
        "item": head,  # of a scalar
        "rank": head + 8,
        "sizes": head + 16,
        "descr": head + 40,
        "flags": head + 48,
        "order": head + 10,
        "number": head + 12,
    }
    places |= {f"h_{name}": WORD * k for k, name in enumerate(HEAD)}
    places |= {f"a_{name}": WORD * k for k, name in enumerate(ARGUMENT)}
    places |= {f"r_{name}": WORD * k for k, name in enumerate(RESULT)}
    places |= {f"k_{name}": value for name, value in KINDS.items()}
    places |= {"head_size": WORD * len(HEAD), "argument_size": WORD * len(ARGUMENT)}
    places |= {"result_size": WORD * len(RESULT)}
    return _READ.sub(_read, Template(_TEXT).substitute(places))


# ``%x = word %base, 8`` stands for reading a word 8 bytes behind an address: the
# text is compiled as it is, without LLVM's passes, to cost little.
_READ = re.compile(r"(%[\w.]+) = (word|pointer|i8|i32) (%[\w.]+), ([%\w.]+)")
_TYPES = {"word": "i64", "pointer": "ptr"}


def _read(match: re.Match[str]) -> str:
    name, word, base, offset = match.groups()
    place = f"{name}.place = getelementptr i8, ptr {base}, i64 {offset}"
    return f"{place}\n  {name} = load {_TYPES.get(word, word)}, ptr {name}.place"


_TEXT = """
declare ptr @PyCapsule_GetPointer(ptr, ptr)
declare double @PyFloat_AsDouble(ptr)
declare i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyTuple_New(i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)

; Whether %object is an array of the dtype and shape of %wanted.
define internal i1 @fits(ptr %object, ptr %wanted) {
entry:
  %descr = pointer %object, $descr
  %number.32 = i32 %descr, $number
  %number = sext i32 %number.32 to i64
  %order.8 = i8 %descr, $order
  %order = zext i8 %order.8 to i64
  %rank.32 = i32 %object, $rank
  %rank = sext i32 %rank.32 to i64
  %flags = i32 %object, $flags
  %contiguous = and i32 %flags, 257
  %w.number = word %wanted, $a_number
  %w.order = word %wanted, $a_order
  %w.rank = word %wanted, $a_rank
  %same.1 = icmp eq i64 %number, %w.number
  %same.2 = icmp eq i64 %order, %w.order
  %same.3 = icmp eq i64 %rank, %w.rank
  %same.4 = icmp eq i32 %contiguous, 257
  %both.1 = and i1 %same.1, %same.2
  %both.2 = and i1 %same.3, %same.4
  %same = and i1 %both.1, %both.2
  br i1 %same, label %shape, label %no
shape:
  %sizes = pointer %object, $sizes
  %w.sizes = pointer %wanted, $a_sizes
  br label %test
test:
  %axis = phi i64 [0, %shape], [%axis.next, %compare]
  %end = icmp eq i64 %axis, %rank
  br i1 %end, label %yes, label %compare
compare:
  %offset = shl i64 %axis, 3
  %size = word %sizes, %offset
  %w.size = word %w.sizes, %offset
  %axis.next = add i64 %axis, 1
  %equal = icmp eq i64 %size, %w.size
  br i1 %equal, label %test, label %no
yes:
  ret i1 true
no:
  ret i1 false
}

define internal void @drop(ptr %objects, i64 %count) {
entry:
  br label %test
test:
  %k = phi i64 [0, %entry], [%k.next, %next]
  %end = icmp eq i64 %k, %count
  br i1 %end, label %done, label %look
look:
  %at = getelementptr ptr, ptr %objects, i64 %k
  %object = load ptr, ptr %at
  %none = icmp eq ptr %object, null
  br i1 %none, label %next, label %free
free:
  call void @Py_DecRef(ptr %object)
  br label %next
next:
  %k.next = add i64 %k, 1
  br label %test
done:
  ret void
}

; Have NumPy make arrays as before, if it was told otherwise.
define internal void @restore(ptr %set, ptr %handler) {
entry:
  %none = icmp eq ptr %handler, null
  br i1 %none, label %out, label %change
change:
  %ours = call ptr %set(ptr %handler)
  call void @Py_DecRef(ptr %handler)
  %lost = icmp eq ptr %ours, null
  br i1 %lost, label %out, label %changed
changed:
  call void @Py_DecRef(ptr %ours)
  br label %out
out:
  ret void
}

define ptr @defnpy_call(ptr %self, ptr %args, i64 %count) {
entry:
  %fault = alloca [4 x i64]
  %overflow = alloca i32
  %table.of = call ptr @PyCapsule_GetPointer(ptr %self, ptr null)
  %argument.count = word %table.of, $h_argument_count
  %result.count = word %table.of, $h_result_count
  %array.type = pointer %table.of, $h_array_type
  %all = add i64 %argument.count, %result.count
  %room = add i64 %all, 1
  %table = alloca ptr, i64 %room
  %slots = alloca {i64, i64}, i64 %room
  %objects = alloca ptr, i64 %room
  %arguments = getelementptr i8, ptr %table.of, i64 $head_size
  %argument.bytes = mul i64 %argument.count, $argument_size
  %results = getelementptr i8, ptr %arguments, i64 %argument.bytes
  %counted = icmp eq i64 %count, %argument.count
  br i1 %counted, label %arguments.test, label %missed

arguments.test:
  %i = phi i64 [0, %entry], [%i.next, %argument.done]
  %arguments.end = icmp eq i64 %i, %argument.count
  br i1 %arguments.end, label %results.begin, label %argument
argument:
  %given.at = getelementptr ptr, ptr %args, i64 %i
  %given = load ptr, ptr %given.at
  %argument.offset = mul i64 %i, $argument_size
  %wanted = getelementptr i8, ptr %arguments, i64 %argument.offset
  %type = pointer %given, $type
  %w.type = pointer %wanted, $a_type
  %kind = word %wanted, $a_kind
  %slot = getelementptr {i64, i64}, ptr %slots, i64 %i
  %typed = icmp eq ptr %type, %w.type
  br i1 %typed, label %typed.so, label %typed.else
typed.else:
  %item = getelementptr i8, ptr %given, i64 $item
  %w.scalar = pointer %wanted, $a_scalar_type
  %is.scalar.so = icmp eq ptr %type, %w.scalar
  br i1 %is.scalar.so, label %argument.done, label %missed
typed.so:
  switch i64 %kind, label %missed [
    i64 $k_array, label %is.array
    i64 $k_float, label %is.float
    i64 $k_int, label %is.int
    i64 $k_bool, label %is.bool
  ]
is.array:
  %data = pointer %given, $data
  %fitting = call i1 @fits(ptr %given, ptr %wanted)
  br i1 %fitting, label %argument.done, label %missed
is.float:
  %real = call double @PyFloat_AsDouble(ptr %given)
  store double %real, ptr %slot
  br label %argument.done
is.int:
  %whole = call i64 @PyLong_AsLongLongAndOverflow(ptr %given, ptr %overflow)
  store i64 %whole, ptr %slot
  %overflown = load i32, ptr %overflow
  %held = icmp eq i32 %overflown, 0
  br i1 %held, label %argument.done, label %missed
is.bool:
  %true = pointer %table.of, $h_true
  %truth = icmp eq ptr %given, %true
  %truth.8 = zext i1 %truth to i8
  store i8 %truth.8, ptr %slot
  br label %argument.done
argument.done:
  %memory = phi ptr [%data, %is.array], [%item, %typed.else],
      [%slot, %is.float], [%slot, %is.int], [%slot, %is.bool]
  %memory.at = getelementptr ptr, ptr %table, i64 %i
  store ptr %memory, ptr %memory.at
  %i.next = add i64 %i, 1
  br label %arguments.test

results.begin:
  %set.handler = pointer %table.of, $h_set_handler
  %handler = pointer %table.of, $h_handler
  %unhandled = icmp eq ptr %handler, null
  br i1 %unhandled, label %results.test, label %handle
handle:
  %others = call ptr %set.handler(ptr %handler)
  %handled = icmp ne ptr %others, null
  br i1 %handled, label %results.test, label %failed
results.test:
  %k = phi i64 [0, %results.begin], [0, %handle], [%k.next, %result.done]
  %others.handler = phi ptr [null, %results.begin], [%others, %handle],
      [%others.handler, %result.done]
  %results.end = icmp eq i64 %k, %result.count
  br i1 %results.end, label %results.done, label %result
result:
  %result.offset = mul i64 %k, $result_size
  %asked = getelementptr i8, ptr %results, i64 %result.offset
  %place = add i64 %argument.count, %k
  %result.slot = getelementptr {i64, i64}, ptr %slots, i64 %place
  %object.at = getelementptr ptr, ptr %objects, i64 %k
  %result.kind = word %asked, $r_kind
  %is.scalar = icmp eq i64 %result.kind, $k_scalar
  br i1 %is.scalar, label %result.done, label %new
new:
  %descr = pointer %asked, $r_descr
  %rank.64 = word %asked, $r_rank
  %rank = trunc i64 %rank.64 to i32
  %sizes = pointer %asked, $r_sizes
  %new.array = pointer %table.of, $h_new_array
  call void @Py_IncRef(ptr %descr)
  %array = call ptr %new.array(ptr %array.type, ptr %descr, i32 %rank, ptr %sizes,
      ptr null, ptr null, i32 0, ptr null)
  %made = icmp ne ptr %array, null
  br i1 %made, label %new.done, label %unmade
new.done:
  %array.data = pointer %array, $data
  br label %result.done
result.done:
  %object = phi ptr [null, %result], [%array, %new.done]
  %into = phi ptr [%result.slot, %result], [%array.data, %new.done]
  store ptr %object, ptr %object.at
  %into.at = getelementptr ptr, ptr %table, i64 %place
  store ptr %into, ptr %into.at
  %k.next = add i64 %k, 1
  br label %results.test

results.done:
  call void @restore(ptr %set.handler, ptr %others.handler)
  br label %run
unmade:
  call void @restore(ptr %set.handler, ptr %others.handler)
  call void @drop(ptr %objects, i64 %k)
  br label %failed

run:
  %kernel = pointer %table.of, $h_entry
  %release = word %table.of, $h_release
  %long = icmp ne i64 %release, 0
  br i1 %long, label %run.released, label %run.held
run.released:
  %thread = call ptr @PyEval_SaveThread()
  %code.1 = call i32 %kernel(ptr %table, ptr %fault)
  call void @PyEval_RestoreThread(ptr %thread)
  br label %ran
run.held:
  %code.2 = call i32 %kernel(ptr %table, ptr %fault)
  br label %ran
ran:
  %code = phi i32 [%code.1, %run.released], [%code.2, %run.held]
  %well = icmp eq i32 %code, 0
  br i1 %well, label %scalars.test, label %faulted
faulted:
  call void @drop(ptr %objects, i64 %result.count)
  br label %missed

scalars.test:
  %s = phi i64 [0, %ran], [%s.next, %scalar.done]
  %scalars.end = icmp eq i64 %s, %result.count
  br i1 %scalars.end, label %return, label %scalar
scalar:
  %s.at = getelementptr ptr, ptr %objects, i64 %s
  %s.object = load ptr, ptr %s.at
  %s.next = add i64 %s, 1
  %s.none = icmp eq ptr %s.object, null
  br i1 %s.none, label %scalar.new, label %scalar.done
scalar.new:
  %s.offset = mul i64 %s, $result_size
  %s.asked = getelementptr i8, ptr %results, i64 %s.offset
  %s.place = add i64 %argument.count, %s
  %s.slot = getelementptr {i64, i64}, ptr %slots, i64 %s.place
  %s.descr = pointer %s.asked, $r_descr
  %new.scalar = pointer %table.of, $h_new_scalar
  %s.made = call ptr %new.scalar(ptr %s.slot, ptr %s.descr, ptr null)
  store ptr %s.made, ptr %s.at
  %s.well = icmp ne ptr %s.made, null
  br i1 %s.well, label %scalar.done, label %failed.late
scalar.done:
  br label %scalars.test

return:
  %single = word %table.of, $h_single
  %alone = icmp ne i64 %single, 0
  br i1 %alone, label %return.one, label %return.all
return.one:
  %one = load ptr, ptr %objects
  ret ptr %one
return.all:
  %tuple = call ptr @PyTuple_New(i64 %result.count)
  %tuple.made = icmp ne ptr %tuple, null
  br i1 %tuple.made, label %fill.test, label %failed.late
fill.test:
  %f = phi i64 [0, %return.all], [%f.next, %fill]
  %fill.end = icmp eq i64 %f, %result.count
  br i1 %fill.end, label %full, label %fill
fill:
  %f.at = getelementptr ptr, ptr %objects, i64 %f
  %f.object = load ptr, ptr %f.at
  %f.code = call i32 @PyTuple_SetItem(ptr %tuple, i64 %f, ptr %f.object)
  %f.next = add i64 %f, 1
  br label %fill.test
full:
  ret ptr %tuple

failed:
  ret ptr null
failed.late:
  call void @drop(ptr %objects, i64 %result.count)
  ret ptr null

missed:
  %not.implemented = pointer %table.of, $h_missed
  call void @Py_IncRef(ptr %not.implemented)
  ret ptr %not.implemented
}
"""
