"""What the webhook routes say about themselves, for the description of the API."""

from typing import Final

from orchestra.bus import PositionInvalid
from orchestra.bus.webhooks import delivery_documents, documents
from orchestra.bus.webhooks.deliveries import DeliveryUnknown, EventGone, WebhookDisabled
from orchestra.bus.webhooks.keybox import SigningKeyUnreadable
from orchestra.bus.webhooks.reading import WebhookInvalid
from orchestra.bus.webhooks.records import (
    KeysExhausted,
    Quota,
    WebhookManaged,
    WebhookMoved,
    WebhookUnknown,
)
from orchestra.bus.webhooks.replaying import ReplayRunning, ReplayUnknown
from orchestra.described import Answer, described
from orchestra.problems import BodyTooLarge
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.security.secrets import MasterKeyMissing
from orchestra.store.failures import NotReplicated, StoreAway, StoreDiskFull, StoreFull
from orchestra.store.repeats import IdempotencyMismatch

WRITES: Final = (StoreAway, NotReplicated, StoreFull, StoreDiskFull)
_WEBHOOK: Final = Answer("The webhook.", [documents.Webhook], headers=["ETag"])
_TURNED: Final = described({200: _WEBHOOK}, refusals=[WebhookUnknown, WebhookMoved, *WRITES])

CREATE: Final = described(
    {
        201: Answer(
            "Made. Keep the secret: it is not shown again.",
            [documents.WebhookMade],
            headers=["Location", "ETag", "Idempotency-Replayed"],
        )
    },
    refusals=[
        *JSON_REFUSALS, WebhookInvalid, BodyTooLarge, Quota, IdempotencyMismatch,
        MasterKeyMissing, SigningKeyUnreadable, *WRITES,
    ],
    body=documents.WebhookBody,
    examples={
        "what failed": {
            "name": "on call",
            "url": "https://example.com/hooks/orchestra",
            "event_filter": {"event_types": ["workflow.failed", "step.failed"]},
        },
        "a chat": {
            "name": "team chat",
            "url": "https://hooks.slack.com/services/T000/B000/example",
            "event_filter": {
                "event_types": ["workflow.*"],
                "expression": "event.data.workflow_id == 'support'",
            },
        },
    },
)  # fmt: skip
LIST: Final = described(
    {200: Answer("A page.", [documents.WebhookPage])}, refusals=[PositionInvalid, StoreAway]
)
ONE: Final = described({200: _WEBHOOK}, refusals=[WebhookUnknown, StoreAway])
CHANGE: Final = described(
    {200: _WEBHOOK},
    refusals=[
        *JSON_REFUSALS, WebhookInvalid, BodyTooLarge, WebhookUnknown, WebhookMoved, WebhookManaged,
        *WRITES,
    ],
    body=documents.WebhookChange,
    examples={"fewer": {"event_filter": {"event_types": ["step.failed"]}, "rate_per_s": 5}},
)  # fmt: skip
REMOVE: Final = described(
    {204: Answer("Forgotten.")}, refusals=[WebhookUnknown, WebhookManaged, *WRITES]
)
ENABLE: Final = described(
    {200: Answer("On.", [documents.WebhookEnabled], headers=["ETag"])},
    refusals=[WebhookUnknown, WebhookMoved, *WRITES],
)
DISABLE: Final = _TURNED
ROTATE: Final = described(
    {200: Answer("A new key signs from now on.", [documents.WebhookMade], headers=["ETag"])},
    refusals=[
        *JSON_REFUSALS, WebhookInvalid, WebhookUnknown, WebhookMoved, KeysExhausted,
        MasterKeyMissing, *WRITES,
    ],
    body=documents.RotateBody,
    body_optional=True,
    examples={"two days for the receiver": {"overlap_h": 48}},
)  # fmt: skip
_JOB: Final = Answer("How far it is.", [delivery_documents.ReplayJob])
TEST: Final = described(
    {200: Answer("What came of it, whatever that was.", [delivery_documents.AttemptShown])},
    refusals=[WebhookUnknown, SigningKeyUnreadable, MasterKeyMissing, StoreAway],
)
DELIVERIES: Final = described(
    {200: Answer("A page.", [delivery_documents.DeliveryPage])},
    refusals=[PositionInvalid, WebhookUnknown, StoreAway],
)
DELIVERY: Final = described(
    {200: Answer("All its tries.", [delivery_documents.DeliveryShown])},
    refusals=[WebhookUnknown, DeliveryUnknown, StoreAway],
)
REDELIVER: Final = described(
    {202: Answer("In line.", [delivery_documents.Redelivery])},
    refusals=[WebhookUnknown, DeliveryUnknown, EventGone, WebhookDisabled, *WRITES],
)
REPLAY: Final = described(
    {202: Answer("It has begun.", [delivery_documents.ReplayJob])},
    refusals=[
        *JSON_REFUSALS, WebhookInvalid, WebhookUnknown, WebhookDisabled, ReplayRunning, *WRITES,
    ],
    body=delivery_documents.ReplayBody,
    examples={
        "what failed today": {"since": "2026-11-23T00:00:00Z", "failed_only": True},
        "an hour": {"since": "2026-11-23T08:00:00Z", "until": "2026-11-23T09:00:00Z"},
    },
)  # fmt: skip
REPLAYED: Final = described({200: _JOB}, refusals=[WebhookUnknown, ReplayUnknown, StoreAway])
STOP: Final = described({200: _JOB}, refusals=[WebhookUnknown, ReplayUnknown, *WRITES])
