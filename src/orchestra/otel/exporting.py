"""The SDK of OpenTelemetry: our spans, figures and lines as its own, and its exporters.

The only importer of it. Every text is covered as the log's are, and cut; what is no text, number
or list of texts is left out.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from orchestra import __version__
from orchestra.conventions import ERROR_TYPE
from orchestra.log import covered
from orchestra.otel.figures import Snapshot, metrics_of
from orchestra.otel.lines import record_of
from orchestra.tap import Line
from orchestra.trace_context import Trace
from orchestra.tracing import Span, Value

EXPORT_S: Final = 5.0
"""For one batch, with all its repeats."""
TEXT_MAX: Final = 1_024
ATTRIBUTES_MAX: Final = 64
LIST_MAX: Final = 32
_KINDS: Final = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


class Exporting:
    """The exporters of one process. Their methods block: they are for threads, one each."""

    def __init__(
        self, endpoint: str, headers: Mapping[str, str], service: str, replica: str
    ) -> None:
        # Its words about a collector that is away are ours to say, once and not for each batch.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        told = {
            "service.name": service,
            "service.version": __version__,
            "service.instance.id": replica,
        }
        self._resource = Resource.create(told)
        self._scope = InstrumentationScope("orchestra", __version__)
        base = endpoint.rstrip("/")
        parts: dict[str, Any] = {
            "headers": dict(headers),
            "timeout": EXPORT_S,
            "compression": Compression.Gzip,
        }
        self._spans = OTLPSpanExporter(f"{base}/v1/traces", session=_session(), **parts)
        self._figures: Any = OTLPMetricExporter(f"{base}/v1/metrics", session=_session(), **parts)
        self._lines = OTLPLogExporter(f"{base}/v1/logs", session=_session(), **parts)

    def spans(self, spans: Sequence[Span]) -> bool:
        """Whether the collector took them."""
        made = [self._span(one) for one in spans]
        return self._spans.export(made) is SpanExportResult.SUCCESS

    def figures(self, snapshots: Sequence[Snapshot]) -> bool:
        """Whether the collector took them."""
        made = [metrics_of(one, self._resource, self._scope) for one in snapshots]
        return all(self._figures.export(one) is MetricExportResult.SUCCESS for one in made)

    def lines(self, lines: Sequence[Line]) -> bool:
        """Whether the collector took them."""
        made = [record_of(line[3], self._resource, self._scope) for line in lines]
        return self._lines.export(made) is LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        """Repeat nothing any more. Safe from another thread."""
        exporters: tuple[Any, ...] = (self._spans, self._figures, self._lines)
        for one in exporters:
            one.shutdown()

    def _span(self, span: Span) -> ReadableSpan:
        attributes = _shown(span.attributes)
        status = Status(StatusCode.UNSET)
        if span.error is not None:
            attributes[ERROR_TYPE] = _text(span.error)
            status = Status(StatusCode.ERROR)
        parent = _context(span.trace.at(span.parent)) if span.parent else None
        return ReadableSpan(
            name=_text(span.name),
            context=_context(span.trace),
            parent=parent,
            resource=self._resource,
            attributes=attributes,
            links=[Link(_context(one)) for one in span.links],
            kind=_KINDS[span.kind],
            status=status,
            start_time=span.start_ns,
            end_time=span.end_ns,
            instrumentation_scope=self._scope,
        )


def _session() -> requests.Session:
    """No proxy and no password of the environment: it goes where the operator says, directly."""
    session = requests.Session()
    session.trust_env = False
    return session


def _context(trace: Trace) -> SpanContext:
    state = TraceState.from_header([trace.state]) if trace.state else None
    return SpanContext(
        int(trace.trace_id, 16), int(trace.span_id, 16), False, TraceFlags(trace.flags), state
    )


def _shown(attributes: Mapping[str, Value]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in list(attributes.items())[:ATTRIBUTES_MAX]:
        if isinstance(value, str):
            found[name] = _text(value)
        elif isinstance(value, bool | int | float):
            found[name] = value
        else:
            found[name] = [_text(str(one)) for one in list(value)[:LIST_MAX]]
    return found


def _text(text: str) -> str:
    """Covered before it is cut: the rest of a secret that is cut is not found."""
    return covered(text)[:TEXT_MAX].encode("utf-8", "replace").decode()
