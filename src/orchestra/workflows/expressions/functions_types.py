"""Sizes, types and conversions: `size string int double bool type dyn`."""

import re
from collections.abc import Mapping
from typing import Final

from orchestra.workflows.expressions.budget import Budget
from orchestra.workflows.expressions.exact import type_of
from orchestra.workflows.expressions.function import Function
from orchestra.workflows.expressions.values import (
    INT_MAX,
    INT_MIN,
    KINDS,
    Kind,
    Value,
    fits,
    is_number,
    kind,
    mismatch,
    text_of,
)

_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,19}")
_TRUE: Final = frozenset(("true", "True", "TRUE", "1", "t"))
_FALSE: Final = frozenset(("false", "False", "FALSE", "0", "f"))
_NUMBER_TEXT_MAX: Final = 64  # characters


def _size(_budget: Budget, value: Value) -> int:
    if type(value) in (str, list, dict):
        return len(value)
    raise mismatch("size()", value)


def _string(_budget: Budget, value: Value) -> str:
    return text_of(value)


def _int(_budget: Budget, value: Value) -> int:
    what = type_of(value)
    if what is int:
        return value
    if what is float and INT_MIN < value < INT_MAX:
        return int(value)
    if what is str and _INTEGER.fullmatch(value):
        return fits(int(value))
    raise mismatch("int()", value)


def _double(_budget: Budget, value: Value) -> float:
    if is_number(value):
        return float(fits(value))
    if type(value) is str and len(value) <= _NUMBER_TEXT_MAX and "_" not in value:
        try:
            return float(value)
        except ValueError:
            pass
    raise mismatch("double()", value)


def _bool(_budget: Budget, value: Value) -> bool:
    if type(value) is bool:
        return value
    if type(value) is str and value in _TRUE:
        return True
    if type(value) is str and value in _FALSE:
        return False
    raise mismatch("bool()", value)


def _type(_budget: Budget, value: Value) -> Kind:
    return KINDS[kind(value)]


def _dyn(_budget: Budget, value: Value) -> Value:
    return value


TYPES: Final[Mapping[str, Function]] = {
    "size": Function(_size, 1, 1),
    ".size": Function(_size, 1, 1),
    "string": Function(_string, 1, 1),
    "int": Function(_int, 1, 1),
    "double": Function(_double, 1, 1),
    "bool": Function(_bool, 1, 1),
    "type": Function(_type, 1, 1),
    "dyn": Function(_dyn, 1, 1),
}
