"""Fields, indexes and `has()`, with a hint about what is there when something is not."""

import difflib

from orchestra.workflows.expressions.budget import Budget
from orchestra.workflows.expressions.exact import type_of
from orchestra.workflows.expressions.failures import Mismatch, Missing
from orchestra.workflows.expressions.values import NOTHING, Maybe, Value, kind, mismatch

_HINT_KEYS_MAX = 50
_HINT_NAME_MAX = 64  # difflib is quadratic in the length


def nearest(name: str, known: list[str]) -> str | None:
    """The one of `known` that `name` may have been meant to be."""
    close = difflib.get_close_matches(name[:_HINT_NAME_MAX], known, 1)
    return close[0] if close else None


def absent(owner: dict[Value, Value], field: Value) -> Missing:
    def hint() -> str:
        first = [key for key, _ in zip(owner, range(_HINT_KEYS_MAX), strict=False)]
        keys = [key for key in first if type(key) is str and len(key) <= _HINT_NAME_MAX]
        close = nearest(str(field), keys)
        if close is not None:
            return f", did you mean {close!r}?"
        return f", there is {', '.join(keys[:8]) or 'nothing'}"

    return Missing(f"no key {str(field)[:80]!r}", hint)


def select(operand: Value, field: str) -> Value:
    if type_of(operand) is dict:
        try:
            return operand[field]
        except KeyError:
            raise absent(operand, field) from None
    if type(operand) is Maybe:
        return select_optional(operand, field)
    raise Mismatch(f"{kind(operand)} has no field {field!r}")


def select_optional(operand: Value, field: str) -> Maybe:
    if type(operand) is Maybe:
        if not operand.present:
            return operand
        operand = operand.value
    if type(operand) is not dict:
        raise Mismatch(f"{kind(operand)} has no field {field!r}")
    return Maybe(True, operand[field]) if field in operand else NOTHING


def has_field(operand: Value, field: str) -> bool:
    if type(operand) is Maybe:
        return operand.present and has_field(operand.value, field)
    if type(operand) is not dict:
        raise mismatch("has()", operand)
    return field in operand


def index(operand: Value, key: Value, budget: Budget) -> Value:
    what = type_of(operand)
    if what is Maybe:
        return index_optional(operand, key, budget)
    if type(key) is float and key.is_integer():
        key = int(key)
    if what is list and type(key) is int:
        if 0 <= key < len(operand):
            return operand[key]
        raise Missing(f"no index {key} in a list of {len(operand)}")
    if what is dict and type(key) in (str, int, bool):
        if key in operand and _same_kind_of_key(operand, key, budget):
            return operand[key]
        raise absent(operand, key)
    raise mismatch("[]", operand, key)


def _same_kind_of_key(operand: dict[Value, Value], key: Value, budget: Budget) -> bool:
    """Whether the key that Python takes for `key` is of its type: to a dict, True is 1."""
    if type(key) is str or key not in (0, 1):
        return True
    budget.spend(1 + len(operand) // 16)
    return any(type(k) is type(key) and k == key for k in operand)


def index_optional(operand: Value, key: Value, budget: Budget) -> Maybe:
    if type(operand) is Maybe:
        if not operand.present:
            return operand
        operand = operand.value
    try:
        return Maybe(True, index(operand, key, budget))
    except Missing:
        return NOTHING
