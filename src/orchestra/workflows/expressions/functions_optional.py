"""Optionals: `optional.{of none ofNonZeroValue}`, `orValue or hasValue value`."""

from collections.abc import Mapping
from typing import Final

from orchestra.workflows.expressions.budget import Budget
from orchestra.workflows.expressions.exact import type_of
from orchestra.workflows.expressions.failures import Missing
from orchestra.workflows.expressions.function import Function
from orchestra.workflows.expressions.values import NOTHING, Maybe, Value, want


def _of(_budget: Budget, value: Value) -> Maybe:
    return Maybe(True, value)


def _none(_budget: Budget) -> Maybe:
    return NOTHING


def _of_non_zero(_budget: Budget, value: Value) -> Maybe:
    what = type_of(value)
    empty = value is None or (what in (bool, int, float, str, list, dict) and not value)
    return NOTHING if empty else Maybe(True, value)


def _or_value(_budget: Budget, optional: Value, default: Value) -> Value:
    return optional.value if want(Maybe, optional, "orValue").present else default


def _or(_budget: Budget, optional: Value, other: Value) -> Maybe:
    return optional if want(Maybe, optional, "or").present else want(Maybe, other, "or")


def _has_value(_budget: Budget, optional: Value) -> bool:
    return want(Maybe, optional, "hasValue").present


def _value(_budget: Budget, optional: Value) -> Value:
    if not want(Maybe, optional, "value").present:
        raise Missing("value() of an absent optional")
    return optional.value


OPTIONALS: Final[Mapping[str, Function]] = {
    "optional.of": Function(_of, 1, 1),
    "optional.none": Function(_none, 0, 0),
    "optional.ofNonZeroValue": Function(_of_non_zero, 1, 1),
    ".orValue": Function(_or_value, 2, 2),
    ".or": Function(_or, 2, 2),
    ".hasValue": Function(_has_value, 1, 1),
    ".value": Function(_value, 1, 1),
}
