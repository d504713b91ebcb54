"""Lists and maps: `lists.range`, `flatten distinct sort reverse slice first last keys values`."""

from collections.abc import Mapping
from typing import Final

from orchestra.workflows.expressions.access import index_optional
from orchestra.workflows.expressions.budget import Budget
from orchestra.workflows.expressions.exact import type_of
from orchestra.workflows.expressions.failures import Missing
from orchestra.workflows.expressions.function import Function
from orchestra.workflows.expressions.operators import contains
from orchestra.workflows.expressions.values import (
    Maybe,
    Value,
    is_number,
    mismatch,
    want,
    want_list,
    want_map,
)


def _range(budget: Budget, count: Value) -> list[int]:
    budget.spend(max(0, want(int, count, "lists.range")))
    budget.build(4 * max(0, count))
    return list(range(count))


def _flatten(budget: Budget, items: Value) -> list[Value]:
    """One level."""
    out: list[Value] = []
    for item in want_list(items, "flatten"):
        nested = type_of(item) is list
        budget.spend(1 + (len(item) if nested else 0))
        if nested:
            out.extend(item)
        else:
            out.append(item)
    return budget.build_all(out)


def _distinct(budget: Budget, items: Value) -> list[Value]:
    out: list[Value] = []
    for item in want_list(items, "distinct"):
        if not contains(item, out, budget):
            out.append(item)
    return budget.build_all(out)


def _sort(budget: Budget, items: Value) -> list[Value]:
    budget.spend(8 * len(want_list(items, "sort")))
    if items and not (all(map(is_number, items)) or all(type(i) is str for i in items)):
        raise mismatch("sort", items[0])
    return budget.build_all(sorted(items))


def _reverse(budget: Budget, value: Value) -> Value:
    what = type_of(value)
    if what not in (str, list):
        raise mismatch("reverse()", value)
    budget.spend(1 + len(value) // 64)
    if what is str:
        budget.build(len(value))
        return value[::-1]
    budget.afford(len(value))
    return budget.build_all(value[::-1])


def _slice(budget: Budget, items: Value, start: Value, end: Value) -> list[Value]:
    length = len(want_list(items, "slice"))
    if not 0 <= want(int, start, "slice") <= want(int, end, "slice") <= length:
        raise Missing(f"slice({start}, {end}) of {length} items")
    budget.afford(end - start)
    return budget.build_all(items[start:end])


def _first(budget: Budget, items: Value) -> Maybe:
    return index_optional(want_list(items, "first"), 0, budget)


def _last(budget: Budget, items: Value) -> Maybe:
    return index_optional(want_list(items, "last"), len(items) - 1, budget)


def _keys(budget: Budget, value: Value) -> list[Value]:
    budget.afford(len(want_map(value, "keys")))
    return budget.build_all(list(value))


def _values(budget: Budget, value: Value) -> list[Value]:
    budget.afford(len(want_map(value, "values")))
    return budget.build_all(list(value.values()))


LISTS: Final[Mapping[str, Function]] = {
    "lists.range": Function(_range, 1, 1),
    ".flatten": Function(_flatten, 1, 1),
    ".distinct": Function(_distinct, 1, 1),
    ".sort": Function(_sort, 1, 1),
    ".reverse": Function(_reverse, 1, 1),
    ".slice": Function(_slice, 3, 3),
    ".first": Function(_first, 1, 1),
    ".last": Function(_last, 1, 1),
    ".keys": Function(_keys, 1, 1),
    ".values": Function(_values, 1, 1),
}
