"""What the events routes say about themselves, for the description of the API."""

from typing import Final

from orchestra.bus import PositionInvalid, documents
from orchestra.bus.cloudevents import EventInvalid
from orchestra.bus.events.published import EventTooLarge
from orchestra.bus.events.quota import PublishingTooFast
from orchestra.bus.events.reading import EventUnknown
from orchestra.bus.live.places import StreamsExhausted
from orchestra.described import Answer, Header, described
from orchestra.errors import Invalid
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.store.failures import NotReplicated, StoreAway, StoreDiskFull, StoreFull

_WRITES: Final = (StoreAway, NotReplicated, StoreFull, StoreDiskFull)

PUBLISH: Final = described(
    {202: Answer("Kept for good.", [documents.EventPublished])},
    refusals=[*JSON_REFUSALS, EventInvalid, EventTooLarge, PublishingTooFast, *_WRITES],
    body=documents.PublishBody,
    examples={
        "an order": {
            "event_type": "order.placed",
            "source_service": "shop",
            "source_id": "order-17",
            "payload": {"total": 120.5},
        }
    },
)
ACCEPT: Final = described(
    {202: Answer("All of them are kept for good.", [documents.EventsAccepted])},
    refusals=[*JSON_REFUSALS, EventInvalid, EventTooLarge, PublishingTooFast, *_WRITES],
    body=documents.CloudEvents,
    examples={
        "an order": {
            "specversion": "1.0",
            "id": "17",
            "type": "order.placed",
            "source": "/shop",
            "subject": "order-17",
            "data": {"total": 120.5},
        }
    },
)
LIST: Final = described(
    {200: Answer("A page.", [documents.EventPage])}, refusals=[Invalid, PositionInvalid, StoreAway]
)
ONE: Final = described(
    {200: Answer("The event.", [documents.CloudEvent])}, refusals=[EventUnknown, StoreAway]
)
STREAM: Final = described(
    {200: Answer("Events.", [documents.EventStream], media_type="text/event-stream")},
    refusals=[Invalid, PositionInvalid, StreamsExhausted, StoreAway, NotReplicated],
    headers=[Header("Last-Event-ID", "Go on behind this id.", 8_192)],
)
