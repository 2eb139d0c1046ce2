"""Python source drawn at random: loops, branches, stores and early returns.

Numbers are kept small by remainders, so that Python's integers and i64 agree.
"""

import random

INDENT = "    "


class Writer:
    """Writes the source of one function of ``a, b, c`` and an array ``x``."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names = ["a", "b", "c"]
        self.count = 0

    def function(self) -> str:
        statements = [
            line
            for _ in range(self.random.randint(2, 5))
            for line in self.statement(INDENT, False, 0)
        ]
        early = ["    if p > q:", "        return p - q"]
        helper = [*early, "    return q - p + 1"]
        if self.random.random() < 0.4:
            helper = [
                "    for t in range(3):",
                "        if p + t > q:",
                "            return t",
                "        p = p + 1",
                "    else:",
                "        q = q - 1",
                "    return p * q",
            ]
        lines = ["def helper(p, q):", *helper, "", "def f(a, b, c, x):", *statements]
        return "\n".join([*lines, "    return b, c, x", ""])

    def expression(self, depth: int = 0) -> str:
        drawn = self.random.random()
        if depth > 2 or drawn < 0.35:
            return self.random.choice(self.names)
        if drawn < 0.5:
            return str(self.random.randint(-2, 4))
        a, b = self.expression(depth + 1), self.expression(depth + 1)
        if drawn < 0.58:
            return f"x[{a} % 4]"
        if drawn < 0.63:
            return f"({a} if {self.test(depth + 1)} else {b})"
        if drawn < 0.67:
            return f"helper({a}, {b})"
        if drawn < 0.73:
            return f"({a} {self.random.choice(['//', '%'])} 3)"
        if drawn < 0.76:
            return f"min({a}, {b})"
        return f"({a} {self.random.choice('+-*')} {b})"

    def test(self, depth: int = 0) -> str:
        drawn = self.random.random()
        if drawn < 0.15 and depth < 2:
            word = self.random.choice(["and", "or"])
            return f"({self.test(depth + 1)} {word} {self.test(depth + 1)})"
        operator = self.random.choice(["<", ">", "==", "<=", "!="])
        text = f"{self.expression(2)} {operator} {self.expression(2)}"
        return f"not {text}" if drawn < 0.2 else text

    def block(self, indent: str, in_loop: bool, depth: int) -> list[str]:
        count = self.random.randint(1, 3)
        return [
            line
            for _ in range(count)
            for line in self.statement(indent, in_loop, depth)
        ]

    def statement(self, indent: str, in_loop: bool, depth: int) -> list[str]:
        drawn, value = self.random.random(), f"({self.expression()}) % 97"
        if depth > 3 or drawn < 0.38:
            return [f"{indent}{self.random.choice(self.names)} = {value}"]
        if drawn < 0.45:
            sign = self.random.choice(["=", "+="])
            return [f"{indent}x[{self.expression(2)} % 4] {sign} {value}"]
        if drawn < 0.5:
            return [f"{indent}a, b = b, {value}"]
        if drawn < 0.68:
            return self.branch(indent, in_loop, depth)
        if drawn < 0.86:
            loop = self.counted if drawn < 0.8 else self.repeated
            return loop(indent, in_loop, depth)
        leave = "return c, b, x" if not in_loop or drawn > 0.96 else None
        leave = leave or self.random.choice(["break", "continue"])
        return [f"{indent}if {self.test()}:", f"{indent}{INDENT}{leave}"]

    def branch(self, indent: str, in_loop: bool, depth: int) -> list[str]:
        inner = indent + INDENT
        lines = [f"{indent}if {self.test()}:", *self.block(inner, in_loop, depth + 1)]
        if self.random.random() < 0.3:
            lines.append(f"{indent}elif {self.test()}:")
            lines += self.block(inner, in_loop, depth + 1)
        return lines + self.otherwise(indent, in_loop, depth)

    def otherwise(self, indent: str, in_loop: bool, depth: int) -> list[str]:
        if self.random.random() < 0.6:
            return []
        body = self.block(indent + INDENT, in_loop, depth + 1)
        return [f"{indent}else:", *body]

    def counted(self, indent: str, in_loop: bool, depth: int) -> list[str]:
        self.count += 1
        name = f"i{self.count}"
        bounds = self.random.choice(
            [str(self.random.randint(0, 4)), f"({self.expression(2)}) % 5", "1, 6, 2"]
        )
        return [
            f"{indent}for {name} in range({bounds}):",
            f"{indent}{INDENT}b = (a + {name} * 2) % 97",
            *self.block(indent + INDENT, True, depth + 1),
            *self.otherwise(indent, in_loop, depth),
        ]

    def repeated(self, indent: str, in_loop: bool, depth: int) -> list[str]:
        self.count += 1
        name = f"w{self.count}"
        start = self.random.choice(["0", f"({self.expression(2)}) % 5"])
        return [
            f"{indent}{name} = {start}",
            f"{indent}while {name} < {self.random.randint(1, 5)} or {self.test()}:",
            f"{indent}{INDENT}{name} += 1",
            f"{indent}{INDENT}if {name} > 6:",
            f"{indent}{INDENT * 2}break",
            *self.block(indent + INDENT, True, depth + 1),
            *self.otherwise(indent, in_loop, depth),
        ]
