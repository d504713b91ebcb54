"""Sums as they are shown: percentiles, shares, the largest first, so many and no more. Pure."""

from typing import Final

from orchestra.monitoring.analytics import documents
from orchestra.monitoring.analytics.documents import (
    CriticalPath,
    Failure,
    OnPath,
    StepFigures,
    Version,
)
from orchestra.monitoring.analytics.statistics import quantile, quantiles
from orchestra.monitoring.analytics.summing import Part, StepSum, Sums, VersionSum

SHOWN: Final = 50


def path_of(sums: Sums) -> CriticalPath:
    """The critical path of the mean execution."""
    if not sums.judged:
        return CriticalPath(0, None, None, [])
    order = sorted(sums.parts, key=lambda name: -_share(sums.parts[name]))
    shown = [_on_path(name, sums.parts[name], sums.judged) for name in order]
    return CriticalPath(
        executions=sums.judged,
        bottleneck=order[0] if order and shown[0].share > 0 else None,
        elsewhere=round(max(0.0, 1 - sum(one.share for one in shown)), 6),
        steps=shown[:SHOWN],
    )


def _share(part: Part) -> float:
    return part.waiting + part.running


def _on_path(name: str, part: Part, n: int) -> OnPath:
    return OnPath(
        step=name,
        kind=part.kind,
        share=round(_share(part) / n, 6),
        waiting=round(part.waiting / n, 6),
        running=round(part.running / n, 6),
        executions=part.executions,
    )


def steps_of(sums: Sums) -> list[StepFigures]:
    """Those that took most of all, first."""
    order = sorted(sums.steps, key=lambda name: (-sum(sums.steps[name].took), name))
    return [_step(name, sums.steps[name]) for name in order[:SHOWN]]


def _step(name: str, one: StepSum) -> StepFigures:
    p50, p95, p99 = quantiles(one.took, 0.5, 0.95, 0.99)
    return StepFigures(
        step=name,
        kind=one.kind,
        executions=one.executions,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        wait_p50_ms=quantile(one.waited, 0.5),
        failed=one.failed,
        retried=one.retried,
        tokens=one.tokens,
        cost_usd=one.micro / 1_000_000 if one.priced or one.micro else None,
    )


def failures_of(sums: Sums) -> list[Failure]:
    """By step and code, the most frequent first."""
    return [
        Failure(step=step, code=code, executions=n, share=round(n / sums.executions, 6))
        for (step, code), n in sums.failures.most_common(SHOWN)
    ]


def versions_of(sums: Sums) -> list[Version]:
    """By version, the newest first."""
    order = sorted(sums.versions, reverse=True)
    return [_version(number, sums.versions[number]) for number in order[:SHOWN]]


def _version(number: int, one: VersionSum) -> Version:
    p50, p95 = quantiles(one.good, 0.5, 0.95)
    return Version(
        version=number,
        executions=one.executions,
        success_rate=round(len(one.good) / one.judged, 6) if one.judged else None,
        p50_ms=p50,
        p95_ms=p95,
        cost_usd_each=round(one.micro / one.executions / 1e6, 9) if one.priced else None,
    )


def waste_of(sums: Sums, attempts: int | None) -> documents.Waste:
    """`attempts`: of all executions, also those without a profile."""
    waste, n = sums.waste, sums.executions
    return documents.Waste(
        attempts=attempts,
        ms_each=round(waste.ms / n, 3) if n else None,
        share_of_time=round(min(1.0, waste.ms / sums.ms), 6) if sums.ms else None,
        tokens=waste.tokens if waste.used else None,
        cost_usd=waste.micro / 1e6 if waste.used else None,
    )
