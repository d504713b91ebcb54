"""W3C Trace Context: places in traces, as they are sent, read and kept; and the ids of ours.

A trace is kept as one text: `traceparent`, and after a space `tracestate` where there is one. Spans
of executions, steps, attempts and calls have ids made of theirs: whoever tells of them, and on
whichever replica they went on, tells the same.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

PARENT_MAX_CHARS: Final = 512
STATE_MAX_CHARS: Final = 512
STATE_MEMBERS_MAX: Final = 32
SAMPLED: Final = 1
_KNOWN_FLAGS: Final = 0x03
"""Sampled, and that the id is random (level 2): others are not passed on."""
_LENGTH: Final = 55
_PARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
)
_KEY = r"[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13}"
_MEMBER: Final = re.compile(
    rf"(?P<key>{_KEY})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)


class Trace(NamedTuple):
    """A place in a trace: the span that what is done now is part of."""

    trace_id: str
    span_id: str
    flags: int = 0
    state: str = ""

    @property
    def sampled(self) -> bool:
        """Whether somebody records it."""
        return bool(self.flags & SAMPLED)

    @property
    def parent(self) -> str:
        """As `traceparent`."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    @property
    def text(self) -> str:
        """As it is kept: `traceparent`, a space, `tracestate`."""
        return f"{self.parent} {self.state}" if self.state else self.parent

    def at(self, span_id: str) -> "Trace":
        """The same trace at another span."""
        return Trace(self.trace_id, span_id, self.flags, self.state)


def parse(parent: str, state: str = "") -> Trace | None:
    """A `traceparent` with its `tracestate`; None for one that nobody can follow. Strict, by the
    Recommendation: of a later version what we know of it, and a bad state is none.
    """
    found = _PARENT.match(parent) if len(parent) <= PARENT_MAX_CHARS else None
    if found is None:
        return None
    version, trace_id, span_id, flags = found.groups()
    if len(parent) != _LENGTH and (version == "00" or parent[_LENGTH] != "-"):
        return None
    return Trace(trace_id, span_id, int(flags, 16) & _KNOWN_FLAGS, parse_state(state))


def parse_state(text: str) -> str:
    """A `tracestate` as it is passed on; '' for one that is not valid.

    Of one that is too long the long members go first, then the last ones.
    """
    if not text or len(text) > 16 * STATE_MAX_CHARS:
        return ""
    members = [one for part in text.split(",") if (one := part.strip(" \t"))]
    if len(members) > STATE_MEMBERS_MAX:
        return ""
    seen: set[str] = set()
    for member in members:
        found = _MEMBER.fullmatch(member)
        if found is None or found["key"] in seen:
            return ""
        seen.add(found["key"])
    if sum(map(len, members)) + len(members) - 1 > STATE_MAX_CHARS:
        members = [one for one in members if len(one) <= 128]
    while sum(map(len, members)) + len(members) - 1 > STATE_MAX_CHARS:
        members.pop()
    return ",".join(members)


def read(text: str | None) -> Trace | None:
    """A trace as it is kept (`Trace.text`); None for none, and for what is none."""
    parent, _, state = (text or "").partition(" ")
    return parse(parent, state) if parent else None


def arrived(fields: Mapping[bytes, Sequence[bytes]]) -> Trace | None:
    """The trace in a request's fields; None without one, or with one that nobody can follow."""
    parents = fields.get(b"traceparent", ())
    if len(parents) != 1:
        return None
    states = fields.get(b"tracestate", ())
    state = b",".join(states).decode("latin-1") if states else ""
    return parse(parents[0].decode("latin-1").strip(" \t"), state)


def headers(trace: Trace | None) -> dict[str, str]:
    """The headers that pass a trace on."""
    if trace is None:
        return {}
    found = {"traceparent": trace.parent}
    return found | {"tracestate": trace.state} if trace.state else found


def derived(what: str, *parts: object) -> str:
    """A span id that is always the same for the same thing."""
    told = "|".join((what, *map(str, parts)))
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:16]


def of_execution(execution: str, episode: int = 0) -> str:
    """The id of the span of an execution; `episode` counts how often it went on after its end."""
    return derived("execution", execution, *((episode,) if episode else ()))


def of_attempt(execution: str, path: str, n: int | str) -> str:
    """The id of the span of an attempt at a step: `n` counts its claims."""
    return derived("attempt", execution, path, n)


def derived_trace(tenant: str, what: str) -> str:
    """The id of the trace of an execution, or a task, that nobody's trace led to."""
    return hashlib.sha256(f"{tenant}|{what}".encode()).hexdigest()[:32]
