"""Ours as OTLP has it: covered, cut, and not rounded."""

import random
import sys

import msgspec
import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from orchestra.clock import ManualClock
from orchestra.instruments import ZERO, Instruments
from orchestra.instruments import Counter as CounterInstrument
from orchestra.instruments import Gauge as GaugeInstrument
from orchestra.instruments import Histogram as HistogramInstrument
from orchestra.otel.figures import metrics_of
from orchestra.otel.lines import record_of
from orchestra.otel.module import ExtraMissing, OtelModule
from orchestra.otel.readings import snapshot
from orchestra.settings import Settings
from orchestra.trace_context import Trace

RESOURCE, SCOPE = Resource({"service.name": "x"}), InstrumentationScope("orchestra")
TRACE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", 1, "vendor=1")


def test_instruments_are_sums_gauges_and_histograms_of_scale_three() -> None:
    instruments, chance = Instruments(), random.Random(1)
    counted = instruments.find(CounterInstrument, "x_total", ("route",))
    level = instruments.find(GaugeInstrument, "x_bytes", ())
    spread = instruments.find(HistogramInstrument, "x_seconds", ("route",))
    assert isinstance(counted, CounterInstrument)
    assert isinstance(level, GaugeInstrument)
    assert isinstance(spread, HistogramInstrument)
    counted.add(2, "/a")
    counted.take()
    counted.add(3, "/a")
    level.set(7)
    values = [2 ** chance.uniform(-20, 20) for _ in range(500)] + [0.0, 0.0, 1.0, 2.0]
    for value in values:
        spread.observe(value, "/a")

    sent = encode_metrics(metrics_of(snapshot(instruments, 10, 20), RESOURCE, SCOPE))

    found = {one.name: one for one in sent.resource_metrics[0].scope_metrics[0].metrics}
    [total] = found["x_total"].sum.data_points
    assert (total.as_double or total.as_int, total.start_time_unix_nano) == (5, 10)
    assert found["x_bytes"].gauge.data_points[0].time_unix_nano == 20
    assert found["x_bytes"].unit == "By"
    [point] = found["x_seconds"].exponential_histogram.data_points
    assert (point.scale, point.count, point.zero_count) == (3, 504, 2)
    base = 2 ** (1 / 8)
    held = 0
    for i, n in enumerate(point.positive.bucket_counts):
        index = point.positive.offset + i
        inside = [v for v in values if v > 0 and _between(v, base, index)]
        assert n == len(inside), index
        held += n
    assert held == 502
    assert point.positive.offset > ZERO


def _between(value: float, base: float, index: int) -> bool:
    """Whether it is in a bucket: over its lower end, and not over its upper one."""
    low, high = base**index, base ** (index + 1)
    if value in (1.0, 2.0):  # the ends themselves, which powers of the base only come near
        return index == (-1 if value == 1.0 else 7)
    return low < value <= high


def test_a_line_keeps_its_facts_and_its_trace() -> None:
    line = {
        "ts": "2026-11-23T04:09:31.123456Z", "level": "warning", "event": "task.attempt_failed",
        "tenant": "default", "attempt": 2, "big": 1 << 63, "told": {"a": [1]}, "none": None,
        "trace_id": TRACE.trace_id, "span_id": TRACE.span_id,
    }  # fmt: skip

    record = record_of(msgspec.json.encode(line), RESOURCE, SCOPE).log_record

    assert (record.body, record.severity_text) == ("task.attempt_failed", "WARNING")
    assert record.attributes == {
        "tenant": "default", "attempt": 2, "big": str(1 << 63), "told": '{"a":[1]}',
    }  # fmt: skip
    assert (record.trace_id, record.span_id) == (
        int(TRACE.trace_id, 16), int(TRACE.span_id, 16),
    )  # fmt: skip
    assert record.timestamp == 1_795_406_971_123_456_000


def test_a_line_of_no_trace_and_one_of_a_trace_without_a_span() -> None:
    line = {"ts": "2026-11-23T04:09:31Z", "level": "info", "event": "a"}

    nothing = record_of(msgspec.json.encode(line), RESOURCE, SCOPE).log_record
    half = record_of(msgspec.json.encode(line | {"trace_id": TRACE.trace_id}), RESOURCE, SCOPE)

    assert not nothing.trace_id
    assert (half.log_record.trace_id, half.log_record.span_id) == (int(TRACE.trace_id, 16), 0)


def test_without_the_extra_the_start_is_refused_and_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "orchestra.otel.exporting", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)

    with pytest.raises(ExtraMissing, match=r"orchestra-server\[otel\]"):
        OtelModule(Settings(otel_endpoint="http://c:4318"), ManualClock(), random.Random(1))
