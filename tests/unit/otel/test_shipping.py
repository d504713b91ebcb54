"""What waits for a collector is bounded, and what is lost is counted."""

import threading
from collections.abc import Sequence

from orchestra.otel.shipping import BATCH, Latest, Shipping, Spans
from orchestra.trace_context import Trace
from orchestra.tracing import Span

GUARD_S = 60.0


def a_span(n: int = 1) -> Span:
    return Span("a", "internal", Trace("1" * 32, f"{n:016x}", 1), "", (1, 2), {})


def test_over_the_bound_spans_are_let_go_and_counted() -> None:
    spans = Spans(3)

    for n in range(1, 6):
        spans.take(a_span(n))

    assert len(spans) == 3
    assert spans.over == 2
    assert [int(one.trace.span_id, 16) for one in spans.batch()] == [1, 2, 3]
    assert spans.batch() == []


def test_a_full_batch_wakes_who_sends() -> None:
    spans = Spans()

    for _ in range(BATCH - 1):
        spans.take(a_span())
    assert not spans.wake.is_set()
    spans.take(a_span())

    assert spans.wake.is_set()
    assert len(spans.batch()) == BATCH


def test_of_figures_only_the_last_is_sent() -> None:
    latest = Latest[int]()

    for n in range(5):
        latest.put(n)

    assert [latest.batch(), latest.batch()] == [[4], []]


def test_what_a_collector_takes_and_what_it_does_not_is_counted() -> None:
    spans, took = Spans(), [True, False, True]
    sent: list[int] = []

    def export(some: Sequence[Span]) -> bool:
        sent.append(len(some))
        return took[len(sent) - 1]

    for _ in range(2 * BATCH + 1):
        spans.take(a_span())
    shipping = Shipping("test", spans.batch, export, 3_600.0, spans.wake)
    shipping.start()
    shipping.stop()
    shipping.join(GUARD_S)

    assert sent == [BATCH, BATCH, 1]
    assert (shipping.sent, shipping.failed, shipping.well) == (BATCH + 1, BATCH, True)


def test_who_ends_waits_no_longer_than_it_wants() -> None:
    held, begun = threading.Event(), threading.Event()
    spans = Spans()

    def export(_: Sequence[Span]) -> bool:
        begun.set()
        return held.wait(GUARD_S)

    spans.take(a_span())
    shipping = Shipping("test", spans.batch, export, 3_600.0, spans.wake)
    shipping.start()
    shipping.stop()
    assert begun.wait(GUARD_S)

    shipping.join(0.0)
    assert shipping.sent == 0
    held.set()
    shipping.join(GUARD_S)

    assert shipping.sent == 1


def test_a_batch_that_breaks_is_not_the_last() -> None:
    spans = Spans()
    sent: list[int] = []

    def export(some: Sequence[Span]) -> bool:
        sent.append(len(some))
        if len(sent) == 1:
            raise TypeError("not as it should be")
        return True

    for _ in range(BATCH + 1):
        spans.take(a_span())
    shipping = Shipping("test", spans.batch, export, 3_600.0, spans.wake)
    shipping.start()
    shipping.stop()
    shipping.join(GUARD_S)

    assert (shipping.sent, shipping.failed) == (1, BATCH)
