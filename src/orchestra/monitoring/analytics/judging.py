"""What can be said of one workflow: where its time goes, and what it would take without. Pure.

A saving is that of the mean execution: every execution that completed is laid out again, step by
step, as it would have been, and the difference is averaged.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from orchestra.monitoring.analytics.critical import replayed
from orchestra.monitoring.analytics.documents import Kind
from orchestra.monitoring.analytics.profiles import Kept, Profile, Row
from orchestra.monitoring.analytics.showing import path_of
from orchestra.monitoring.analytics.statistics import quantile
from orchestra.monitoring.analytics.summing import Sums, name_of, summed, whole

LEAST: Final = 10
"""Executions before anything is said about times."""
REPLAYED_MAX: Final = 500
JUDGED_MAX: Final = 2_000
SHARE_MIN: Final = 0.1
NOTICED_MS: Final = 5.0


@dataclass(slots=True)
class Finding:
    """An insight before it has a name. `ms`, `usd`: saved of the mean execution."""

    kind: Kind
    step: str | None
    text: str
    evidence: dict[str, Any]
    ms: float | None = None
    usd: float | None = None
    confidence: float = 0.5
    execution: str | None = None


@dataclass(slots=True)
class Case:
    """All there is to judge by. `shape` is that of the newest version seen.

    Of many executions each n-th is laid out again and added up; `every` has all of them.
    """

    every: Sequence[Kept]
    shape: Mapping[str, Any] = field(default_factory=dict[str, Any])
    filled: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """By step: steps whose output filled its inputs by name."""
    most: int = JUDGED_MAX
    kept: Sequence[Kept] = ()
    good: list[Profile] = field(default_factory=list[Profile])
    sums: Sums = field(default_factory=Sums)
    sample: list[Profile] = field(default_factory=list[Profile])

    def __post_init__(self) -> None:
        self.kept = self.every[:: _nth(len(self.every), self.most)]
        self.good = [one.profile for one in self.kept if whole(one.profile)]
        self.sums = summed(self.kept)
        self.sample = self.good[:: _nth(len(self.good), REPLAYED_MAX)]

    def saved(self, changed: Callable[[int, Row], float | None]) -> float:
        """Milliseconds of the mean execution, had rows taken as long as `changed` says."""
        total = 0.0
        for one in self.sample:
            took = {
                i: new
                for i, row in enumerate(one.rows)
                if row.ended >= 0 and (new := changed(i, row)) is not None
            }
            if took:
                total += one.duration - replayed(one.spans, one.duration, took)
        return total / len(self.sample) if self.sample else 0.0

    def sure(self, n: int) -> float:
        """More executions, more confidence: half at 20 of them."""
        return round(n / (n + 20), 3)


def judged(case: Case) -> Iterator[Finding]:
    """Where time goes."""
    if len(case.good) < LEAST:
        return
    yield from _bottleneck(case)
    yield from _waiting(case)
    yield from _retries(case)


def then(case: Case, step: str, scale: float) -> list[float]:
    """Durations of executions had a step run so many times as long."""
    found: list[float] = []
    for one in case.sample:
        took = {
            i: row.span.waited + row.span.ran * scale
            for i, row in enumerate(one.rows)
            if row.ended >= 0 and name_of(row) == step
        }
        found.append(replayed(one.spans, one.duration, took))
    return found


def _bottleneck(case: Case) -> Iterator[Finding]:
    path = path_of(case.sums)
    if path.bottleneck is None or path.steps[0].share < SHARE_MIN:
        return
    step = path.bottleneck
    saved = case.saved(lambda _, row: 0.0 if name_of(row) == step else None)
    share = path.steps[0].share
    yield Finding(
        kind="bottleneck",
        step=step,
        text=f"Step {step} is {share:.0%} of the duration. Without it an execution would take "
        f"{saved:.0f} ms less; twice as quick, about half of that.",
        evidence={
            "share": share,
            "on_path": path.steps[0].executions,
            "executions": path.executions,
            "duration_p50_ms": quantile([one.duration for one in case.good], 0.5),
            "step_p50_ms": quantile(case.sums.steps[step].took, 0.5),
        },
        ms=saved,
        confidence=case.sure(path.executions),
    )


def _waiting(case: Case) -> Iterator[Finding]:
    for step, sums in case.sums.steps.items():
        waited, took = sum(sums.waited), sum(sums.took)
        # Waiting for a slot is part of running; what a step waits for by its nature is no fault.
        together = waited + took - sums.slots
        if sums.kind == "wait" or len(sums.took) < LEAST or waited <= together / 2:
            continue
        saved = case.saved(
            lambda _, row, step=step: (
                max(0.0, row.span.ran - row.slot) if name_of(row) == step else None
            )
        )
        if saved < NOTICED_MS:
            continue
        yield Finding(
            kind="waiting",
            step=step,
            text=f"Step {step} waits for {waited / together:.0%} of its time: its agents have too "
            "few slots, or the engine too few hands.",
            evidence={
                "share": round(waited / together, 6),
                "wait_p50_ms": quantile(sums.waited, 0.5),
                "wait_p95_ms": quantile(sums.waited, 0.95),
                "executions": sums.executions,
            },
            ms=saved,
            confidence=case.sure(sums.executions),
        )


def _retries(case: Case) -> Iterator[Finding]:
    for step, sums in case.sums.steps.items():
        n, ms, micro = sums.again, sums.again_ms, sums.again_micro
        if not n or n * 20 < sums.executions:  # one in 20 is what retries are for
            continue
        saved = case.saved(
            lambda _, row, step=step: (
                row.span.waited + max(0, row.ended - max(row.last, row.started))
                if name_of(row) == step and row.attempts > 1
                else None
            )
        )
        usd = micro / 1e6 / len(case.kept)
        if saved < NOTICED_MS and not usd:
            continue
        yield Finding(
            kind="retries",
            step=step,
            text=f"Step {step} was tried again in {n / sums.executions:.0%} of its executions: "
            f"{ms / n:.0f} ms each time, waits between attempts included.",
            evidence={
                "executions": sums.executions,
                "retried": n,
                "lost_ms": ms,
                "lost_cost_usd": micro / 1e6,
            },
            ms=saved,
            usd=usd or None,
            confidence=case.sure(n),
        )


def _nth(n: int, most: int) -> int:
    """So that each n-th of them are no more."""
    return max(1, -(-n // most))
