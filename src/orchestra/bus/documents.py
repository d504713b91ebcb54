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


Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$", examples=["billing"])]
Texts = Annotated[list[Annotated[str, Meta(max_length=256)]], Meta(max_length=50)]


class EventFilter(Closed, frozen=True):
    """Which events; what is left out or empty is no restriction."""

    event_types: Annotated[
        list[Annotated[str, Meta(max_length=128)]],
        Meta(description="Patterns: `step.*`, `order.**`.", max_length=50),
    ] = []
    sources: Texts = []
    keys: Annotated[Texts, Meta(description="What they are about.")] = []


class SubscriptionBody(Closed, frozen=True):
    """A subscription to be made."""

    name: Name
    event_filter: EventFilter = EventFilter()
    start: Annotated[
        str,
        Meta(
            description="`new`, `oldest`, an instant, the id of an event to go on behind, or a "
            "position: the `id` of a live stream.",
            max_length=8_192,
        ),
    ] = "new"


class Subscription(Closed, frozen=True):
    """A durable reader of events for a client outside."""

    name: Name
    event_filter: EventFilter
    start: str
    created_at: Instant


class SubscriptionLag(Closed, frozen=True):
    """How far it is behind."""

    events: Annotated[int, Meta(description="Events that wait, up to where was looked.")]
    more: Annotated[bool, Meta(description="Whether there are more than that.")]
    oldest_at: Instant | None
    oldest_age_ms: int | None


class SubscriptionShown(Closed, frozen=True):
    """A subscription, and how far it is behind."""

    name: Name
    event_filter: EventFilter
    start: str
    created_at: Instant
    lag: SubscriptionLag


class SubscriptionList(Closed, frozen=True):
    """All of them, by name: at most 100."""

    subscriptions: list[Subscription]


class PullBody(Closed, frozen=True):
    """How many, and how long to wait for the first."""

    max: Annotated[int, Meta(ge=1, le=200)] = 50
    wait_ms: Annotated[int, Meta(ge=0, le=20_000)] = 0


class EventGap(msgspec.Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """Events of this time were trimmed before they were read."""

    since: Instant
    until: Instant


class Pulled(Closed, frozen=True):
    """Events, oldest first for each key. They come again in 30 s unless acknowledged."""

    events: list[CloudEvent]
    cursor: Annotated[str | None, Meta(description="To acknowledge them by; null: nothing.")]
    gaps: Annotated[
        list[EventGap], Meta(description="Where this subscription was overtaken by trimming.")
    ]


class AckBody(Closed, frozen=True):
    """Which events are handled."""

    cursor: Annotated[str, Meta(description="Of a pull.", max_length=256)]


class Acknowledged(Closed, frozen=True):
    """They will not come again."""

    acknowledged: Literal[True]


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
