"""Profiles put together: steps, critical paths, failures, versions, waste. Pure.

Sums of days merge into sums of windows, so a day that is over is added up once.
"""

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from orchestra.monitoring.analytics.critical import critical_path
from orchestra.monitoring.analytics.profiles import Kept, Profile, Row

_ITEM = re.compile(r"\[\d+\]")
UNKNOWN: Final = "unknown"
Numbers: TypeAlias = "array[int]"


def numbers() -> Numbers:
    """None yet. A fifth of the memory of a list."""
    return array("q")


@dataclass(slots=True)
class Part:
    """What a step has of critical paths, as shares of durations."""

    kind: str = ""
    waiting: float = 0.0
    running: float = 0.0
    executions: int = 0


@dataclass(slots=True)
class StepSum:
    """All times of one step."""

    kind: str = ""
    executions: int = 0
    took: Numbers = field(default_factory=numbers)
    waited: Numbers = field(default_factory=numbers)
    ran: Numbers = field(default_factory=numbers)
    """Of single attempts of an agent, its waiting for a slot taken off."""
    slots: int = 0
    failed: int = 0
    retried: int = 0
    again: int = 0
    """Executions of it with more than one attempt, and what the ones before the last took."""
    again_ms: int = 0
    again_micro: int = 0
    tokens: int = 0
    micro: int = 0
    priced: bool = False


@dataclass(slots=True)
class VersionSum:
    """What one version did."""

    executions: int = 0
    judged: int = 0
    good: Numbers = field(default_factory=numbers)
    """Durations of those that completed."""
    micro: int = 0
    priced: bool = False


@dataclass(slots=True)
class Waste:
    """What attempts took that others followed."""

    ms: int = 0
    tokens: int = 0
    micro: int = 0
    used: bool = False


@dataclass(slots=True)
class Sums:
    """Everything of some executions."""

    executions: int = 0
    ms: int = 0
    micro: int = 0
    judged: int = 0
    """Those whose critical paths are in `parts`."""
    parts: dict[str, Part] = field(default_factory=lambda: defaultdict(Part))
    steps: dict[str, StepSum] = field(default_factory=lambda: defaultdict(StepSum))
    failures: Counter[tuple[str | None, str]] = field(
        default_factory=Counter[tuple[str | None, str]]
    )
    versions: dict[int, VersionSum] = field(default_factory=lambda: defaultdict(VersionSum))
    waste: Waste = field(default_factory=Waste)
    unpriced: int = 0

    @property
    def weight(self) -> int:
        """How many numbers it holds."""
        return sum(3 * len(one.took) for one in self.steps.values()) + self.executions

    def merge(self, other: "Sums") -> None:
        """Add what another one has."""
        self.executions += other.executions
        self.ms += other.ms
        self.micro += other.micro
        self.judged += other.judged
        self.unpriced += other.unpriced
        self.failures.update(other.failures)
        for name, part in other.parts.items():
            mine = self.parts[name]
            mine.kind = part.kind
            mine.waiting += part.waiting
            mine.running += part.running
            mine.executions += part.executions
        for name, step in other.steps.items():
            _merge_step(self.steps[name], step)
        for number, version in other.versions.items():
            own = self.versions[number]
            own.executions += version.executions
            own.judged += version.judged
            own.good += version.good
            own.micro += version.micro
            own.priced = own.priced or version.priced
        self.waste.ms += other.waste.ms
        self.waste.tokens += other.waste.tokens
        self.waste.micro += other.waste.micro
        self.waste.used = self.waste.used or other.waste.used


def name_of(row: Row) -> str:
    """The path of a step, without the numbers of items."""
    return _ITEM.sub("[]", row.path) if "[" in row.path else row.path


def whole(one: Profile) -> bool:
    """Whether its path is looked at: it went all the way, and every step is there."""
    return one.outcome == "D" and not one.cut and one.duration > 0 and bool(one.rows)


def summed(kept: Iterable[Kept]) -> Sums:
    """All of them."""
    sums = Sums()
    for each in kept:
        one = each.profile
        sums.executions += 1
        sums.ms += one.duration
        micro = _add_rows(sums, one)
        sums.micro += micro
        _add_version(sums.versions[one.version], one, micro)
        if one.outcome == "F" or (one.outcome == "L" and one.code):
            sums.failures[one.step, one.code or UNKNOWN] += 1
        if whole(one):
            _add_path(sums, one)
    for step in sums.steps.values():
        step.took, step.waited = _ordered(step.took), _ordered(step.waited)
    for version in sums.versions.values():
        version.good = _ordered(version.good)
    return sums


def _ordered(values: Numbers) -> Numbers:
    """Sums of days are put together, and sorted: that is quick where parts are in order."""
    return array("q", sorted(values))


def _add_path(sums: Sums, one: Profile) -> None:
    sums.judged += 1
    rows, spans, seen = one.rows, one.spans, set[str]()
    for i in critical_path(spans):
        name = name_of(rows[i])
        part = sums.parts[name]
        part.kind = rows[i].kind
        part.waiting += spans[i].waited / one.duration
        part.running += spans[i].ran / one.duration
        if name not in seen:
            seen.add(name)
            part.executions += 1


def _add_rows(sums: Sums, one: Profile) -> int:
    """What it cost."""
    micro = 0
    opened: dict[str, Row] = {}
    for row in one.rows:
        if row.opens:
            opened[row.path] = row
            continue
        micro += row.micro + row.lost_micro
        sums.unpriced += row.priced is False
        if row.state != "skipped":
            _add_step(sums.steps[name_of(row)], row, opened.get(row.path))
        if row.attempts > 1:
            waste = sums.waste
            waste.ms += max(0, row.last - row.started)
            waste.tokens += row.lost_tokens
            waste.micro += row.lost_micro
            waste.used = waste.used or bool(row.lost_tokens or row.lost_micro)
    return micro


def _add_step(into: StepSum, row: Row, opening: Row | None) -> None:
    first = opening or row
    into.kind = row.kind
    into.executions += 1
    into.failed += row.state == "failed"
    into.tokens += row.tokens_in + row.tokens_out + row.lost_tokens
    into.micro += row.micro + row.lost_micro
    into.priced = into.priced or row.priced is True
    into.slots += row.slot
    into.waited.append(max(0, first.started - first.queued) + row.slot)
    if row.attempts > 1:
        into.retried += row.attempts - 1
        into.again += 1
        into.again_ms += max(0, row.last - row.started)
        into.again_micro += row.lost_micro
    if row.ended >= 0:
        into.took.append(max(0, row.ended - first.started))
        if row.kind == "agent" and opening is None:
            into.ran.append(row.last_ran)


def _merge_step(into: StepSum, other: StepSum) -> None:
    into.kind = other.kind
    into.took += other.took
    into.waited += other.waited
    into.ran += other.ran
    into.priced = into.priced or other.priced
    for name in _COUNTS:
        setattr(into, name, getattr(into, name) + getattr(other, name))


_COUNTS: Final = (
    "executions", "slots", "failed", "retried", "again", "again_ms", "again_micro", "tokens",
    "micro",
)  # fmt: skip


def _add_version(into: VersionSum, one: Profile, micro: int) -> None:
    into.executions += 1
    into.judged += one.outcome != "C"
    if one.outcome == "D":
        into.good.append(one.duration)
    into.micro += micro
    into.priced = into.priced or any(row.priced or row.lost_micro for row in one.rows)
