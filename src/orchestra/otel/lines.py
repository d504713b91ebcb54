"""Lines of the log as OTLP has them. They are covered and cut already: as they are everywhere."""

from datetime import datetime
from typing import Any, Final, cast

import msgspec
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from orchestra.trace_context import SAMPLED, parse

_SEVERITIES: Final = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}
_ELSEWHERE: Final = frozenset(("ts", "level", "event", "trace_id", "span_id", "replica"))


def record_of(line: bytes, resource: Resource, scope: InstrumentationScope) -> ReadableLogRecord:
    """One line: the event is the body, the facts are attributes."""
    told = cast("dict[str, Any]", msgspec.json.decode(line))
    level = str(told.get("level", "info"))
    at_ns = _ns(told.get("ts"))
    record = LogRecord(
        timestamp=at_ns,
        observed_timestamp=at_ns,
        context=_context(told),
        severity_text=level.upper(),
        severity_number=_SEVERITIES.get(level, SeverityNumber.INFO),
        body=str(told.get("event", "")),
        attributes={
            name: _value(value)
            for name, value in told.items()
            if name not in _ELSEWHERE and value is not None
        },
    )
    return ReadableLogRecord(record, resource, scope)


def _context(told: dict[str, Any]) -> Any:
    """Whose trace it belongs to."""
    parent = f"00-{told.get('trace_id')}-{told.get('span_id') or '0' * 15 + '1'}-01"
    trace = parse(parent)
    if trace is None:
        return None
    span_id = int(trace.span_id, 16) if told.get("span_id") else 0
    flags = TraceFlags(SAMPLED)
    span = NonRecordingSpan(SpanContext(int(trace.trace_id, 16), span_id, False, flags))
    return set_span_in_context(span)


def _value(value: object) -> Any:
    if isinstance(value, str | bool | int | float):
        return value if not isinstance(value, int) or abs(value) < 1 << 63 else str(value)
    return msgspec.json.encode(value).decode()


def _ns(ts: object) -> int:
    """The instant in ns. A line always has one."""
    if not isinstance(ts, str):
        return 0
    at = datetime.fromisoformat(ts)
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1_000
