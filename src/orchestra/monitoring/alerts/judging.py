"""What a measured value means under a rule. Pure."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Final

import msgspec

from orchestra.monitoring.alerts.records import NoData, Op, Rule, Verdict
from orchestra.monitoring.alerts.slots import Gauged
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

Had = Cell | Gauged
Row = tuple[Mapping[str, str], Had | None]
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
    groups: dict[tuple[str, ...], _Group] = {} if rule.by else {(): _Group()}
    where, of = _wanted(rule.where), _wanted(rule.of)
    for labels, had in rows:
        if where and not _matches(labels, where):
            continue
        key = tuple([labels.get(name, "") for name in rule.by])
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group()
        if had is not None:
            group.whole.append(had)
            if part and of and _matches(labels, of):
                group.some.append(had)
    found: list[Measured] = []
    for key, group in groups.items():
        whole, some = _merged(group.whole), _merged(group.some)
        count = samples(whole)
        value = _figure(whole, agg, spent_s, some) if count and whole is not None else None
        found.append(Measured(dict(zip(rule.by, key, strict=True)), value, count))
    return found


class _Group:
    """What is shown as one: all of it, and the part."""

    __slots__ = ("some", "whole")

    def __init__(self) -> None:
        self.whole: list[Had] = []
        self.some: list[Had] = []


def _figure(whole: Had, agg: str, spent_s: float, some: Had | None) -> float | None:
    if isinstance(whole, Gauged):
        return whole.figure(agg)
    assert not isinstance(some, Gauged)
    return figure(whole, agg, spent_s, some)


def samples(had: Had | None) -> float:
    """How many values are in it."""
    match had:
        case None:
            return 0.0
        case Sum():
            return had.n
        case Level():
            return float(sum(map(len, had.slots.values())))
        case _:
            return float(had.count)


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


def _merged(some: Sequence[Had]) -> Had | None:
    """All of them as one; of a single one nothing is copied."""
    if len(some) < 2:
        return some[0] if some else None
    made = type(some[0])()
    for one in some:
        made.merge(one)  # type: ignore[arg-type]  # of one metric all are of one kind
    return made


def _wanted(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, set[str]]]:
    """By label, the values that are as good. Once for all series: there are thousands."""
    values: dict[str, set[str]] = {}
    for name, value in pairs:
        values.setdefault(name, set()).add(value)
    return list(values.items())


def _matches(labels: Mapping[str, str], wanted: Sequence[tuple[str, set[str]]]) -> bool:
    """Whether they have these values; several values of one label: any of them."""
    for name, values in wanted:  # noqa: SIM110 -- half the time of all() over a generator
        if labels.get(name, "") not in values:
            return False
    return True
