"""Source drawn at random: floats, arrays and what leaves loops, to be differentiated.

Values are kept small by `tanh`; what is stored into is a copy, and indices are
remainders, so every program runs in CPython.
"""

import random
from typing import Any

INDENT = "    "
HEAD = """
import numpy as np
import defnpy as dn
from typing import NamedTuple


class Pair(NamedTuple):
    u: object
    v: object
"""
HELPERS = (
    """
def helper(u, v):
    if u > v:
        return u - v
    return np.sin(v - u)
""",
    """
def helper(u, v):
    for t in range(3):
        if u + t > v:
            return u * t
        u = u * 0.9
    else:
        v = v * 0.5
    return u * v
""",
    """
def helper(u, v):
    c = 0
    while u < v and c < 3:
        u = u + 0.3 * v * v + 0.1
        c += 1
    return u - c
""",
)
TAIL = """
    return p, q, i, j, x, y, m


def loss(x, m, a, b, n, k):
    p, q, i, j, x, y, m = f(x, m, a, b, n, k)
    w = np.array([0.3, -0.7, 1.1, 0.4, -0.2])
    whole = p * 1.3 - q * 0.7 + i * 0.01 + (m * 0.21).sum()
    return whole + (x * w).sum() - (y * w * w).sum()
"""


class FloatWriter:
    """Writes ``f(x, m, a, b, n, k)`` of arrays x[5], m[3, 4], k[5] and numbers."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.counters: list[str] = []
        self.loops = 0

    def pick(self, *of: Any) -> str:
        return str(self.random.choice(of))

    def function(self) -> str:
        body: list[str] = []
        for _ in range(self.random.randint(3, 5)):
            body += self.statement(INDENT, False, 0)
        begin = [
            "def f(x, m, a, b, n, k):",
            "    x, m, y = x.copy(), m.copy(), np.zeros(5)",
            f"    p, q, r = {self.pick('a', 0, 0.0)}, {self.pick('b', 1, 'a * b')}, 0",
            "    i, j = n, 1",
            "    state, pair = {'u': 0, 'v': a}, Pair(1, b)",
        ]
        head = HEAD + self.pick(*HELPERS)
        return "\n".join([head, "", *begin, *body]) + TAIL

    def index(self, size: int) -> str:
        if self.random.random() < 0.3:
            return str(self.random.randint(-size, size - 1))
        return f"({self.whole(1)}) % {size}"

    def whole(self, depth: int = 0) -> str:
        """Return an expression of integers."""
        if depth > 1 or self.random.random() < 0.5:
            return self.pick("i", "j", "n", *self.counters, *self.counters)
        a, b = self.whole(depth + 1), self.whole(depth + 1)
        return self.pick(
            self.random.randint(-3, 5),
            f"int({self.number(3)} * 3)",
            f"int(k[{self.pick('i', 'j')} % 5])",
            f"({a} if {self.test(2)} else {b})",
            f"({a} // {self.pick(2, 3, -2)})",
            f"({a} {self.pick('*', '%')} 3)",
            f"({a} {self.pick('+', '-')} {b})",
            f"{self.pick('min', 'max')}({a}, {b})",
        )

    def number(self, depth: int = 0) -> str:
        """Return an expression of floats."""
        if depth > 2 or self.random.random() < 0.35:
            return self.pick("p", "q", "r", "a", "b", 0.5, -2.0, 3)
        a, b = self.number(depth + 1), self.number(depth + 1)
        x = self.pick("x", "y")
        drawn = self.random.randint(0, 14)
        if drawn < 4:
            return f"({a} {self.pick('+', '-', '*')} {b})"
        vector = self.vector(depth + 1)
        return [
            f"{x}[{self.index(5)}]",
            f"m[{self.index(3)}, {self.index(4)}]",
            f"({a} if {self.test(2)} else {b})",
            f"helper({a}, {b})",
            f"np.{self.pick('sin', 'tanh', 'cos')}({a})",
            f"{self.pick('min', 'max')}({a}, {b})",
            f"{x}[{self.vector(2)} > {b}].sum()",
            f"{vector}.{self.pick('sum', 'mean', 'max', 'min')}()",
            f"{x}[{self.slice()}].sum()",
            f"({vector} @ {self.vector(depth + 1)})",
            f"({a} / (1.5 + {b} ** 2))",
        ][drawn - 4]

    def slice(self) -> str:
        low, high = f"{self.whole(2)} % 4", f"{self.whole(2)} % 6"
        known = ("1:4", "::2", "::-1")
        return self.pick(f":{high}", f"{low}:", f"{low}:{low} + 2", *known)

    def vector(self, depth: int = 0) -> str:
        if depth > 2 or self.random.random() < 0.5:
            return self.pick("x", "y")
        a, b = self.vector(depth + 1), self.vector(depth + 1)
        return self.pick(
            "x[::-1]",
            "x[k % 5]",
            f"np.tanh({a})",
            f"np.where({a} > {self.number(3)}, {b}, {self.number(3)})",
            f"({a} * {self.number(3)})",
            f"({a} {self.pick('+', '-', '*')} {b})",
            f"np.array([{self.number(3)}, 1.0, {self.number(3)}, 0.5, 2.0])",
        )

    def test(self, depth: int = 0) -> str:
        if depth < 2 and self.random.random() < 0.25:
            a, b = self.test(depth + 1), self.test(depth + 1)
            return self.pick(f"({a} and {b})", f"({a} or {b})", f"not {a}")
        w, v, u = (self.number(depth + 1) for _ in range(3))
        if self.random.random() < 0.4:
            i, j = self.whole(depth + 1), self.whole(depth + 1)
            return f"{i} {self.pick('<', '==', '!=')} {j}"
        if self.random.random() < 0.2:
            return f"{u} < {v} < {w}"
        return f"{u} {self.pick('<', '>', '<=')} {v}"

    def block(self, indent: str, in_loop: bool, depth: int) -> list[str]:
        made: list[str] = []
        for _ in range(self.random.randint(1, 3)):
            made += self.statement(indent, in_loop, depth)
        return made

    def statement(self, indent: str, in_loop: bool, depth: int) -> list[str]:
        drawn = self.random.random()
        if depth > 2 or drawn < 0.5:
            return [indent + line for line in self.simple()]
        if drawn < 0.65:
            return self.branch(indent, in_loop, depth)
        if drawn < 0.8:
            return self.counted(indent, depth)
        if drawn < 0.88:
            return self.repeated(indent, depth)
        leave = "return q, p, j, i, y, x, m"
        if in_loop and self.random.random() < 0.85:
            leave = self.pick("break", "continue")
        elif not in_loop and self.random.random() < 0.7:
            leave = f"q = np.tanh({self.number()})"
        return [f"{indent}if {self.test()}:", f"{indent}{INDENT}{leave}"]

    def simple(self) -> list[str]:
        value, x = f"np.tanh({self.number()})", self.pick("x", "y")
        name, sign = self.pick("p", "q", "r"), self.pick("=", "+=", "*=")
        return self.random.choice(
            [
                [f"{name} = {value}"],
                [f"{name} {sign} {value}"],
                [f"{self.pick('i', 'j')} = ({self.whole()}) % 7"],
                [f"{x}[{self.index(5)}] {sign} {value}"],
                [f"m[{self.index(3)}, {self.index(4)}] {sign} {value}"],
                [f"m[{self.index(3)}] = {x}[:4] * {self.number(2)}"],
                [f"{x} = np.tanh({self.vector()})"],
                [f"{x}[{self.slice()}] {sign} {value}"],
                [f"{x}[{self.vector(2)} > {self.number(2)}] {sign} {value}"],
                [f"mask = {x} > {self.number(2)}", f"{x}[mask] {sign} y[mask] * 0.5"],
                [f"x, y = y, {self.pick('x', 'x * 0.5', 'np.tanh(x + y)')}"],
                [f"p, q = q, {value}"],
                [f"state = {{'u': state['v'], 'v': {value}}}", "r = state['u'] * 0.5"],
                [f"pair = pair._replace(u=pair.v, v={value})", "p = pair.u - pair.v"],
            ]
        )

    def branch(self, indent: str, in_loop: bool, depth: int) -> list[str]:
        inner = indent + INDENT
        made = [f"{indent}if {self.test()}:", *self.block(inner, in_loop, depth + 1)]
        if self.random.random() < 0.3:
            made.append(f"{indent}elif {self.test()}:")
            made += self.block(inner, in_loop, depth + 1)
        return made + self.otherwise(indent, in_loop, depth, 0.5)

    def otherwise(
        self, indent: str, in_loop: bool, depth: int, chance: float = 0.3
    ) -> list[str]:
        if self.random.random() > chance:
            return []
        return [f"{indent}else:", *self.block(indent + INDENT, in_loop, depth + 1)]

    def counted(self, indent: str, depth: int) -> list[str]:
        self.loops += 1
        t, counters = f"t{self.loops}", list(self.counters)
        low, high = f"{self.whole(2)} % 4", f"{self.whole(2)} % 6"
        range_ = self.pick("1, 6, 2", "3, -1, -1", "3", high, f"{low}, {high}")
        head, first, counts = self.random.choice(
            [
                (f"{t} in range({range_})", "", True),
                (f"{t} in dn.range({high}, unroll=2)", "", True),
                (f"{t} in reversed(range({high}))", "", True),
                (f"{t}, e in enumerate(x * 1.0)", f"q = np.tanh(q * e + {t})", True),
                (f"{t}, e in enumerate(y[:{high}] * 2)", f"r = np.tanh(e - {t})", True),
                (f"e in x[x > {self.number(2)}]", "p = np.tanh(p + e)", False),
                ("e, g in zip(x.copy(), y * 1.0)", "r = np.tanh(e * g - r)", False),
                ("row in m * 1.0", "y[0] = row[1] * p", False),
                ("e in reversed(x * 1.0)", "p = np.tanh(p - e * q)", False),
            ]
        )
        if counts:
            self.counters.append(t)
        inner = indent + INDENT
        body = [inner + first] if first else []
        body += self.block(inner, True, depth + 1)
        self.counters = counters
        return [f"{indent}for {head}:", *body, *self.otherwise(indent, False, depth)]

    def repeated(self, indent: str, depth: int) -> list[str]:
        self.loops += 1
        w, test = f"w{self.loops}", self.test(1)
        inner = indent + INDENT
        condition = self.pick(f"{w} < 4", test, f"{w} < 3 or {test}")
        return [
            f"{indent}{w} = {self.pick(0, f'{self.whole(2)} % 4')}",
            f"{indent}while {condition}:",
            f"{inner}{w} += 1",
            f"{inner}if {w} > 5:",
            f"{inner}{INDENT}break",
            *self.block(inner, True, depth + 1),
            *self.otherwise(indent, False, depth),
        ]
