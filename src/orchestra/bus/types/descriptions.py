"""What the routes of types say about themselves, for the description of the API."""

from typing import Final

from orchestra.bus.types import documents
from orchestra.bus.types.fields import EventTypeBuiltIn, EventTypeInvalid
from orchestra.bus.types.records import (
    EventTypeMoved,
    EventTypeNarrowed,
    EventTypesExhausted,
    EventTypeUnknown,
)
from orchestra.described import Answer, described
from orchestra.security.bodies import RequestInvalid
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.store.failures import NotReplicated, StoreAway, StoreDiskFull, StoreFull

LIST: Final = described({200: Answer("All of them.", [documents.EventTypes])}, refusals=[StoreAway])
ONE: Final = described(
    {200: Answer("The type.", [documents.EventTypeShown])}, refusals=[EventTypeUnknown, StoreAway]
)
PUT: Final = described(
    {200: Answer("What is published from now on has to fit.", [documents.EventTypeShown])},
    refusals=[
        *JSON_REFUSALS,
        RequestInvalid,
        EventTypeInvalid,
        EventTypeBuiltIn,
        EventTypeNarrowed,
        EventTypesExhausted,
        EventTypeMoved,
        StoreAway,
        NotReplicated,
        StoreFull,
        StoreDiskFull,
    ],
    body=documents.EventTypeBody,
    examples={
        "orders": {
            "schema": {
                "type": "object",
                "properties": {"total": {"type": "number", "minimum": 0}},
                "required": ["total"],
            },
            "compatibility": "backward",
        }
    },
)
REMOVE: Final = described(
    {204: Answer("Its events are free again.")},
    refusals=[EventTypeUnknown, StoreAway, NotReplicated],
)
