"""The instruments of this process as OTLP has them: sums, gauges, exponential histograms.

Cumulative, as OTLP's default is: each time all that was counted since the process began, so what
is lost on the way is in the next. Our buckets are those of scale 3, one further: none is rounded.
"""

from typing import Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Buckets as Dense
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from orchestra.instruments import ZERO, Tally, Values
from orchestra.otel.readings import Reading, Snapshot

SCALE_OTLP: Final = 3
"""2^(1/8): what `instruments.SCALE` says as buckets to a doubling."""
_UNITS: Final = (("_seconds", "s"), ("_bytes", "By"), ("_usd_total", "{USD}"))
_SINCE_START: Final = AggregationTemporality.CUMULATIVE


def metrics_of(told: Snapshot, resource: Resource, scope: InstrumentationScope) -> MetricsData:
    """All of a snapshot."""
    made = [_metric(one, told) for one in told.readings]
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(scope, made, "")], "")])


def _metric(one: Reading, told: Snapshot) -> Metric:
    unit = next((unit for ending, unit in _UNITS if one.name.endswith(ending)), "1")
    if one.kind == "histogram":
        spread = [
            _spread(tally, _labels(one, values), told)
            for values, tally in one.series.items()
            if isinstance(tally, Tally)
        ]
        return Metric(one.name, "", unit, ExponentialHistogram(spread, _SINCE_START))
    since_ns = 0 if one.kind == "gauge" else told.since_ns
    points = [
        NumberDataPoint(_labels(one, values), since_ns, told.at_ns, value)
        for values, value in one.series.items()
        if not isinstance(value, Tally)
    ]
    if one.kind == "gauge":
        return Metric(one.name, "", unit, Gauge(points))
    return Metric(one.name, "", unit, Sum(points, _SINCE_START, is_monotonic=True))


def _spread(tally: Tally, labels: dict[str, str], told: Snapshot) -> ExponentialHistogramDataPoint:
    """Ours: bucket i ends at 2^(i/8). Theirs: bucket i begins there."""
    found = {i - 1: n for i, n in tally.buckets.items() if i != ZERO}
    first, last = min(found, default=0), max(found, default=-1)
    return ExponentialHistogramDataPoint(
        attributes=labels,
        start_time_unix_nano=told.since_ns,
        time_unix_nano=told.at_ns,
        count=tally.count,
        sum=tally.sum,
        scale=SCALE_OTLP,
        zero_count=tally.buckets.get(ZERO, 0),
        positive=Dense(first, [found.get(i, 0) for i in range(first, last + 1)]),
        negative=Dense(0, []),
        flags=0,
        min=tally.low,
        max=tally.high,
    )


def _labels(one: Reading, values: Values) -> dict[str, str]:
    return dict(zip(one.labels, values, strict=True))
