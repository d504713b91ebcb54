"""Spans of what the bus brings later: deliveries to webhooks, and jobs out of queues.

Each is part of the trace that it comes from, and linked to it as well: it waits for nobody.
"""

from typing import Final

from orchestra import conventions as names
from orchestra import tracing
from orchestra.store.keys import Tenant
from orchestra.tracing import Nothing, Span, Trace

MESSAGING: Final = "orchestra"


def delivering(
    place: tuple[Tenant, str], delivery: str, event_type: str, trace: Trace | None
) -> "Span | Nothing":
    """One attempt to deliver."""
    tracing.come(trace)
    if trace is None or not tracing.collected():
        return tracing.NOTHING
    known = _known(place, "send", delivery) | {names.EVENT_TYPE: event_type}
    return _linked(tracing.span("deliver webhook", "producer", known), trace)


def working(
    place: tuple[Tenant, str], message: str, attempt: int, trace: Trace | None
) -> "Span | Nothing":
    """One try of a job."""
    tracing.come(trace)
    if trace is None or not tracing.collected():
        return tracing.NOTHING
    known = _known(place, "process", message) | {names.ATTEMPT: attempt}
    return _linked(tracing.span(f"process {place[1]}", "consumer", known), trace)


def _known(place: tuple[Tenant, str], operation: str, message: str) -> dict[str, str | int]:
    return {
        names.MESSAGING_SYSTEM: MESSAGING,
        names.MESSAGING_OPERATION: operation,
        names.MESSAGING_DESTINATION: place[1],
        names.MESSAGING_MESSAGE: message,
        names.TENANT: str(place[0]),
    }


def _linked(span: "Span | Nothing", trace: Trace) -> "Span | Nothing":
    if isinstance(span, Span):
        span.link(trace)
    return span
