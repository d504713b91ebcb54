"""W3C Trace Context: whose trace the present request belongs to, read and passed on.

Kept as one text: `traceparent`, and after a space `tracestate` where there is one.
"""

import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar

import structlog

STATE_MAX_CHARS = 512
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_STATE = re.compile(r"[\x20-\x7e]+")

_trace: ContextVar[str] = ContextVar("trace", default="")


def arrived(fields: Mapping[bytes, Sequence[bytes]]) -> str:
    """The trace in a request's fields; '' without one, or with one that nobody could follow."""
    parents = fields.get(b"traceparent", ())
    if len(parents) != 1:
        return ""
    parent = parents[0].decode("latin-1").strip()
    if not _PARENT.fullmatch(parent):
        return ""
    state = b",".join(fields.get(b"tracestate", ())).decode("latin-1").strip()
    kept = len(state) <= STATE_MAX_CHARS and _STATE.fullmatch(state)
    return f"{parent} {state}" if kept else parent


def come(trace: str) -> None:
    """What this task, and those it starts, do from now on belongs to that trace."""
    _trace.set(trace)
    if trace:
        structlog.contextvars.bind_contextvars(trace_id=trace[3:35], span_id=trace[36:52])


def come_with() -> str:
    """The trace of what is done now."""
    return _trace.get()
