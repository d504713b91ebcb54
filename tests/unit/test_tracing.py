"""Spans: collected where somebody collects them, and otherwise next to nothing."""

import random
from collections.abc import Iterator

import pytest

from orchestra import tracing
from orchestra.clock import ManualClock
from orchestra.tracing import Span, Trace

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLER = Trace(TRACE, SPAN, 1, "vendor=1")


class Collected(list[Span]):
    """A `Sink`."""

    def take(self, span: Span) -> None:
        """One more."""
        self.append(span)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def told(clock: ManualClock) -> Iterator[Collected]:
    sink = Collected()
    tracing.configure(sink, clock, random.Random(1))
    yield sink
    tracing.close(sink)
    tracing.come(None)


def test_nobody_collects_and_the_callers_trace_is_passed_on_as_it_is() -> None:
    tracing.come(CALLER)

    with tracing.span("a") as span:
        passed = tracing.header()

    assert span is None
    assert passed == {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}
    assert tracing.span("a") is tracing.span("b")
    tracing.come(None)
    assert tracing.header() == {}


def test_spans_nest_and_stay_in_the_callers_trace(told: Collected, clock: ManualClock) -> None:
    tracing.come(CALLER)
    began = clock.now_ms() * 1_000_000

    with tracing.span("outer", "server", {"http.request.method": "GET"}, more=1):
        clock.advance(5)
        with tracing.span("inner", "client") as inner:
            assert inner is not None
            assert tracing.current() == inner.trace
            clock.advance(7)
        clock.advance(1)

    assert [one.name for one in told] == ["inner", "outer"]
    inner, outer = told
    assert (outer.parent, inner.parent) == (SPAN, outer.trace.span_id)
    assert {one.trace.trace_id for one in told} == {TRACE}
    assert inner.trace.state == "vendor=1"
    assert (outer.start_ns - began, outer.end_ns - began) == (0, 13_000_000)
    assert (inner.start_ns - began, inner.end_ns - began) == (5_000_000, 12_000_000)
    assert outer.attributes == {"http.request.method": "GET", "more": 1}
    assert tracing.current() == CALLER


def test_a_span_that_ends_with_an_exception_says_which_kind_and_no_more(told: Collected) -> None:
    with pytest.raises(ValueError, match="secret"), tracing.span("a"):
        raise ValueError("secret")

    [span] = told
    assert span.error == "ValueError"
    assert "secret" not in repr(span.attributes)


def test_what_is_cancelled_is_no_failure(told: Collected) -> None:
    class Cancelled(BaseException):
        pass

    with pytest.raises(Cancelled), tracing.span("a"):
        raise Cancelled

    [span] = told
    assert span.error is None
    assert span.attributes == {"orchestra.outcome": "cancelled"}


def test_what_the_caller_does_not_record_is_not_recorded_here(told: Collected) -> None:
    tracing.come(CALLER._replace(flags=0))

    with tracing.span("a") as span, tracing.span("b"):
        assert span is None
        assert tracing.header()["traceparent"] == f"00-{TRACE}-{SPAN}-00"

    assert not told


def test_a_share_of_the_traces_that_begin_here_is_recorded(clock: ManualClock) -> None:
    sink = Collected()
    tracing.configure(sink, clock, random.Random(7), 0.25)
    tracing.come(None)

    for _ in range(2_000):
        with tracing.span("a"), tracing.span("b"):
            pass

    tracing.close(sink)
    assert 800 < len(sink) < 1_200
    assert len(sink) % 2 == 0
    assert len({one.trace.trace_id for one in sink}) == len(sink) // 2
    assert not tracing.collected()


def test_the_clock_is_followed_when_it_is_set(told: Collected) -> None:
    class Set(ManualClock):
        def monotonic(self) -> float:
            return 5.0

    moved = Set()
    tracing.configure(told, moved, random.Random(1))

    with tracing.span("a"):
        pass
    moved.advance(3_600_000)
    with tracing.span("b"):
        pass

    assert told[1].start_ns - told[0].start_ns == 3_600_000_000_000


def test_what_is_known_from_a_record_is_told_with_its_own_times(told: Collected) -> None:
    tracing.tell(Span("step", "internal", CALLER.at("1" * 16), SPAN, (1, 2), {}))
    tracing.tell(Span("step", "internal", CALLER._replace(flags=0), SPAN, (1, 2), {}))

    assert [(one.start_ns, one.end_ns) for one in told] == [(1, 2)]
