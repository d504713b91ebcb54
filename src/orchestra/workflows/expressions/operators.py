"""Equality, order, membership and arithmetic. Integers and doubles mix and compare exactly."""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Final

from orchestra.workflows.expressions.budget import Budget
from orchestra.workflows.expressions.exact import type_of
from orchestra.workflows.expressions.failures import ExpressionFailed
from orchestra.workflows.expressions.values import (
    Maybe,
    Value,
    fits,
    is_number,
    mismatch,
)

ORDER: Final[Mapping[str, Callable[[Value, Value], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LONG_TEXT_SHIFT: Final = 12  # texts are compared at about 4 KiB a step; short ones cost no extra


def equal(left: Value, right: Value, budget: Budget) -> bool:
    budget.spend(1)
    what = type_of(left)
    if what is not type(right):
        return is_number(left) and is_number(right) and left == right
    if what is str:
        if len(left) != len(right):
            return False
        budget.spend(len(left) >> _LONG_TEXT_SHIFT)
        return left == right
    if what is list:
        return len(left) == len(right) and all(
            equal(a, b, budget) for a, b in zip(left, right, strict=True)
        )
    if what is dict:
        return len(left) == len(right) and all(
            k in right and equal(v, right[k], budget) for k, v in left.items()
        )
    if what is Maybe:
        return left.present == right.present and (
            not left.present or equal(left.value, right.value, budget)
        )
    return bool(left == right)


def contains(needle: Value, container: Value, budget: Budget) -> bool:
    if type_of(container) is dict:
        return type(needle) in (str, int, bool, float) and needle in container
    if type_of(container) is list:
        return any(equal(needle, item, budget) for item in container)
    raise mismatch("in", needle, container)


def compare(sign: str, left: Value, right: Value, budget: Budget) -> bool:
    """Numbers with numbers, texts with texts, booleans with booleans."""
    if is_number(left) and is_number(right):
        return ORDER[sign](left, right)
    what = type_of(left)
    if what is type(right) and what in (str, bool):
        if what is str:
            budget.spend(min(len(left), len(right)) >> _LONG_TEXT_SHIFT)
        return ORDER[sign](left, right)
    raise mismatch(sign, left, right)


def add(left: Value, right: Value, budget: Budget) -> Value:
    if is_number(left) and is_number(right):
        return fits(left + right)
    what = type_of(left)
    if what is type(right) and what is str:
        budget.build(len(left) + len(right))
        return left + right
    if what is type(right) and what is list:
        budget.afford(len(left) + len(right))
        return budget.build_all(left + right)
    raise mismatch("+", left, right)


def negative(value: Value) -> Value:
    if not is_number(value):
        raise mismatch("-", value)
    return fits(-value)


def _subtract(left: Value, right: Value) -> Value:
    return fits(left - right)


def _multiply(left: Value, right: Value) -> Value:
    return fits(left * right)


def _divide(left: Value, right: Value) -> Value:
    """Integers: towards zero. Doubles: as IEEE 754 has it, division by zero included."""
    if type(left) is int and type(right) is int:
        if right == 0:
            raise ExpressionFailed("division by zero")
        quotient = abs(left) // abs(right)
        return fits(quotient if (left < 0) == (right < 0) else -quotient)
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def _remainder(left: Value, right: Value) -> Value:
    """Integers only; the sign is that of `left`."""
    if not (type(left) is int and type(right) is int):
        raise mismatch("%", left, right)
    if right == 0:
        raise ExpressionFailed("division by zero")
    remainder = abs(left) % abs(right)
    return remainder if left >= 0 else -remainder


_ARITHMETIC: Final[Mapping[str, Callable[[Value, Value], Value]]] = {
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "%": _remainder,
}


def arithmetic(sign: str, left: Value, right: Value) -> Value:
    if not (is_number(left) and is_number(right)):
        raise mismatch(sign, left, right)
    return _ARITHMETIC[sign](left, right)
