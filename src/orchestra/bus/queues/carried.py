"""The trace that a job carries: one more member of its body, where that is an object of ours."""

import re
from typing import Final

import msgspec

from orchestra import tracing
from orchestra.tracing import Trace

MEMBER: Final = "traceparent"
_LAST: Final = re.compile(rb',"traceparent":"([0-9a-f-]{55})"\}$')


def with_trace(body: bytes) -> msgspec.Raw:
    """A job with the trace of what is done now. Handlers take no notice of a member more."""
    trace = tracing.current()
    if trace is None or not trace.span_id or len(body) < 3 or body[-1:] != b"}":
        return msgspec.Raw(body)
    return msgspec.Raw(b'%s,"traceparent":"%s"}' % (body[:-1], trace.parent.encode()))


def trace_of(body: msgspec.Raw) -> Trace | None:
    """The trace that a job came with."""
    found = _LAST.search(bytes(body)[-128:])
    return tracing.parse(found[1].decode()) if found else None
