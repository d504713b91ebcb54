"""What a measured value means under a rule. Pure."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Final

import msgspec

from orchestra.monitoring.alerts.records import NoData, Op, Rule, Verdict
from orchestra.monitoring.metrics.functions import Cell, Level, Sum, figure

_COMPARE: Final[Mapping[Op, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_NO_DATA: Final[Mapping[NoData, Verdict]] = {"ok": "clear", "alert": "breach", "keep": "keep"}
WEEKS_MIN: Final = 2
FLAT: Final = 0.01
"""Where values hardly differ, a hundredth of the median counts as their spread."""
VALUE_MAX: Final = 1e15

Row = tuple[Mapping[str, str], Cell | None]
"""Labels of a series, and what it had in a window."""


class Measured(msgspec.Struct, frozen=True):
    """A label set of a rule. `value` None: no data. `samples`: how much it was made of."""

    labels: dict[str, str]
    value: float | None
    samples: float = 0.0


def verdict(rule: Rule, one: Measured, *, settled: bool = True) -> Verdict:
    """What follows. Not `settled`: nobody looked for a while, so that no data says nothing."""
    if rule.kind == "absent":
        if one.samples:
            return "clear"
        return "breach" if settled else "keep"
    if one.value is None or one.samples < rule.min_samples:
        return no_data(rule, settled=settled)
    compare = _COMPARE[rule.op]
    if compare(one.value, rule.threshold):
        return "breach"
    return "hold" if compare(one.value, rule.recover) else "clear"


def no_data(rule: Rule, *, settled: bool) -> Verdict:
    """What follows of nothing."""
    return _NO_DATA[rule.no_data] if settled else "keep"


def measured(
    rows: Iterable[Row], rule: Rule, agg: str, spent_s: float, part: bool = True
) -> list[Measured]:
    """A value for each label set of a rule. `part`: whether `of` is asked for."""
    groups: dict[tuple[str, ...], list[Cell | None]] = {} if rule.by else {(): [None, None]}
    for labels, cell in rows:
        if rule.where and not _matches(labels, rule.where):
            continue
        key = tuple(labels.get(name, "") for name in rule.by)
        both = groups.setdefault(key, [None, None])
        if cell is None:
            continue
        both[0] = _merged(both[0], cell)
        if part and rule.of and _matches(labels, rule.of):
            both[1] = _merged(both[1], cell)
    return [
        Measured(
            dict(zip(rule.by, key, strict=True)),
            None if not samples(whole) else figure(whole, agg, spent_s, some),
            samples(whole),
        )
        for key, (whole, some) in groups.items()
    ]


def samples(cell: Cell | None) -> float:
    """How many values are in it."""
    match cell:
        case None:
            return 0.0
        case Sum():
            return cell.n
        case Level():
            return float(sum(map(len, cell.slots.values())))
        case _:
            return float(cell.count)


def changed(now: Measured, before: Measured | None) -> Measured:
    """How many times what it was."""
    then = before.value if before else None
    if now.value is None or then is None:
        return Measured(now.labels, None, now.samples)
    ratio = now.value / then if then else (VALUE_MAX if now.value > 0 else 1.0)
    return Measured(now.labels, max(min(ratio, VALUE_MAX), -VALUE_MAX), now.samples)


def burning(short: Measured, long: Measured | None, objective: float) -> Measured:
    """How many times as fast as it may the budget of failures is used: in both windows."""
    if short.value is None or long is None or long.value is None:
        return Measured(short.labels, None, short.samples)
    budget = 1 - objective
    return Measured(short.labels, min(short.value, long.value) / budget, short.samples)


def deviation(value: float | None, history: Sequence[float]) -> float | None:
    """How many times the usual spread a value is off what is usual; None: nothing is usual yet.

    Usual is the median of the same hour of the weeks before, its spread the median of how far
    they are off it (Hampel 1974).
    """
    if value is None or len(history) < WEEKS_MIN:
        return None
    usual = median(history)
    spread = median(abs(one - usual) for one in history)
    return abs(value - usual) / max(spread, FLAT * abs(usual), 1e-9)


def _merged(had: Cell | None, more: Cell) -> Cell:
    if had is None:
        had = type(more)()
    had.merge(more)  # type: ignore[arg-type]  # of one metric all are of one kind
    return had


def _matches(labels: Mapping[str, str], wanted: Sequence[tuple[str, str]]) -> bool:
    """Whether they have these values; several values of one label: any of them."""
    values: dict[str, list[str]] = {}
    for name, value in wanted:
        values.setdefault(name, []).append(value)
    return all(labels.get(name, "") in of for name, of in values.items())
