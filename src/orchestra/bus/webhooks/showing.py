"""Endpoints as the documents of the API. A URL may hold a token: who may change it sees all."""

from typing import Any, Final
from urllib.parse import urlsplit

from orchestra.bus.webhooks.attempts import Attempt
from orchestra.bus.webhooks.circuits import Circuit
from orchestra.bus.webhooks.deliveries import Health
from orchestra.bus.webhooks.reading import form_of
from orchestra.bus.webhooks.records import Endpoint, SigningKey
from orchestra.bus.webhooks.replaying import Replay
from orchestra.bus.webhooks.signing import Key
from orchestra.instants import instant

Document = dict[str, Any]
NEW: Final = Health(Circuit(), 0)
"""Nothing was sent to it yet."""


def endpoint(one: Endpoint, health: Health = NEW, *, whole: bool) -> Document:
    """An endpoint; not `whole`: only the host of its URL."""
    circuit = health.circuit
    return {
        "id": one.id,
        **form_of(one),
        "url": one.url if whole else shortened(one.url),
        "state": one.state,
        "disabled_reason": one.disabled_reason,
        "circuit": {
            "state": circuit.state,
            "until": _maybe(circuit.until_ms),
            "failures": circuit.failures,
            "in_flight_max": circuit.in_flight_max,
        },
        "last_success_at": _maybe(circuit.last_success_ms),
        "failing_since": _maybe(circuit.failing_since_ms),
        "waiting": health.waiting,
        "created_at": instant(one.created_ms),
        "updated_at": instant(one.updated_ms),
        "revision": one.revision,
        "managed_by": one.managed_by or None,
        "signing_keys": [key_shown(key) for key in one.secrets],
    }


def key_shown(key: SigningKey) -> Document:
    """A key that signs, without its value."""
    return {
        "id": key.id,
        "kind": key.kind,
        "created_at": instant(key.created_ms),
        "expires_at": _maybe(key.expires_ms),
    }


def made(one: Endpoint, key: Key) -> Document:
    """An endpoint with its newest key, this once."""
    return endpoint(one, whole=True) | {"secret": key.text, "public_key": key.public}


def shortened(url: str) -> str:
    """A URL without what may be secret in it."""
    parts = urlsplit(url)
    rest = parts.path not in ("", "/") or parts.query or parts.fragment
    return f"{parts.scheme}://{parts.netloc}/{'…' if rest else ''}"


def attempt(one: Attempt) -> Document:
    """One try."""
    return {
        "delivery": one.delivery,
        "event": one.event,
        "type": one.type,
        "key": one.key,
        "result": one.result,
        "at": instant(one.at_ms),
        "attempt": one.attempt,
        "trigger": one.trigger,
        "status": one.status,
        "ms": one.ms,
        "error": one.error,
        "detail": one.detail,
        "address": one.address,
        "headers": one.headers,
        "body": one.body,
        "next_at": _maybe(one.next_ms),
    }


def replay(one: Replay) -> Document:
    """A replay."""
    return {
        "id": one.id,
        "state": one.state,
        "sent": one.sent,
        "since": instant(one.wish.since_ms),
        "until": instant(one.wish.until_ms),
        "failed_only": one.wish.failed_only,
        "event_types": one.wish.types,
        "per_s": one.per_s,
        "began_at": instant(one.began_ms),
        "ended_at": _maybe(one.ended_ms),
    }


def _maybe(ms: int | None) -> str | None:
    return None if ms is None else instant(ms)
