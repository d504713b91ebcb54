"""The documents of the events routes, as the description of the API shows them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Instant = Annotated[
    str,
    Meta(
        description="RFC 3339, UTC, with milliseconds.",
        examples=["2026-11-23T08:00:00.123Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
Cursor = Annotated[str | None, Meta(description="Send it as `cursor`; null: the end.")]
EventId = Annotated[str, Meta(examples=["evt_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"])]


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document with these members and no others."""


class PublishBody(Closed, frozen=True):
    """An event to be published."""

    event_type: Annotated[str, Meta(examples=["order.placed"], max_length=128)]
    source_service: Annotated[str, Meta(examples=["shop"], max_length=256)]
    source_id: Annotated[str, Meta(description="What it is about; orders events.", max_length=256)]
    payload: Annotated[Any, Meta(description="Any JSON, at most 256 KiB.")] = None
    time: Instant | None = None
    dedup_id: (
        Annotated[str, Meta(description="A repeat in 24 h is the same event.", max_length=256)]
        | None
    ) = None
    correlation_id: Annotated[str, Meta(max_length=256)] | None = None


class EventPublished(Closed, frozen=True):
    """An event that is kept now."""

    event_id: EventId
    event_type: str
    status: Literal["published"]
    published_at: Instant


class EventsAccepted(Closed, frozen=True):
    """The ids of the events, in their order."""

    accepted: list[EventId]


class CloudEvent(Closed, frozen=True):
    """CloudEvents 1.0, in JSON."""

    specversion: Literal["1.0"]
    id: EventId
    type: str
    source: str
    subject: Annotated[str, Meta(description="What it is about: an execution, an agent, …")]
    time: Instant
    datacontenttype: str
    data: Any
    orchestraorigin: Annotated[
        Literal["engine", "module", "api"],
        Meta(description="`api` events were posted by somebody, the others happened here."),
    ]
    correlation: str | msgspec.UnsetType = msgspec.UNSET
    causation: str | msgspec.UnsetType = msgspec.UNSET
    traceparent: str | msgspec.UnsetType = msgspec.UNSET


class EventPage(Closed, frozen=True):
    """A page of events."""

    events: list[CloudEvent]
    cursor: Cursor


CloudEvents: dict[str, Any] = {
    "title": "cloud events",
    "type": ["object", "array"],
    "description": "CloudEvents 1.0 in JSON; as `application/cloudevents-batch+json` up to 100; in "
    "binary mode (`ce-*` headers) the data alone.",
}
EventStream: dict[str, Any] = {
    "title": "event stream",
    "type": "string",
    "description": "Server-sent events: each is a CloudEvent under its type. `id` is a position: "
    "send it as `Last-Event-ID` to go on. `resync`: events are missing here. A comment every 15 s.",
}
