"""`json.encode` and `json.decode`, within the budget."""

import json
from collections.abc import Mapping
from typing import Final

from orchestra.workflows.expressions.budget import Budget
from orchestra.workflows.expressions.failures import ExpressionFailed
from orchestra.workflows.expressions.function import Function
from orchestra.workflows.expressions.values import Value, fits, plain, want

_DIGITS_MAX: Final = 20


def json_text(value: Value, budget: Budget) -> str:
    """`value` as compact JSON, charged as new. Raises Mismatch when JSON cannot hold it."""
    before = budget.bytes
    plain(budget.build_all(value), budget)
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        raise ExpressionFailed("the number does not fit 64 bits") from None
    budget.build(max(0, len(text) - (before - budget.bytes)))  # escapes make it longer
    return text


def _encode(budget: Budget, value: Value) -> str:
    return json_text(value, budget)


def _decode(budget: Budget, text: Value) -> Value:
    budget.spend(1 + len(want(str, text, "json.decode")) // 8)
    budget.afford(text.count("[") + text.count("{"))  # each list and map costs a step when built
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_int=_integer)
    except (ValueError, RecursionError):
        raise ExpressionFailed("json.decode() of text that is not JSON") from None
    return budget.build_all(value)


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS_MAX:
        raise ValueError(digits)
    return fits(int(digits))


JSON: Final[Mapping[str, Function]] = {
    "json.encode": Function(_encode, 1, 1),
    "json.decode": Function(_decode, 1, 1),
}
