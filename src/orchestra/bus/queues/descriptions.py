"""What the queue routes say about themselves, for the description of the API."""

from typing import Final

from orchestra.bus import PositionInvalid
from orchestra.bus.queues import documents
from orchestra.bus.queues.records import (
    MessageTooLarge,
    QueueExists,
    QueueFull,
    QueueInvalid,
    QueueNotEmpty,
    QueuesExhausted,
    QueueUnknown,
    RedriveRunning,
    RedriveUnknown,
)
from orchestra.described import Answer, described
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.store.failures import NotReplicated, StoreAway, StoreDiskFull, StoreFull

_WRITES: Final = (StoreAway, NotReplicated, StoreFull, StoreDiskFull)
_SETTLES: Final = [*JSON_REFUSALS, QueueInvalid, QueueUnknown, StoreAway, NotReplicated]
_RESULTS: Final = Answer("What became of each receipt.", [documents.ReceiptResults])
_RECEIPT: Final = "bXNnXzAxOWFi"
_JOB: Final = Answer("How far it is.", [documents.RedriveJob])
_QUEUE: Final = Answer("The queue.", [documents.Queue])

SAVE: Final = described(
    {
        200: Answer("It was there, and is changed.", [documents.Queue]),
        201: Answer("Made.", [documents.Queue], headers=["Location"]),
    },
    refusals=[*JSON_REFUSALS, QueueInvalid, QueuesExhausted, QueueExists, QueueNotEmpty, *_WRITES],
    body=documents.QueueBody,
    examples={"orders": {"name": "orders", "tries_max": 3, "lease_ms": 60_000}},
)
LIST: Final = described(
    {200: Answer("A page.", [documents.QueuePage])}, refusals=[PositionInvalid, StoreAway]
)
ONE: Final = described({200: _QUEUE}, refusals=[QueueUnknown, StoreAway])
CHANGE: Final = described(
    {200: _QUEUE},
    refusals=[*JSON_REFUSALS, QueueInvalid, QueueUnknown, QueueNotEmpty, *_WRITES],
    body=documents.QueueChange,
    examples={"patience": {"backoff_ms": [1_000, 60_000, 3_600_000]}},
)
DROP: Final = described(
    {204: Answer("Deleted.")}, refusals=[QueueUnknown, QueueNotEmpty, StoreAway, NotReplicated]
)
SEND: Final = described(
    {202: Answer("All of them are kept for good.", [documents.MessagesSent])},
    refusals=[
        *JSON_REFUSALS, QueueInvalid, QueueUnknown, MessageTooLarge, QueueFull, QueuesExhausted,
        *_WRITES,
    ],
    body=documents.SendBody,
    examples={
        "one": {"body": {"order": 17}, "group": "customer-4", "dedup_id": "order-17"},
        "several": {"messages": [{"body": 1}, {"body": 2, "delay_ms": 60_000}]},
    },
)  # fmt: skip
RECEIVE: Final = described(
    {200: Answer("What was ready; may be empty.", [documents.ReceivedMessages])},
    refusals=[*JSON_REFUSALS, QueueInvalid, QueueUnknown, StoreAway, NotReplicated],
    body=documents.ReceiveBody,
    body_optional=True,
    examples={"a worker": {"max": 10, "wait_ms": 20_000, "lease_ms": 60_000}},
)
ACK: Final = described(
    {200: _RESULTS},
    refusals=_SETTLES,
    body=documents.AckBody,
    examples={"done": {"receipts": [_RECEIPT]}},
)
NACK: Final = described(
    {200: _RESULTS},
    refusals=_SETTLES,
    body=documents.NackBody,
    examples={"in a minute": {"receipts": [_RECEIPT], "delay_ms": 60_000, "error": "busy"}},
)
EXTEND: Final = described(
    {200: _RESULTS},
    refusals=_SETTLES,
    body=documents.ExtendBody,
    examples={"a minute more": {"receipts": [_RECEIPT], "lease_ms": 60_000}},
)
PEEK: Final = described(
    {200: Answer("A page.", [documents.PeekedPage])},
    refusals=[PositionInvalid, QueueUnknown, StoreAway],
)
DEAD: Final = described(
    {200: Answer("A page.", [documents.DeadPage])},
    refusals=[PositionInvalid, QueueUnknown, StoreAway],
)
FORGET: Final = described(
    {200: Answer("They are gone for good.", [documents.DeadDeleted])},
    refusals=[QueueUnknown, StoreAway, NotReplicated],
)
REDRIVE: Final = described(
    {202: Answer("With `ids` it is completed, else it goes on.", [documents.RedriveJob])},
    refusals=[*JSON_REFUSALS, QueueInvalid, QueueUnknown, RedriveRunning, *_WRITES],
    body=documents.RedriveBody,
    examples={
        "all": {"all": True, "per_s": 100},
        "one, put right": {
            "ids": ["msg_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"],
            "body": {"order": 17},
        },
        "some": {"filter": {"error": "timed out", "since": "2026-11-23T01:30:00Z"}},
    },
)
REDRIVEN: Final = described({200: _JOB}, refusals=[QueueUnknown, RedriveUnknown, StoreAway])
STOP: Final = described(
    {200: _JOB}, refusals=[QueueUnknown, RedriveUnknown, StoreAway, NotReplicated]
)
