"""Profiles put together: steps, critical paths, failures, versions. Pure."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from orchestra.monitoring.analytics.critical import critical_path
from orchestra.monitoring.analytics.documents import (
    CriticalPath,
    Failure,
    OnPath,
    StepFigures,
    Version,
)
from orchestra.monitoring.analytics.profiles import Kept, Profile, Row
from orchestra.monitoring.analytics.statistics import quantile

SHOWN: Final = 50
_ITEM = re.compile(r"\[\d+\]")
UNKNOWN: Final = "unknown"


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

    kind: str
    executions: int = 0
    took: list[int] = field(default_factory=list[int])
    waited: list[int] = field(default_factory=list[int])
    ran: list[int] = field(default_factory=list[int])
    """Of single attempts of an agent, its waiting for a slot taken off."""
    failed: int = 0
    retried: int = 0
    tokens: int = 0
    micro: int = 0
    priced: bool = False


def name_of(row: Row) -> str:
    """The path of a step, without the numbers of items."""
    return _ITEM.sub("[]", row.path) if "[" in row.path else row.path


def completed(kept: Iterable[Kept]) -> list[Profile]:
    """Those whose paths are looked at: they went all the way, and every step is there."""
    return [one.profile for one in kept if one.profile.outcome == "D" and not one.profile.cut]


def path_of(profiles: Sequence[Profile]) -> CriticalPath:
    """The critical path of the mean execution."""
    parts: dict[str, Part] = defaultdict(Part)
    judged = [one for one in profiles if one.duration > 0 and one.rows]
    for one in judged:
        seen: set[str] = set()
        for i in critical_path(one.spans):
            row, span = one.rows[i], one.rows[i].span
            name = name_of(row)
            part = parts[name]
            part.kind = row.kind
            part.waiting += span.waited / one.duration
            part.running += span.ran / one.duration
            if name not in seen:
                seen.add(name)
                part.executions += 1
    n = len(judged)
    if not n:
        return CriticalPath(0, None, None, [])
    order = sorted(parts, key=lambda name: -(parts[name].waiting + parts[name].running))
    shown = [_on_path(name, parts[name], n) for name in order]
    return CriticalPath(
        executions=n,
        bottleneck=order[0] if order and shown[0].share > 0 else None,
        elsewhere=round(max(0.0, 1 - sum(one.share for one in shown)), 6),
        steps=shown[:SHOWN],
    )


def _on_path(name: str, part: Part, n: int) -> OnPath:
    return OnPath(
        step=name,
        kind=part.kind,
        share=round((part.waiting + part.running) / n, 6),
        waiting=round(part.waiting / n, 6),
        running=round(part.running / n, 6),
        executions=part.executions,
    )


def steps_of(profiles: Iterable[Profile]) -> dict[str, StepSum]:
    """By name of the step."""
    found: dict[str, StepSum] = {}
    for one in profiles:
        opened: dict[str, Row] = {}
        for row in one.rows:
            if row.opens:
                opened[row.path] = row
                continue
            name = name_of(row)
            into = found.get(name)
            if into is None:
                into = found[name] = StepSum(row.kind)
            _add(into, row, opened.get(row.path))
    return found


def _add(into: StepSum, row: Row, opening: Row | None) -> None:
    if row.state == "skipped":
        return
    first = opening or row
    into.executions += 1
    into.failed += row.state == "failed"
    into.retried += max(0, row.attempts - 1)
    into.tokens += row.tokens_in + row.tokens_out + row.lost_tokens
    into.micro += row.micro + row.lost_micro
    into.priced = into.priced or row.priced is True
    into.waited.append(max(0, first.started - first.queued) + row.slot)
    if row.ended >= 0:
        into.took.append(max(0, row.ended - first.started))
        if row.kind == "agent" and opening is None:
            into.ran.append(row.last_ran)


def shown_steps(sums: dict[str, StepSum]) -> list[StepFigures]:
    """Those that took most of all, first."""
    order = sorted(sums, key=lambda name: -sum(sums[name].took))
    return [_shown_step(name, sums[name]) for name in order[:SHOWN]]


def _shown_step(name: str, one: StepSum) -> StepFigures:
    return StepFigures(
        step=name,
        kind=one.kind,
        executions=one.executions,
        p50_ms=quantile(one.took, 0.5),
        p95_ms=quantile(one.took, 0.95),
        p99_ms=quantile(one.took, 0.99),
        wait_p50_ms=quantile(one.waited, 0.5),
        failed=one.failed,
        retried=one.retried,
        tokens=one.tokens,
        cost_usd=one.micro / 1_000_000 if one.priced or one.micro else None,
    )


def failures_of(profiles: Sequence[Profile]) -> list[Failure]:
    """Of those that failed or were rolled back: by step and code, the most frequent first."""
    bad = [one for one in profiles if one.outcome == "F" or (one.outcome == "L" and one.code)]
    counts = Counter((one.step, one.code or UNKNOWN) for one in bad)
    return [
        Failure(step=step, code=code, executions=n, share=round(n / len(profiles), 6))
        for (step, code), n in counts.most_common(SHOWN)
    ]


def versions_of(profiles: Iterable[Profile]) -> list[Version]:
    """By version, the newest first."""
    groups: dict[int, list[Profile]] = defaultdict(list)
    for one in profiles:
        groups[one.version].append(one)
    return [_version(number, groups[number]) for number in sorted(groups, reverse=True)][:SHOWN]


def _version(number: int, group: Sequence[Profile]) -> Version:
    good = [one.duration for one in group if one.outcome == "D"]
    judged = [one for one in group if one.outcome != "C"]
    costs = [one.micro for one in group if any(row.priced or row.lost_micro for row in one.rows)]
    return Version(
        version=number,
        executions=len(group),
        success_rate=round(len(good) / len(judged), 6) if judged else None,
        p50_ms=quantile(good, 0.5),
        p95_ms=quantile(good, 0.95),
        cost_usd_each=round(sum(costs) / len(group) / 1e6, 9) if costs else None,
    )
