"""Spans as OTLP has them on the wire: protobuf, written directly.

A busy server has thousands of spans a second, and making the objects of the SDK for each takes the
interpreter five times as long as this does. Numbers of fields: opentelemetry/proto/trace/v1.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from orchestra.conventions import ERROR_TYPE
from orchestra.trace_context import Trace
from orchestra.tracing import Span, Value

TEXT_MAX: Final = 1_024
ATTRIBUTES_MAX: Final = 64
LIST_MAX: Final = 32
_KINDS: Final = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_FAILED: Final = b"\x7a\x02\x18\x02"
"""status (15) {code (3): ERROR}"""
_KNOWS_REMOTE: Final = 0x100
"""Of `flags`: whether the parent is remote is known; and that it is not, or nobody cares."""
_NUMBERS_END: Final = 1 << 63
_fixed64, _double = struct.Struct("<Q").pack, struct.Struct("<d").pack
_fixed32 = struct.Struct("<I").pack

Shown = Callable[[str], str]
"""A text as it may be shown."""


class Head(NamedTuple):
    """Who sends spans, as it is sent."""

    resource: bytes
    scope: bytes


def head_of(resource: Mapping[str, Value], name: str, version: str) -> Head:
    """Who sends spans."""
    about = b"".join(_attribute(b"\x0a", key, value, str) for key, value in resource.items())
    scope = _text(b"\x0a", name) + _text(b"\x12", version)
    return Head(_field(b"\x0a", about), _field(b"\x0a", scope))


def request_of(head: Head, spans: Sequence[Span], shown: Shown) -> bytes:
    """One request with all of them."""
    inside = b"".join(_field(b"\x12", span_of(one, shown)) for one in spans)
    return _field(b"\x0a", head.resource + _field(b"\x12", head.scope + inside))


def span_of(span: Span, shown: Shown) -> bytes:
    """One span. What is over a bound is left out."""
    trace = span.trace
    parts = [b"\x0a\x10", bytes.fromhex(trace.trace_id), b"\x12\x08", bytes.fromhex(trace.span_id)]
    if trace.state:
        parts.append(_text(b"\x1a", trace.state))
    if span.parent:
        parts += (b"\x22\x08", bytes.fromhex(span.parent))
    parts += (
        _text(b"\x2a", _cut(span.name, shown)),
        b"\x30" + _varint(_KINDS[span.kind]),
        b"\x39" + _fixed64(span.start_ns),
        b"\x41" + _fixed64(span.end_ns),
    )
    for name, value in list(span.attributes.items())[:ATTRIBUTES_MAX]:
        parts.append(_attribute(b"\x4a", name, value, shown))
    if span.error is not None:
        parts.append(_attribute(b"\x4a", ERROR_TYPE, span.error, shown))
    parts += (_field(b"\x6a", _link(one)) for one in span.links)
    if span.error is not None:
        parts.append(_FAILED)
    parts.append(b"\x85\x01" + _fixed32(trace.flags | _KNOWS_REMOTE))
    return b"".join(parts)


def _link(to: Trace) -> bytes:
    ids = b"\x0a\x10" + bytes.fromhex(to.trace_id) + b"\x12\x08" + bytes.fromhex(to.span_id)
    state = _text(b"\x1a", to.state) if to.state else b""
    return ids + state + b"\x35" + _fixed32(to.flags | _KNOWS_REMOTE)


def _attribute(tag: bytes, name: str, value: Value, shown: Shown) -> bytes:
    return _field(tag, _text(b"\x0a", name) + _field(b"\x12", _value(value, shown)))


def _value(value: Value, shown: Shown) -> bytes:
    if isinstance(value, str):
        return _text(b"\x0a", _cut(value, shown))
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        if not -_NUMBERS_END <= value < _NUMBERS_END:
            return _text(b"\x0a", str(value)[:TEXT_MAX])
        return b"\x18" + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)
    if isinstance(value, float):
        return b"\x21" + _double(value)
    inside = (_field(b"\x0a", _value(str(one), shown)) for one in list(value)[:LIST_MAX])
    return _field(b"\x2a", b"".join(inside))


def _cut(text: str, shown: Shown) -> str:
    """Covered before it is cut: the rest of a secret that is cut is not found."""
    return shown(text)[:TEXT_MAX]


def _text(tag: bytes, text: str) -> bytes:
    return _field(tag, text.encode("utf-8", "replace"))


def _field(tag: bytes, inside: bytes) -> bytes:
    size = len(inside)
    return tag + (bytes((size,)) if size < 128 else _varint(size)) + inside


def _varint(n: int) -> bytes:
    found = bytearray()
    while n > 127:
        found.append(n & 127 | 128)
        n >>= 7
    found.append(n)
    return bytes(found)
