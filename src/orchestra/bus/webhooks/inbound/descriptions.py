"""What the routes of inbound hooks say about themselves, for the description of the API."""

from typing import Final

from orchestra.bus.events.published import EventTooLarge
from orchestra.bus.webhooks.descriptions import WRITES
from orchestra.bus.webhooks.inbound import documents
from orchestra.bus.webhooks.inbound.desk import HookIsPublic
from orchestra.bus.webhooks.inbound.records import (
    HookMedia,
    HookMoved,
    HookRefused,
    HookTooFast,
    HookUnknown,
)
from orchestra.bus.webhooks.keybox import SigningKeyUnreadable
from orchestra.bus.webhooks.reading import WebhookInvalid
from orchestra.bus.webhooks.records import KeysExhausted, Quota
from orchestra.described import Answer, Header, described
from orchestra.problems import BodyTooLarge
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.security.secrets import MasterKeyMissing
from orchestra.store.failures import StoreAway
from orchestra.store.repeats import IdempotencyMismatch

_HOOK: Final = Answer("The hook.", [documents.Hook], headers=["ETag"])

CREATE: Final = described(
    {
        201: Answer(
            "Made. Give the sender its address and the secret, which is not shown again.",
            [documents.HookMade],
            headers=["Location", "ETag", "Idempotency-Replayed"],
        )
    },
    refusals=[
        *JSON_REFUSALS, WebhookInvalid, BodyTooLarge, Quota, IdempotencyMismatch, MasterKeyMissing,
        SigningKeyUnreadable, *WRITES,
    ],
    body=documents.HookBody,
    examples={
        "pushes start a workflow": {
            "name": "pushes",
            "scheme": "github",
            "target": {"workflow": "wfl_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"},
        },
        "answers go to a waiting step": {
            "name": "approvals",
            "target": {"signal": {"execution": "${input.execution_id}", "name": "approved"}},
        },
    },
)  # fmt: skip
LIST: Final = described({200: Answer("All of them.", [documents.HookPage])}, refusals=[StoreAway])
ONE: Final = described({200: _HOOK}, refusals=[HookUnknown, StoreAway])
CHANGE: Final = described(
    {200: _HOOK},
    refusals=[*JSON_REFUSALS, WebhookInvalid, BodyTooLarge, HookUnknown, HookMoved, *WRITES],
    body=documents.HookChange,
    examples={"stop": {"active": False}},
)
REMOVE: Final = described({204: Answer("Forgotten.")}, refusals=[HookUnknown, *WRITES])
ROTATE: Final = described(
    {200: Answer("A new secret is believed from now on.", [documents.HookMade], headers=["ETag"])},
    refusals=[
        *JSON_REFUSALS, WebhookInvalid, HookUnknown, HookMoved, HookIsPublic, KeysExhausted,
        MasterKeyMissing, *WRITES,
    ],
    body=documents.HookRotation,
    body_optional=True,
    examples={"two days for the sender": {"overlap_h": 48}},
)  # fmt: skip
RECEIVE: Final = described(
    {
        200: Answer("The answer to Slack's `url_verification`.", [documents.HookChallenge]),
        202: Answer("Believed, and kept for good.", [documents.HookAccepted]),
    },
    refusals=[
        *JSON_REFUSALS, HookRefused, HookTooFast, HookMedia, WebhookInvalid, BodyTooLarge,
        EventTooLarge, *WRITES,
    ],
    body=documents.ANYTHING,
    body_optional=True,
    examples={"a push": {"ref": "refs/heads/main"}},
    headers=[
        Header("webhook-id", "Standard Webhooks: what is the same on every try."),
        Header("webhook-timestamp", "Standard Webhooks: seconds, within five minutes of now."),
        Header("webhook-signature", "Standard Webhooks: `v1,` and base64; several with spaces."),
        Header("X-Hub-Signature-256", "GitHub."),
        Header("X-Slack-Signature", "Slack, with `X-Slack-Request-Timestamp`."),
        Header("Stripe-Signature", "Stripe: `t=…,v1=…`."),
    ],
)  # fmt: skip
