"""Matrix products: C = A·B, or C += A·B, for row-major C and A, B of any strides.

A product is done in tasks, as many as its sizes ask for, whatever the number of
threads: the first put parts of A and B into the order tiles read them in, the others
wait for these, and compute a block of C each.  Threads take tasks in order, so what
is waited for is always under way.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from defnpy.backends.llvm.integers import (
    Number,
    add,
    choice,
    compare,
    least,
    most,
    mul,
    multiple,
    parts,
    steps,
    sub,
    when,
    where,
)
from defnpy.backends.llvm.packing import place, write_packing
from defnpy.backends.llvm.tile import tiles, write_tile
from defnpy.backends.llvm.writer import Module, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from defnpy.backends.llvm.target import Target
    from defnpy.base.dtypes import DType

# What a product is asked for, 8 bytes each: addresses, sizes, strides in elements.
# Where C is added to, `more` is not 0.  There are `items` products, whose matrices
# lie one after another with the strides `c_item`, `a_item` and `b_item`.
REQUEST = (
    *("c", "a", "b", "m", "n", "k", "c_row", "a_row", "a_col", "b_row", "b_col"),
    *("more", "items", "c_item", "a_item", "b_item"),
)
# What tasks know besides: how they divide C, and how A and B are read.
_STATE = (
    *REQUEST,
    *("rows", "columns", "across", "a_tasks", "b_tasks", "ready", "tiled", "direct_b"),
    *("a_from", "a_step", "a_near", "a_next", "b_from"),
)
_POINTERS = ("c", "a", "b", "a_from", "b_from")
_DEPTH = 256  # of k at a time: so much of B's columns under a tile stays in L1
_PART = {"m": 2048, "n": 2048, "k": 1024}  # sizes that are packed at once
_ROWS = 96  # of a task's block, at most
_PANELS = 8  # of a task's block, each as wide as a tile, at most
_ALONE = 1 << 20  # products of elements below which threads cost more than they save
_PAGE = 1024  # bytes: rows a multiple of it apart compete for few places of a cache
_NEAR = 1 << 15  # bytes that a cache holds wherever they lie
_FEW = 128  # rows of A for which B is read but a few times
_KEPT = 4  # pieces of memory kept for the next product, one for each thread in one
_DRIVER = "noinline optnone"  # run once a task: quick to compile is better


def product_text(dtype: DType, target: Target) -> str:
    """Return the module of the target's product for `dtype`.

    It is ``i32 (ptr request)``, and returns 0, or 1 where memory could not be had.
    """
    return _Product(dtype, target).text()


class _Product:
    """The functions of one dtype."""

    def __init__(self, dtype: DType, target: Target) -> None:
        self.module, self.target = Module(), target
        self.dtype, self.tiles = dtype, tiles(dtype, target)
        self.least = self.tiles.heights[-1]

    def text(self) -> str:
        """Return the module."""
        attributes = self.target.attributes
        for height in self.tiles.heights:
            write_tile(self.module, self.tiles, height, attributes)
        write_packing(self.module, self.tiles, attributes)
        given = "ptr %state, i64 %number"
        self._write("internal void @pack.a", given, self._pack_a, _DRIVER)
        self._write("internal void @pack.b", given, self._pack_b, _DRIVER)
        self._write("internal void @block", given, self._block, "noinline")
        given = "ptr %state, i64 %low, i64 %high"
        self._write("internal void @tasks", given, self._tasks, _DRIVER)
        self._write("internal i1 @part", "ptr %state", self._part, _DRIVER)
        self._write("internal i1 @whole", "ptr %request", self._whole, _DRIVER)
        self._write("internal void @items", given, self._items, _DRIVER)
        name = f"i32 @{self.target.product[self.dtype.name]}"
        self._write(name, "ptr %request", self._entry, _DRIVER)
        kept = f"@kept = internal global [{_KEPT} x ptr] zeroinitializer, align 8\n"
        return kept + self.module.text()

    def _write(
        self, name: str, given: str, write: Callable[[Writer], None], kind: str
    ) -> None:
        w = Writer(self.module)
        write(w)
        self.module.functions[name] = (
            f"define {name}({given}) {kind} {self.target.attributes} "
            f"{{\n{w.body()}\n}}\n"
        )

    def _entry(self, w: Writer) -> None:
        """Write the products of all items: side by side where they are small."""
        asked = _Fields(w, "%request")
        m, n, k, items = (asked.get(name) for name in ("m", "n", "k", "items"))
        work = mul(w, mul(w, m, n), most(w, k, 1))
        small = compare(w, "slt", work, 4 * _ALONE)
        several = compare(w, "sge", mul(w, work, items), _ALONE)
        failed = w.head("alloca i64", "failed")
        w.line(f"store i64 0, ptr {failed}")
        table = w.head("alloca [2 x ptr]", "table")
        w.line(f"store ptr %request, ptr {table}")
        second = w.value(f"getelementptr ptr, ptr {table}, i64 1")
        w.line(f"store ptr {failed}, ptr {second}")
        with choice(w, w.value(f"and i1 {small}, {several}")) as otherwise:
            run = self._threads(w)
            w.line(
                f"call void {run}(ptr @items, ptr {table}, i64 0, i64 {items}, i64 1)"
            )
            otherwise()
            w.line(f"call void @items(ptr {table}, i64 0, i64 {items})")
        code = w.value(f"load i64, ptr {failed}")
        w.line(f"ret i32 {w.value(f'trunc i64 {code} to i32')}")

    def _threads(self, w: Writer) -> str:
        types = "ptr, ptr, i64, i64, i64"
        return w.module.declare(self.target.parallel, "void", types)

    def _items(self, w: Writer) -> None:
        """Write the products of a range of items."""
        request = w.value("load ptr, ptr %state")
        second = w.value("getelementptr ptr, ptr %state, i64 1")
        failed = w.value(f"load ptr, ptr {second}")
        asked = _Fields(w, request)
        item = _Fields(w, w.head(f"alloca [{len(REQUEST)} x i64], align 16", "item"))
        for name in REQUEST:
            item.put(name, asked.get(name))
        with steps(w, "%low", "%high") as number:
            for name in ("c", "a", "b"):
                step = (number, asked.get(f"{name}_item"))
                item.put(name, place(w, self.tiles, asked.get(name), step))
            full = w.value(f"call i1 @whole(ptr {item.pointer})")
            with when(w, full):
                w.line(f"store i64 1, ptr {failed}")
        w.line("ret void")

    def _whole(self, w: Writer) -> None:
        """Write a product part by part, of as much as is packed at once."""
        state = _Fields(w, w.head(f"alloca [{len(_STATE)} x i64], align 16", "state"))
        whole = _Fields(w, "%request")
        m, n, k = (whole.get(name) for name in ("m", "n", "k"))
        for name in ("c_row", "a_row", "a_col", "b_row", "b_col"):
            state.put(name, whole.get(name))
        deep = most(w, k, 1)  # a sum of no terms is zero
        with (
            steps(w, 0, n, _PART["n"]) as j,
            steps(w, 0, m, _PART["m"]) as i,
            steps(w, 0, deep, _PART["k"]) as p,
        ):
            for name, start, size in (("m", i, m), ("n", j, n), ("k", p, k)):
                state.put(name, least(w, sub(w, size, start), _PART[name]))
            for name, terms in (
                ("c", ((i, whole.get("c_row")), (j, 1))),
                ("a", ((i, whole.get("a_row")), (p, whole.get("a_col")))),
                ("b", ((p, whole.get("b_row")), (j, whole.get("b_col")))),
            ):
                state.put(name, place(w, self.tiles, whole.get(name), *terms))
            state.put("more", w.value(f"or i64 {whole.get('more')}, {p}"))
            full = w.value(f"call i1 @part(ptr {state.pointer})")
            with when(w, full):
                w.line("ret i1 true")
                w.open(w.fresh("never"))
        w.line("ret i1 false")

    def _part(self, w: Writer) -> None:
        """Write the tasks of a part, and true where memory could not be had."""
        s, width = _Fields(w, "%state"), self.tiles.columns
        m, n, k = s.get("m"), s.get("n"), s.get("k")
        rows = multiple(w, parts(w, m, parts(w, m, _ROWS)), self.least)
        columns = multiple(w, parts(w, n, parts(w, n, width * _PANELS)), width)
        down, across = parts(w, m, rows), parts(w, n, columns)
        for name, value in (("rows", rows), ("columns", columns), ("across", across)):
            s.put(name, value)
        a_size, b_size = self._plan_a(w, s, down), self._plan_b(w, s, across)
        line = 64 // self.dtype.bytes  # the first one holds the memory's size
        elements = add(w, add(w, a_size, b_size), line)
        memory = self._memory(w, mul(w, elements, self.dtype.bytes))
        packed = place(w, self.tiles, memory, (line, 1))
        a_direct = compare(w, "eq", s.get("a_tasks"), 0)
        s.put(
            "a_from", w.value(f"select i1 {a_direct}, ptr {s.get('a')}, ptr {packed}")
        )
        s.put("b_from", place(w, self.tiles, packed, (a_size, 1)))
        s.put("ready", 0)
        tasks = add(w, s.get("a_tasks"), s.get("b_tasks"))
        tasks = add(w, tasks, mul(w, down, across))
        work = mul(w, mul(w, m, n), k)
        with choice(w, compare(w, "slt", work, _ALONE)) as otherwise:
            w.line(f"call void @tasks(ptr %state, i64 0, i64 {tasks})")
            otherwise()
            given = f"ptr @tasks, ptr %state, i64 0, i64 {tasks}, i64 1"
            w.line(f"call void {self._threads(w)}({given})")
        self._keep(w, memory)
        w.line("ret i1 false")

    def _plan_a(self, w: Writer, s: _Fields, down: Number) -> Number:
        """Write how A is read, and return how many elements are packed.

        It is read where it lies if its rows are in one piece each and do not get
        into each other's way, or if it is read but a few times.
        """
        m, n, k = s.get("m"), s.get("n"), s.get("k")
        a_row, a_col, bytes = s.get("a_row"), s.get("a_col"), self.dtype.bytes
        by_rows = compare(w, "eq", a_col, 1)
        apart = w.value(f"and i64 {mul(w, a_row, bytes)}, {_PAGE - 1}")
        small = compare(w, "sle", mul(w, m, k), _NEAR // bytes)
        fine = w.value(f"or i1 {compare(w, 'ne', apart, 0)}, {small}")
        few = compare(w, "sle", n, self.tiles.columns)
        direct = w.value(f"or i1 {few}, {w.value(f'and i1 {by_rows}, {fine}')}")
        tiled = w.value(f"xor i1 {w.value(f'or i1 {direct}, {by_rows}')}, true")
        stride = add(w, multiple(w, k, 16), 16)
        s.put("tiled", w.value(f"zext i1 {tiled} to i64"))
        s.put("a_step", where(w, direct, a_row, where(w, tiled, k, stride)))
        s.put("a_near", where(w, direct, a_row, where(w, tiled, 1, stride)))
        s.put("a_next", where(w, direct, a_col, 1))
        s.put("a_tasks", where(w, direct, 0, down))
        return where(w, direct, 0, mul(w, multiple(w, m, self.least), stride))

    def _plan_b(self, w: Writer, s: _Fields, across: Number) -> Number:
        """Write how B is read, and return how many elements are packed.

        It is read where it lies if its rows are in one piece each and it is read but
        a few times; but for the columns that are fewer than a tile is wide.
        """
        m, n, k, width = s.get("m"), s.get("n"), s.get("k"), self.tiles.columns
        plain, few = compare(w, "eq", s.get("b_col"), 1), compare(w, "sle", m, _FEW)
        direct = w.value(f"and i1 {plain}, {few}")
        rest = w.value(f"urem i64 {n}, {width}")
        some = w.value(f"zext i1 {compare(w, 'ne', rest, 0)} to i64")
        s.put("direct_b", w.value(f"zext i1 {direct} to i64"))
        s.put("b_tasks", where(w, direct, some, across))
        panels = where(w, direct, some, parts(w, n, width))
        return mul(w, mul(w, panels, width), k)

    def _memory(self, w: Writer, size: Number) -> str:
        """Write the address of so many bytes, kept from a product before if it can be.

        Its first 8 bytes tell its size.
        """
        slot = w.head("alloca ptr", "memory")
        w.line(f"store ptr null, ptr {slot}")
        free = w.module.declare("free", "void", "ptr")
        for number in range(_KEPT):
            with when(w, w.value(f"icmp eq ptr {_load(w, slot)}, null")):
                had = w.value(
                    f"atomicrmw xchg ptr {_kept(w, number)}, ptr null seq_cst"
                )
                with when(w, w.value(f"icmp ne ptr {had}, null")):
                    enough = compare(w, "sge", w.value(f"load i64, ptr {had}"), size)
                    with choice(w, enough) as otherwise:
                        w.line(f"store ptr {had}, ptr {slot}")
                        otherwise()
                        w.line(f"call void {free}(ptr {had})")
        with when(w, w.value(f"icmp eq ptr {_load(w, slot)}, null")):
            allocate = w.module.declare("aligned_alloc", "noalias ptr", "i64, i64")
            rounded = multiple(w, size, 4096)
            made = w.value(f"call ptr {allocate}(i64 64, i64 {rounded})")
            with when(w, w.value(f"icmp eq ptr {made}, null")):
                w.line("ret i1 true")
                w.open(w.fresh("never"))
            w.line(f"store i64 {rounded}, ptr {made}")
            w.line(f"store ptr {made}, ptr {slot}")
        return _load(w, slot)

    def _keep(self, w: Writer, memory: str) -> None:
        """Write the return of memory: to a place that is free, or to the system."""
        slot = w.head("alloca ptr", "rest")
        w.line(f"store ptr {memory}, ptr {slot}")
        for number in range(_KEPT):
            with when(w, w.value(f"icmp ne ptr {_load(w, slot)}, null")):
                change = f"ptr null, ptr {_load(w, slot)} seq_cst seq_cst"
                pair = w.value(f"cmpxchg ptr {_kept(w, number)}, {change}")
                with when(w, w.value(f"extractvalue {{ptr, i1}} {pair}, 1")):
                    w.line(f"store ptr null, ptr {slot}")
        free = w.module.declare("free", "void", "ptr")
        w.line(f"call void {free}(ptr {_load(w, slot)})")

    def _tasks(self, w: Writer) -> None:
        """Write the tasks of a range."""
        s = _Fields(w, "%state")
        a_tasks = s.get("a_tasks")
        before = add(w, a_tasks, s.get("b_tasks"))
        with steps(w, "%low", "%high") as t:
            with choice(w, compare(w, "slt", t, before)) as otherwise:
                with choice(w, compare(w, "slt", t, a_tasks)) as or_b:
                    w.line(f"call void @pack.a(ptr %state, i64 {t})")
                    or_b()
                    number = sub(w, t, a_tasks)
                    w.line(f"call void @pack.b(ptr %state, i64 {number})")
                w.value(f"atomicrmw add ptr {s.at('ready')}, i64 1 seq_cst")
                otherwise()
                self._wait(w, s, before)
                w.line(f"call void @block(ptr %state, i64 {sub(w, t, before)})")
        w.line("ret void")

    def _wait(self, w: Writer, s: _Fields, before: Number) -> None:
        look, rest, go = (w.fresh(each) for each in ("look", "rest", "go"))
        w.jump(look)
        w.open(look)
        ready = w.value(f"load atomic i64, ptr {s.at('ready')} seq_cst, align 8")
        w.branch(compare(w, "sge", ready, before), go, rest)
        w.open(rest)
        w.value(f"call i32 {w.module.declare('sched_yield', 'i32', '')}()")
        w.jump(look)
        w.open(go)

    def _pack_a(self, w: Writer) -> None:
        """Write the packing of a block of rows: as they are, or tile by tile."""
        s = _Fields(w, "%state")
        a, to, k, step = (s.get(name) for name in ("a", "a_from", "k", "a_step"))
        a_row, a_col = s.get("a_row"), s.get("a_col")
        start, stop = _range(w, s, ("rows", "m"), "%number")
        with choice(w, compare(w, "eq", a_col, 1)) as otherwise:
            target = place(w, self.tiles, to, (start, step))
            source = place(w, self.tiles, a, (start, a_row))
            count = sub(w, stop, start)
            sizes = f"i64 {step}, i64 {a_row}, i64 {k}, i64 {count}"
            w.line(f"call void @pack.rows(ptr {target}, ptr {source}, {sizes})")
            otherwise()
            with self._heights(w, start, stop) as (i, height, rows):
                target = place(w, self.tiles, to, (i, k))
                source = place(w, self.tiles, a, (i, a_row))
                self._runs(w, (target, height), (source, a_col, a_row), (k, rows))
        w.line("ret void")

    def _pack_b(self, w: Writer) -> None:
        """Write the packing of a block of columns, or of the last few."""
        s, width = _Fields(w, "%state"), self.tiles.columns
        k, n, b, to = (s.get(name) for name in ("k", "n", "b", "b_from"))
        b_row, b_col = s.get("b_row"), s.get("b_col")
        start, stop = _range(w, s, ("columns", "n"), "%number")
        direct = compare(w, "ne", s.get("direct_b"), 0)
        rest = sub(w, n, w.value(f"urem i64 {n}, {width}"))
        start, stop = where(w, direct, rest, start), where(w, direct, n, stop)
        with steps(w, start, stop, width) as j:
            columns = least(w, sub(w, stop, j), width)
            target = place(w, self.tiles, to, (where(w, direct, 0, j), k))
            source = place(w, self.tiles, b, (j, b_col))
            turned = w.value(f"icmp eq i64 {b_row}, 1")
            turned = w.value(f"and i1 {turned}, {compare(w, 'ne', b_col, 1)}")
            with choice(w, turned) as otherwise:
                sizes = f"i64 {b_col}, i64 {k}, i64 {columns}"
                w.line(f"call void @pack.turned(ptr {target}, ptr {source}, {sizes})")
                otherwise()
                self._runs(w, (target, width), (source, b_row, b_col), (k, columns))
        w.line("ret void")

    def _runs(
        self,
        w: Writer,
        to: tuple[str, Number],
        source: tuple[str, Number, Number],
        sizes: tuple[Number, Number],
    ) -> None:
        """Write a copy of runs, which are in one piece each or are not."""
        (target, stride), (start, row, column), (k, count) = to, source, sizes
        pointers = f"ptr {target}, ptr {start}, i64 {stride}, i64 {row}"
        with choice(w, compare(w, "eq", column, 1)) as otherwise:
            w.line(f"call void @pack.strip({pointers}, i64 {k}, i64 {count})")
            otherwise()
            sizes_ = f"i64 {column}, i64 {k}, i64 {count}"
            w.line(f"call void @pack.single({pointers}, {sizes_})")

    def _block(self, w: Writer) -> None:
        """Write the computation of a block of C, by slabs of k, panels and tiles."""
        s, width, size = _Fields(w, "%state"), self.tiles.columns, self.dtype.bytes
        across = s.get("across")
        down = w.value(f"udiv i64 %number, {across}")
        top, bottom = _range(w, s, ("rows", "m"), down)
        over = w.value(f"urem i64 %number, {across}")
        left, right = _range(w, s, ("columns", "n"), over)
        a, b, b_from, c, k = (
            s.get(name) for name in ("a_from", "b", "b_from", "c", "k")
        )
        c_row, b_row, a_step = s.get("c_row"), s.get("b_row"), s.get("a_step")
        a_near, a_next = mul(w, s.get("a_near"), size), s.get("a_next")
        tiled = compare(w, "ne", s.get("tiled"), 0)
        direct_b = compare(w, "ne", s.get("direct_b"), 0)
        before = s.get("more")
        with (
            steps(w, 0, most(w, k, 1), _DEPTH) as p,
            steps(w, left, right, width) as j,
        ):
            depth = least(w, sub(w, k, p), _DEPTH)
            more = compare(w, "ne", w.value(f"or i64 {before}, {p}"), 0)
            columns = least(w, sub(w, right, j), width)
            full = compare(w, "eq", columns, width)
            direct = w.value(f"and i1 {direct_b}, {full}")
            there = place(w, self.tiles, b, (j, 1), (p, b_row))
            near = where(w, direct_b, 0, j)
            packed = place(w, self.tiles, b_from, (near, k), (p, width))
            panel = w.value(f"select i1 {direct}, ptr {there}, ptr {packed}")
            b_next = mul(w, where(w, direct, b_row, width), size)
            with self._heights(w, top, bottom) as (i, height, rows):
                ahead = where(w, tiled, height, a_next)
                operands = (
                    f"ptr {place(w, self.tiles, c, (i, c_row), (j, 1))}",
                    f"i64 {mul(w, c_row, size)}",
                    f"ptr {place(w, self.tiles, a, (i, a_step), (p, ahead))}",
                    f"i64 {a_near}, i64 {mul(w, ahead, size)}",
                    f"ptr {panel}, i64 {b_next}",
                    f"i64 {depth}, i64 {rows}, i64 {columns}, i1 {more}",
                )
                for each in self.tiles.heights:
                    with when(w, compare(w, "eq", height, each)):
                        w.line(f"call void @tile.{each}({', '.join(operands)})")
        w.line("ret void")

    @contextmanager
    def _heights(
        self, w: Writer, start: Number, stop: Number
    ) -> Iterator[tuple[str, Number, Number]]:
        """Write what is inside for each tile of some rows.

        It is told the tile's first row, its height, and how many rows there are.
        """
        slot = w.head("alloca i64", "row")
        test, body, end = (w.fresh(each) for each in ("test", "body", "end"))
        w.line(f"store i64 {start}, ptr {slot}")
        w.jump(test)
        w.open(test)
        row = w.value(f"load i64, ptr {slot}")
        w.branch(compare(w, "slt", row, stop), body, end)
        w.open(body)
        left, height = sub(w, stop, row), self.least
        for each in self.tiles.heights[-2::-1]:
            height = where(w, compare(w, "sge", left, each), each, height)
        yield row, height, least(w, left, height)
        w.line(f"store i64 {add(w, row, height)}, ptr {slot}")
        w.jump(test)
        w.open(end)


class _Fields:
    """Numbers and addresses in memory, by name."""

    def __init__(self, w: Writer, pointer: str) -> None:
        self.w, self.pointer = w, pointer

    def at(self, name: str) -> str:
        """Return the address of a field."""
        index = _STATE.index(name)
        return self.w.value(f"getelementptr i64, ptr {self.pointer}, i64 {index}")

    def get(self, name: str) -> str:
        """Write the load of a field."""
        return self.w.value(f"load {_type(name)}, ptr {self.at(name)}")

    def put(self, name: str, value: Number) -> None:
        """Write the store of a field."""
        self.w.line(f"store {_type(name)} {value}, ptr {self.at(name)}")


def _type(name: str) -> str:
    return "ptr" if name in _POINTERS else "i64"


def _range(
    w: Writer, s: _Fields, names: tuple[str, str], number: Number
) -> tuple[Number, Number]:
    """Write the first and the end of a block, given the names of its and all size."""
    size = s.get(names[0])
    start = mul(w, number, size)
    return start, least(w, add(w, start, size), s.get(names[1]))


def _load(w: Writer, slot: str) -> str:
    return w.value(f"load ptr, ptr {slot}")


def _kept(w: Writer, number: int) -> str:
    return w.value(f"getelementptr ptr, ptr @kept, i64 {number}")
