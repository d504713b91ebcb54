"""Spans on the wire, read by the protobufs of OpenTelemetry, beside what its SDK writes."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from orchestra.log import COVERED, covered
from orchestra.otel.wire import ATTRIBUTES_MAX, LIST_MAX, TEXT_MAX, head_of, request_of
from orchestra.trace_context import Trace
from orchestra.tracing import Kind, Span, Value

RESOURCE = {"service.name": "orchestra", "n": 1}
HEAD = head_of(RESOURCE, "orchestra", "1.0")
TRACE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", 1, "vendor=1")
KINDS: tuple[Kind, ...] = ("internal", "server", "client", "producer", "consumer")

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=300)
values: st.SearchStrategy[Value] = st.one_of(
    texts,
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.lists(texts, max_size=3),
)


@given(
    st.sampled_from(KINDS),
    st.tuples(st.integers(0, 1 << 62), st.integers(0, 1 << 62)),
    st.dictionaries(st.text("abc.", min_size=1, max_size=20), values, max_size=10),
    st.booleans(),
    texts,
)
def test_it_is_what_the_sdk_writes(
    kind: Kind, times: tuple[int, int], known: dict[str, Value], within: bool, name: str
) -> None:
    span = Span(name, kind, TRACE, "1" * 16 if within else "", times, known)
    span.link(TRACE.at("2" * 16))
    if within:
        span.fail("agent.error")

    ours = ExportTraceServiceRequest.FromString(request_of(HEAD, [span, span], str))

    assert ours == as_the_standard_says(encode_spans([by_the_sdk(span), by_the_sdk(span)]))


def as_the_standard_says(written: Any) -> Any:
    """The SDK leaves out the flags of the trace and the state of links, and says that there is
    nothing to say of how it ended.
    """
    for span in written.resource_spans[0].scope_spans[0].spans:
        span.flags |= TRACE.flags
        for link in span.links:
            link.flags |= TRACE.flags
            link.trace_state = TRACE.state
        if not span.status.code:
            span.ClearField("status")
    return written


def by_the_sdk(span: Span) -> ReadableSpan:
    attributes: Any = dict(span.attributes)
    status = Status(StatusCode.UNSET)
    if span.error is not None:
        attributes["error.type"] = span.error
        status = Status(StatusCode.ERROR)
    return ReadableSpan(
        name=span.name,
        context=context(span.trace),
        parent=context(span.trace.at(span.parent)) if span.parent else None,
        resource=Resource(RESOURCE),
        attributes=attributes,
        links=[Link(context(one)) for one in span.links],
        kind=SpanKind[span.kind.upper()],
        status=status,
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=InstrumentationScope("orchestra", "1.0"),
    )


def context(trace: Trace) -> SpanContext:
    flags, state = TraceFlags(trace.flags), TraceState.from_header([trace.state])
    return SpanContext(int(trace.trace_id, 16), int(trace.span_id, 16), False, flags, state)


def test_texts_are_covered_and_cut_and_attributes_are_bounded() -> None:
    COVERED.add("correct-horse-battery")
    known: dict[str, Value] = {
        "a": "is correct-horse-battery",
        "b": "no-secret " * 500 + "\ud800",
        "c": ["correct-horse-battery"] * 50,
        "d": 1 << 70,
    }
    more = {f"n{n}": n for n in range(100)}
    span = Span("GET /\ud800 correct-horse-battery", "server", TRACE, "", (5, 9), known | more)

    raw = request_of(HEAD, [span], covered)

    read = ExportTraceServiceRequest.FromString(raw)
    [made] = read.resource_spans[0].scope_spans[0].spans
    found = {one.key: one.value for one in made.attributes}
    assert found["a"].string_value == "is ***"
    assert len(found["b"].string_value) == TEXT_MAX
    assert len(found["c"].array_value.values) == LIST_MAX
    assert found["d"].string_value == str(1 << 70)
    assert len(found) == ATTRIBUTES_MAX
    assert made.name == "GET /? ***"
    assert b"correct-horse" not in raw
