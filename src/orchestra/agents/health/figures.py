"""What buckets of calls amount to: totals, percentiles, and a series for a small chart."""

from collections.abc import Iterable, Sequence

import msgspec

from orchestra.agents.health.histograms import quantiles
from orchestra.agents.health.performance import OUTCOMES, Bucket, Counts, Grain
from orchestra.instants import instant

ERROR_MAX = 0.044
SHARES = (0.5, 0.9, 0.95, 0.99)


class Percentiles(msgspec.Struct, frozen=True, omit_defaults=False):
    """Milliseconds that so many calls were not above; None without any."""

    mean: float | None
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


def merged(buckets: Iterable[Bucket]) -> Counts:
    """All of them as one."""
    total: Counts = {}
    for bucket in buckets:
        for name, n in bucket.counts.items():
            total[name] = total.get(name, 0) + n
    return total


def tasks(counts: Counts) -> int:
    """How many calls ended."""
    return sum(counts.get(name, 0) for name in OUTCOMES)


def success_rate(counts: Counts) -> float | None:
    """The share that succeeded, of those that were not cancelled; None without any."""
    judged = tasks(counts) - counts.get("cancelled", 0)
    return round(counts.get("ok", 0) / judged, 6) if judged else None


def percentiles(counts: Counts, kind: str, total_ms: int | None) -> Percentiles:
    """Of duration (`d`) or of the time to the first token (`f`). Without a sum there is no mean."""
    buckets = {int(name[1:]): n for name, n in counts.items() if _is_bucket(name, kind)}
    calls = sum(buckets.values())
    mean = round(total_ms / calls, 3) if total_ms is not None and calls else None
    return Percentiles(mean, *(_rounded(one) for one in quantiles(buckets, SHARES)))


def series(
    grain: Grain, begin_s: int, end_s: int, buckets: Sequence[Bucket]
) -> list[dict[str, object]]:
    """One point a bucket, empty ones included: `tasks` 0, and the rest null."""
    known = {bucket.at_s: bucket.counts for bucket in buckets}
    points: list[dict[str, object]] = []
    for at_s in range(begin_s, end_s + 1, grain.step_s):
        counts = known.get(at_s, {})
        of = percentiles(counts, "d", None)
        points.append(
            {
                "at": instant(at_s * 1_000),
                "tasks": tasks(counts),
                "success_rate": success_rate(counts),
                "p50_ms": of.p50,
                "p95_ms": of.p95,
                "cost_usd": cost_usd(counts),
            }
        )
    return points


def cost_usd(counts: Counts) -> float | None:
    """What the calls with a known price cost; None without any."""
    return counts.get("cost", 0) / 1_000_000 if counts.get("priced") else None


def _is_bucket(name: str, kind: str) -> bool:
    return name[0] == kind and name[1:].lstrip("-").isdigit()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
