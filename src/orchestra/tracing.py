"""Tracing: whose trace what is done now belongs to, and spans of it where somebody collects them.

W3C Trace Context is read and passed on always. `with tracing.span("name"):` is for anywhere:
without a collector it costs well under 1 µs and leaves nothing. One for the process, as the log is.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from types import MappingProxyType, TracebackType
from typing import Final, Literal, Protocol, TypeAlias

from orchestra.clock import Clock, Random
from orchestra.conventions import OUTCOME
from orchestra.trace_context import (
    SAMPLED,
    Trace,
    arrived,
    derived,
    derived_trace,
    headers,
    of_attempt,
    of_execution,
    parse,
    read,
)

__all__ = [
    "NOTHING",
    "Kind",
    "Nothing",
    "Sink",
    "Span",
    "Trace",
    "Value",
    "arrived",
    "begun",
    "close",
    "collected",
    "come",
    "configure",
    "current",
    "derived",
    "derived_trace",
    "header",
    "headers",
    "of_attempt",
    "of_execution",
    "parse",
    "read",
    "sampled",
    "span",
    "tell",
    "text",
]  # fmt: skip

Kind: TypeAlias = Literal["internal", "server", "client", "producer", "consumer"]
Value: TypeAlias = "str | int | float | bool | Sequence[str]"

_NONE_KNOWN: Final[Mapping[str, Value]] = MappingProxyType({})
_DRIFT_NS: Final = 2_000_000
_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current() -> Trace | None:
    """The trace of what is done now."""
    return _current.get()


def come(trace: Trace | None) -> None:
    """What this task, and those it starts, do from now on belongs to that trace."""
    _current.set(trace)


def text() -> str:
    """The trace of what is done now, as it is kept; '' without one."""
    trace = _current.get()
    return trace.text if trace is not None else ""


def header() -> dict[str, str]:
    """The headers that pass the trace of what is done now on; none without one."""
    return headers(_current.get())


class Span:
    """Something that took time. Made by `span`, or whole by whoever knows it from a record."""

    __slots__ = (
        "_before", "attributes", "end_ns", "error", "kind", "links", "name", "parent", "start_ns",
        "trace",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        kind: Kind,
        trace: Trace,
        parent: str,
        times: tuple[int, int],
        attributes: dict[str, Value],
    ) -> None:
        self.name, self.kind, self.trace, self.parent = name, kind, trace, parent
        self.start_ns, self.end_ns = times
        self.attributes = attributes
        self.links: tuple[Trace, ...] = ()
        self.error: str | None = None
        """What kind of failure it ended with: a name from a small set, never a text."""
        self._before: Trace | None = None

    def fail(self, kind: str) -> None:
        """It ended badly."""
        self.error = kind

    def link(self, *traces: Trace | None) -> None:
        """It has to do with these, which are not above it."""
        self.links += tuple(one for one in traces if one is not None)

    def __enter__(self) -> "Span":
        self._before = _current.get()
        _current.set(self.trace)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        _current.set(self._before)
        if kind is not None and self.error is None:
            if issubclass(kind, Exception):
                self.error = kind.__name__
            else:  # cancelled: a client that has gone, a call that nobody waits for any more
                self.attributes[OUTCOME] = "cancelled"
        if self.trace.flags & SAMPLED and _HERE.sink is not None:
            self.end_ns = max(_HERE.now_ns(), self.start_ns)
            _HERE.sink.take(self)


class Nothing:
    """Stands for a span that nobody collects."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


class Sink(Protocol):
    """Takes spans that are over. Never waits."""

    def take(self, span: Span) -> None:
        """One more."""
        ...


class _Here:
    """Where the spans of this process go."""

    def __init__(self) -> None:
        self.sink: Sink | None = None
        self.bound = 0
        self._clock: Clock | None = None
        self._chance: Random | None = None
        self._since_ns = 0

    def begin(self, sink: Sink, clock: Clock, chance: Random, ratio: float) -> None:
        self.sink, self._clock, self._chance = sink, clock, chance
        self.bound = round(ratio * (1 << 64))

    def now_ns(self) -> int:
        """The time of day, as fine as the monotonic clock is."""
        assert self._clock is not None
        wall, fine = self._clock.now_ms() * 1_000_000, int(self._clock.monotonic() * 1e9)
        if not 0 <= self._since_ns + fine - wall < _DRIFT_NS:
            self._since_ns = wall - fine
        return self._since_ns + fine

    def trace_id(self) -> str:
        assert self._chance is not None
        return f"{self._chance.getrandbits(128) or 1:032x}"

    def span_id(self) -> str:
        assert self._chance is not None
        return f"{self._chance.getrandbits(64) or 1:016x}"


_HERE: Final = _Here()
NOTHING: Final = Nothing()


def configure(sink: Sink, clock: Clock, chance: Random, ratio: float = 1.0) -> None:
    """Collect spans from now on; of traces that begin here, so many."""
    _HERE.begin(sink, clock, chance, ratio)


def close(sink: Sink) -> None:
    """Collect none any more, if it is this one who does."""
    if _HERE.sink is sink:
        _HERE.sink = None


def collected() -> bool:
    """Whether spans go anywhere."""
    return _HERE.sink is not None


def sampled(trace_id: str) -> bool:
    """Whether a trace that begins here is recorded: the same everywhere, for the same ratio."""
    return _HERE.sink is not None and int(trace_id[16:], 16) < _HERE.bound


def begun(tenant: str, what: str) -> Trace:
    """The trace of something that nobody's trace led to; it has no span yet."""
    trace_id = derived_trace(tenant, what)
    return Trace(trace_id, "", SAMPLED if sampled(trace_id) else 0)


def span(
    name: str,
    kind: Kind = "internal",
    known: Mapping[str, Value] = _NONE_KNOWN,
    *,
    within: Trace | None = None,
    span_id: str = "",
    **attributes: Value,
) -> "Span | Nothing":
    """A part of the present trace, or of `within`, for the duration of a block.

    `known` and `attributes` are what is known of it. `with span(…) as told:` gives None when
    nobody collects it. Without a trace one begins here.
    """
    if _HERE.sink is None:
        return NOTHING
    above = within if within is not None else _current.get()
    if above is None:
        trace_id = _HERE.trace_id()
        above = Trace(trace_id, "", SAMPLED if sampled(trace_id) else 0)
    if not above.flags & SAMPLED:
        return _Quiet(above.at(span_id or above.span_id or _HERE.span_id()))
    trace = above.at(span_id or _HERE.span_id())
    now_ns = _HERE.now_ns()
    return Span(name, kind, trace, above.span_id, (now_ns, now_ns), {**known, **attributes})


class _Quiet(Nothing):
    """A span that is not recorded: what is below it is not, either."""

    __slots__ = ("_before", "_trace")

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._before: Trace | None = None

    def __enter__(self) -> None:
        self._before = _current.get()
        _current.set(self._trace)

    def __exit__(self, *_: object) -> None:
        _current.set(self._before)


def tell(span: Span) -> None:
    """Hand over a span that is known from a record."""
    if _HERE.sink is not None and span.trace.flags & SAMPLED:
        _HERE.sink.take(span)
