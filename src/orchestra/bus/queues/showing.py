"""Queues and messages as the documents of the API."""

from typing import Any

from orchestra.bus.queues.messages import Settled
from orchestra.bus.queues.records import DeadLetter, Peeked, Queue, Received, Redrive
from orchestra.instants import instant

Document = dict[str, Any]


def queue(one: Queue) -> Document:
    """A queue."""
    options, counts = one.options, one.counts
    return {
        "name": one.name,
        "created_at": instant(one.created_ms),
        "tries_max": options.tries_max,
        "lost_max": options.lost_max,
        "lease_ms": options.lease_ms,
        "depth_max": options.depth_max,
        "backoff_ms": options.backoff_ms,
        "spread": options.spread,
        "depth": counts.depth,
        "ready": counts.ready,
        "in_flight": counts.in_flight,
        "delayed": counts.delayed,
        "dead": counts.dead,
        "oldest_ms": counts.oldest_ms,
        "totals": one.totals,
    }


def received(one: Received) -> Document:
    """A message that is leased."""
    return {
        "id": one.id,
        "receipt": one.receipt,
        "body": one.body,
        "attempt": one.attempt,
        "enqueued_at": instant(one.enqueued_ms),
        "group": one.group,
    }


def peeked(one: Peeked) -> Document:
    """A message as it is."""
    return {
        "id": one.id,
        "state": one.state,
        "body": one.body,
        "attempts": one.attempts,
        "enqueued_at": instant(one.enqueued_ms),
        "priority": one.priority,
        "group": one.group,
        "until": None if one.until_ms is None else instant(one.until_ms),
    }


def letter(one: DeadLetter) -> Document:
    """A dead letter."""
    return {
        "id": one.id,
        "body": one.body,
        "kind": one.kind,
        "error": one.error,
        "attempts": one.attempts,
        "enqueued_at": instant(one.enqueued_ms),
        "died_at": instant(one.died_ms),
        "priority": one.priority,
        "group": one.group,
    }


def redrive(one: Redrive) -> Document:
    """A redrive."""
    return {
        "id": one.id,
        "state": one.state,
        "moved": one.moved,
        "total": one.total,
        "per_s": one.per_s,
        "began_at": instant(one.began_ms),
        "ended_at": None if one.ended_ms is None else instant(one.ended_ms),
    }


def results(receipts: list[str], settled: list[Settled]) -> Document:
    """What became of each. Whoever hands a message back need not know that it was its last try."""
    return {
        "results": [
            {"receipt": receipt, "result": "gone" if one == "gone" else "ok"}
            for receipt, one in zip(receipts, settled, strict=True)
        ]
    }
