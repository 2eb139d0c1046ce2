"""What Python's operators mean between expressions."""

from __future__ import annotations

from defnpy.ir.expr import Expr
from defnpy.ops import complex_math, dot, elementwise, family, polar

Expr.operators.update(
    {
        "add": elementwise.add,
        "subtract": elementwise.subtract,
        "multiply": elementwise.multiply,
        "divide": elementwise.divide,
        "floor_divide": elementwise.floor_divide,
        "remainder": elementwise.remainder,
        "negative": elementwise.negative,
        "abs": polar.absolute,
        "bitwise_and": elementwise.bitwise_and,
        "bitwise_or": elementwise.bitwise_or,
        "bitwise_xor": elementwise.bitwise_xor,
        "bitwise_invert": elementwise.bitwise_invert,
        "left_shift": elementwise.shift_left,
        "right_shift": elementwise.shift_right,
        "matmul": dot.matmul,
        "power": complex_math.power,
        "convert": family.convert,
    }
)
