"""The exporters of one process: figures and lines by the SDK of OpenTelemetry, spans by our own.

With `figures` and `lines` the only importer of the SDK. Every text is covered as the log's are.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from orchestra import __version__
from orchestra.log import covered, may_show
from orchestra.otel.figures import Snapshot, metrics_of
from orchestra.otel.lines import record_of
from orchestra.otel.posting import Posting, Session
from orchestra.otel.wire import TEXT_MAX, head_of, request_of
from orchestra.tap import Line
from orchestra.tracing import Span, Value

EXPORT_S: Final = 5.0
"""For one batch, with all its repeats."""


class Exporting:
    """The exporters of one process. Their methods block: they are for threads, one each."""

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str],
        service: str,
        replica: str,
        now: Callable[[], float],
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
        self._spans = Posting(f"{base}/v1/traces", headers, Session(), EXPORT_S, now)
        attributes = cast("dict[str, Value]", dict(self._resource.attributes))
        self._head = head_of(attributes, self._scope.name, __version__)
        self._figures: Any = OTLPMetricExporter(f"{base}/v1/metrics", session=Session(), **parts)
        self._lines = OTLPLogExporter(f"{base}/v1/logs", session=Session(), **parts)

    def spans(self, spans: Sequence[Span]) -> bool:
        """Whether the collector took them."""
        body = request_of(self._head, spans, _short)
        if may_show(body):  # it is looked at as a whole: text by text takes five times as long
            body = request_of(self._head, spans, covered)
        return self._spans.post(body)

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
        self._spans.close()
        exporters: tuple[Any, ...] = (self._figures, self._lines)
        for one in exporters:
            one.shutdown()


def _short(text: str) -> str:
    """One that will be cut is covered before: the rest of a secret that is cut is not found."""
    return text if len(text) <= TEXT_MAX else covered(text)
