"""Numbers: `min max sum math.*`."""

import math
from collections.abc import Callable, Mapping
from typing import Final

from orchestra.workflows.expressions.budget import Budget
from orchestra.workflows.expressions.exact import type_of
from orchestra.workflows.expressions.failures import Missing
from orchestra.workflows.expressions.function import Function
from orchestra.workflows.expressions.values import Value, fits, is_number, mismatch, want, want_list

_VALUES_MAX: Final = 100  # of min(a, b, …)


def _operands(budget: Budget, values: tuple[Value, ...], operation: str) -> list[Value]:
    """The values given, or the items of the one list given; all numbers, or all texts."""
    only_list = len(values) == 1 and type_of(values[0]) is list
    items: list[Value] = values[0] if only_list else list(values)
    budget.spend(len(items))
    if not items:
        raise Missing(f"{operation} of nothing")
    if all(map(is_number, items)):
        return items
    if operation in ("min", "max") and all(type(item) is str for item in items):
        return items
    raise mismatch(operation, *values)


def _extreme(name: str, pick: Callable[[list[Value]], Value]) -> Callable[..., Value]:
    def run(budget: Budget, *values: Value) -> Value:
        return pick(_operands(budget, values, name))

    return run


def _sum(budget: Budget, items: Value) -> Value:
    if not want_list(items, "sum"):
        return 0
    return fits(sum(_operands(budget, (items,), "sum")))


def _absolute(_budget: Budget, value: Value) -> Value:
    if not is_number(value):
        raise mismatch("math.abs", value)
    return fits(abs(value))


def _sign(_budget: Budget, value: Value) -> Value:
    if not is_number(value):
        raise mismatch("math.sign", value)
    if value > 0:
        return type(value)(1)
    return type(value)(-1) if value < 0 else value


def _half_away_from_zero(value: float) -> float:
    whole = math.floor(abs(value))
    return math.copysign(whole + 1 if abs(value) - whole >= 0.5 else whole, value)


def _rounding(name: str, towards: Callable[[float], float]) -> Function:
    def run(_budget: Budget, value: Value) -> float:
        number = want(float, value, name)
        return float(towards(number)) if math.isfinite(number) else number

    return Function(run, 1, 1)


def _question(name: str, ask: Callable[[float], bool]) -> Function:
    def run(_budget: Budget, value: Value) -> bool:
        return ask(want(float, value, name))

    return Function(run, 1, 1)


MATH: Final[Mapping[str, Function]] = {
    "min": Function(_extreme("min", min), 1, _VALUES_MAX),
    "max": Function(_extreme("max", max), 1, _VALUES_MAX),
    ".min": Function(_extreme("min", min), 1, 1),
    ".max": Function(_extreme("max", max), 1, 1),
    ".sum": Function(_sum, 1, 1),
    "math.least": Function(_extreme("math.least", min), 1, _VALUES_MAX),
    "math.greatest": Function(_extreme("math.greatest", max), 1, _VALUES_MAX),
    "math.abs": Function(_absolute, 1, 1),
    "math.sign": Function(_sign, 1, 1),
    "math.ceil": _rounding("math.ceil", math.ceil),
    "math.floor": _rounding("math.floor", math.floor),
    "math.trunc": _rounding("math.trunc", math.trunc),
    "math.round": _rounding("math.round", _half_away_from_zero),
    "math.isNaN": _question("math.isNaN", math.isnan),
    "math.isInf": _question("math.isInf", math.isinf),
    "math.isFinite": _question("math.isFinite", math.isfinite),
}
