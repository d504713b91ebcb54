"""A collector of OpenTelemetry, made of the SDK's protobufs: a real HTTP server that decodes."""

import gzip
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

WAIT_S = 60.0
LOOK_S = 0.1
"""What is waited for may be elsewhere than in what came."""
_DECODERS: Mapping[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")


class Got(NamedTuple):
    """A span as it came."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent: str
    start_ns: int
    end_ns: int
    failed: bool
    attributes: Mapping[str, Any]
    links: tuple[str, ...]
    state: str


class Receiver:
    """What came. `answers` is the status of every answer; None: none, until it is let go."""

    def __init__(self) -> None:
        self.spans: list[Got] = []
        self.metrics: dict[str, Any] = {}
        self.lines: list[Any] = []
        self.resources: list[Mapping[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.raw: list[bytes] = []
        self.answers = 200
        self.requests = 0
        self.held: threading.Event | None = None
        self.url = ""
        self._changed = threading.Condition()

    def wait(self, until: Callable[[], object]) -> None:
        """Until it is so. For a thread."""
        ends = time.monotonic() + WAIT_S
        with self._changed:
            while not until():
                assert time.monotonic() < ends, self.told()
                self._changed.wait(LOOK_S)

    def told(self) -> str:
        """What there is, for people."""
        return "\n".join(
            f"{one.trace_id[:6]} {one.span_id} < {one.parent} {one.name}" for one in self.spans
        )

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """One request."""
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        held = self.held
        with self._changed:
            self.requests += 1
            self._changed.notify_all()
        if held is not None:
            held.wait(WAIT_S)
        message = _DECODERS[path].FromString(body)
        with self._changed:
            self.headers.append(headers)
            if self.answers == 200:
                self.raw.append(body)
                self._keep(message)
            self._changed.notify_all()
        return self.answers

    def _keep(self, message: Any) -> None:
        for of in getattr(message, "resource_spans", ()):
            self.resources.append(valued(of.resource.attributes))
            for scope in of.scope_spans:
                self.spans += [_got(span) for span in scope.spans]
        for of in getattr(message, "resource_metrics", ()):
            for scope in of.scope_metrics:
                self.metrics |= {metric.name: metric for metric in scope.metrics}
        for of in getattr(message, "resource_logs", ()):
            for scope in of.scope_logs:
                self.lines += scope.log_records

    def trace(self, of: Callable[[Got], bool]) -> list[Got]:
        """All spans of the trace in which there is such a one."""
        ids = {one.trace_id for one in self.spans if of(one)}
        assert len(ids) == 1, (ids, self.told())
        return [one for one in self.spans if one.trace_id in ids]


def whole(trace: list[Got], roots: tuple[str, ...] = ("",), tops: int = 1) -> dict[str, Got]:
    """By its id: every span, each once, of one tree; its times lie inside those above it.

    `roots` are the ids above the trace, '' when it begins here; `tops` spans are highest in it.
    """
    by_id = {one.span_id: one for one in trace}
    assert not [n for n, times in Counter(one.span_id for one in trace).items() if times > 1], trace
    highest = [one for one in trace if one.parent not in by_id]
    told = [(one.name, one.parent) for one in highest]
    assert [one.parent in roots for one in highest] == [True] * tops, told
    for one in trace:
        assert one.start_ns <= one.end_ns, one
        above = by_id.get(one.parent)
        if above is not None:
            # The journal has milliseconds. A request may end before what it began does, and what
            # is linked waits for nobody.
            assert one.start_ns >= above.start_ns - 1_000_000, (one, above)
            if above.kind not in ("server", "producer") and not one.links:
                assert one.end_ns <= above.end_ns + 1_000_000, (one, above)
    return by_id


def valued(attributes: Any) -> Mapping[str, Any]:
    """Attributes as values."""
    return {one.key: _value(one.value) for one in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind) if kind else None


def _got(span: Any) -> Got:
    return Got(
        span.name,
        KINDS[span.kind],
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.status.code == 2,
        valued(span.attributes),
        tuple(link.span_id.hex() for link in span.links),
        span.trace_state,
    )


@contextmanager
def a_receiver() -> Iterator[Receiver]:
    """One that listens on loopback."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """One request."""
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.take(self.path, headers, body)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            """Nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Whoever sends may be killed meanwhile."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield receiver
    finally:
        if receiver.held is not None:
            receiver.held.set()
        server.shutdown()
        server.server_close()
        thread.join()
