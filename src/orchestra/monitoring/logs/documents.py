"""The documents of the logs routes, as the description of the API shows them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Instant = Annotated[
    str,
    Meta(
        description="RFC 3339, UTC.",
        examples=["2026-11-23T08:00:00.123456Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
Level = Literal["debug", "info", "warning", "error", "critical"]


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document with these members and no others."""


class LogLine(msgspec.Struct, frozen=True):
    """A line. Beside these it has the facts of its event, as they were logged."""

    ts: Instant
    level: Level
    event: Annotated[str, Meta(examples=["task.attempt_failed"])]
    tenant: str | msgspec.UnsetType = msgspec.UNSET
    replica: str | msgspec.UnsetType = msgspec.UNSET
    request_id: str | msgspec.UnsetType = msgspec.UNSET
    execution_id: str | msgspec.UnsetType = msgspec.UNSET
    step: str | msgspec.UnsetType = msgspec.UNSET
    attempt: int | msgspec.UnsetType = msgspec.UNSET
    agent: str | msgspec.UnsetType = msgspec.UNSET
    trace_id: str | msgspec.UnsetType = msgspec.UNSET
    span_id: str | msgspec.UnsetType = msgspec.UNSET
    origin: (
        Annotated[Literal["api"], Meta(description="It was posted, not logged here.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class Scanned(Closed, frozen=True):
    """What was looked through for the answer."""

    chunks: int
    lines: int


class LogPage(Closed, frozen=True):
    """A page of lines."""

    lines: list[LogLine]
    next_cursor: Annotated[str | None, Meta(description="Send it as `cursor`; null: the end.")]
    scanned: Scanned
    bounded: Annotated[
        bool, Meta(description="The search stopped after 2 s or 5 million lines: go on with it.")
    ]


class LogContext(Closed, frozen=True):
    """What stands around an instant, in the order of time."""

    before: list[LogLine]
    after: Annotated[list[LogLine], Meta(description="From the instant on.")]


class LogBucket(Closed, frozen=True):
    """How many lines there were of each level from an instant on, for a step."""

    at: Instant
    debug: int
    info: int
    warning: int
    error: int


class LogHistogram(Closed, frozen=True):
    """How many lines there were when."""

    since: Annotated[Instant, Meta()] = msgspec.field(name="from")
    until: Annotated[Instant, Meta()] = msgspec.field(name="to")
    step_ms: int
    buckets: list[LogBucket]
    scanned: Scanned
    bounded: Annotated[bool, Meta(description="Not every line was looked at: counts are too low.")]


class LogsIngested(Closed, frozen=True):
    """How many lines are kept now."""

    accepted: int


LogLines: dict[str, Any] = {
    "title": "log lines",
    "type": ["object", "array"],
    "description": 'JSON `{"logs": […]}`, or `application/x-ndjson`, a line each: at most 1,000 '
    "objects and 1 MiB. `ts` (or `timestamp`, `time`), `level` (or `severity`), `event` (or "
    "`message`, `msg`) and anything else.",
}
NdJson: dict[str, Any] = {
    "title": "lines",
    "type": "string",
    "description": "Lines of JSON, each as in a page.",
}
LineStream: dict[str, Any] = {
    "title": "line stream",
    "type": "string",
    "description": "Server-sent events: `open`, then `line`, each a line. `id` is a position: send "
    "it as `Last-Event-ID` to go on. `resync`: lines are missing here. A comment every 15 s.",
}
