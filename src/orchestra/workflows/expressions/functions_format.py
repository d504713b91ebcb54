"""`"%d of %s".format([n, list])`: the verbs s d f e x X o b and %%."""

import math
import re
from collections.abc import Mapping
from typing import Final

from orchestra.workflows.expressions.budget import Budget
from orchestra.workflows.expressions.exact import type_of
from orchestra.workflows.expressions.failures import Missing
from orchestra.workflows.expressions.function import Function
from orchestra.workflows.expressions.values import (
    Kind,
    Value,
    fits,
    is_number,
    mismatch,
    text_of,
    want,
    want_list,
)

_PART: Final = re.compile(r"([^%]+)|%(?:\.([0-9]{1,2}))?(.?)", re.DOTALL)
_PRECISION: Final = 6


def _format(budget: Budget, template: Value, arguments: Value) -> str:
    rest = iter(want_list(arguments, "format"))
    out: list[str] = []
    for part in _PART.finditer(want(str, template, "format")):
        literal, precision, verb = part.groups()
        budget.spend(1)
        if literal or verb == "%":
            out.append(literal or "%")
        else:
            try:
                value = budget.build_all(next(rest))
            except StopIteration:
                raise Missing("format() has more places than values") from None
            out.append(_formatted(verb, int(precision or _PRECISION), value))
        budget.build(len(out[-1]))
    return "".join(out)


def _formatted(verb: str, precision: int, value: Value) -> str:
    what = type_of(value)
    if verb == "s":
        return _shown(value)
    if what is float and not math.isfinite(value) and verb in ("d", "f", "e"):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if what is int and verb in ("d", "x", "X", "o"):
        return f"{fits(value):{verb}}"
    if is_number(value) and verb in ("f", "e"):
        return f"{fits(value):.{precision}{verb}}"
    if what in (int, bool) and verb == "b":
        return f"{int(fits(value)):b}"
    if what is str and verb in ("x", "X"):
        digits = value.encode("utf-8", "surrogatepass").hex()
        return digits if verb == "x" else digits.upper()
    raise mismatch(f"format() with %{verb}", value)


def _shown(value: Value) -> str:
    what = type_of(value)
    if value is None:
        return "null"
    if what is float and not math.isfinite(value):
        return _formatted("f", _PRECISION, value)
    if what is list:
        return f"[{', '.join(map(_shown, value))}]"
    if what is dict:
        return "{" + ", ".join(sorted(f"{_shown(k)}: {_shown(v)}" for k, v in value.items())) + "}"
    return str(value) if what is Kind else text_of(value)


FORMAT: Final[Mapping[str, Function]] = {".format": Function(_format, 2, 2)}
