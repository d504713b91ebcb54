"""What the subscription routes say about themselves, for the description of the API."""

from typing import Final

from orchestra.bus import PositionInvalid, documents
from orchestra.bus.readers.subscriptions import (
    Quota,
    SubscriptionExists,
    SubscriptionUnknown,
    WindowLost,
)
from orchestra.described import Answer, described
from orchestra.errors import Invalid
from orchestra.security.bodies import RequestInvalid
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.store.failures import NotReplicated, StoreAway, StoreDiskFull, StoreFull

_WRITES: Final = (StoreAway, NotReplicated, StoreFull, StoreDiskFull)

CREATE: Final = described(
    {201: Answer("It is there, and misses nothing from now on.", [documents.Subscription])},
    refusals=[
        *JSON_REFUSALS,
        RequestInvalid,
        Invalid,
        PositionInvalid,
        SubscriptionExists,
        Quota,
        *_WRITES,
    ],
    body=documents.SubscriptionBody,
    examples={
        "what fails": {"name": "failures", "event_filter": {"event_types": ["*.failed"]}},
        "all orders": {
            "name": "billing",
            "event_filter": {"event_types": ["order.*"], "sources": ["shop"]},
            "start": "oldest",
        },
    },
)
LIST: Final = described(
    {200: Answer("All of them.", [documents.SubscriptionList])}, refusals=[StoreAway]
)
ONE: Final = described(
    {200: Answer("The subscription.", [documents.SubscriptionShown])},
    refusals=[SubscriptionUnknown, StoreAway],
)
REMOVE: Final = described(
    {204: Answer("It is gone.")}, refusals=[SubscriptionUnknown, StoreAway, NotReplicated]
)
PULL: Final = described(
    {200: Answer("Events, or none in that time.", [documents.Pulled])},
    refusals=[*JSON_REFUSALS, RequestInvalid, SubscriptionUnknown, *_WRITES],
    body=documents.PullBody,
    body_optional=True,
    examples={"wait for some": {"max": 100, "wait_ms": 20_000}},
)
ACK: Final = described(
    {200: Answer("They will not come again.", [documents.Acknowledged])},
    refusals=[
        *JSON_REFUSALS,
        RequestInvalid,
        SubscriptionUnknown,
        WindowLost,
        StoreAway,
        NotReplicated,
    ],
    body=documents.AckBody,
    examples={"what was pulled": {"cursor": "3.pul_01a20606-6816-7fcc-bdd9-2c8bd34447b0"}},
)
