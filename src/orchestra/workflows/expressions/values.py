"""What an expression works on: plain JSON, optionals, and types as values.

Only dict, list, str, int, float, bool and None ever enter, so that no attribute of a Python object
can be reached. Types are compared exactly (`type(x) is int`): a bool is no number here.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from orchestra.workflows.expressions.budget import Budget
from orchestra.workflows.expressions.exact import type_of
from orchestra.workflows.expressions.failures import ExpressionFailed, Mismatch

INT_MIN, INT_MAX = -(2**63), 2**63 - 1

Value: TypeAlias = Any  # None | bool | int | float | str | list | dict | Maybe | Kind
Scope: TypeAlias = Mapping[str, Value]
Closure: TypeAlias = Callable[[Scope, Budget], Value]
T = TypeVar("T")


class Maybe:
    """CEL's optional: a value or nothing."""

    __slots__ = ("present", "value")

    def __init__(self, present: bool, value: Value = None) -> None:
        self.present = present
        self.value = value


NOTHING: Final = Maybe(present=False)


class Kind(str):
    """A type as a value: `type(x) == string`."""

    __slots__ = ()


_KIND_OF: Final[Mapping[type, str]] = {
    bool: "bool",
    int: "int",
    float: "double",
    str: "string",
    list: "list",
    dict: "map",
    type(None): "null_type",
    Maybe: "optional_type",
    Kind: "type",
}
KINDS: Final[Mapping[str, Kind]] = {name: Kind(name) for name in _KIND_OF.values()}


def kind(value: Value) -> str:
    return _KIND_OF.get(type_of(value), "unknown")


def mismatch(operation: str, *values: Value) -> Mismatch:
    return Mismatch(f"{operation} does not work on {', '.join(map(kind, values)) or 'nothing'}")


def want(kind_wanted: type[T], value: Value, operation: str) -> T:
    """`value`, when it is exactly of that type."""
    if type(value) is not kind_wanted:
        raise mismatch(operation, value)
    return value


def want_list(value: Value, operation: str) -> list[Value]:
    if type_of(value) is not list:
        raise mismatch(operation, value)
    return value


def want_map(value: Value, operation: str) -> dict[Value, Value]:
    if type_of(value) is not dict:
        raise mismatch(operation, value)
    return value


def is_number(value: Value) -> bool:
    return type(value) is int or type(value) is float


def fits(value: Value) -> Value:
    """`value`, unless it is an integer that needs more than 64 bits."""
    if type(value) is int and not INT_MIN <= value <= INT_MAX:
        raise ExpressionFailed("the number does not fit 64 bits")
    return value


def text_of(value: Value) -> str:
    """How a value reads inside text: `true`, `3`, `2.5`, `1e+20`; strings as they are."""
    what = type_of(value)
    if what is str:
        return value
    if what is bool:
        return "true" if value else "false"
    if what is float and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if what is int or what is float:
        return repr(fits(value))
    raise mismatch("string()", value)


def plain(value: Value, budget: Budget) -> Value:
    """`value`, when JSON can hold it. Raises Mismatch on optionals, types, NaN and odd keys."""
    pending = [value]
    while pending:
        item = pending.pop()
        what = type_of(item)
        budget.spend(1)
        if what is list:
            budget.afford(len(item))
            pending.extend(item)
        elif what is dict:
            budget.afford(len(item))
            if any(type(key) is not str for key in item):
                raise Mismatch("keys must be strings")
            pending.extend(item.values())
        elif what is Maybe or what is Kind or (what is float and not math.isfinite(item)):
            raise Mismatch(f"{kind(item)} cannot be written as JSON")
    return value
