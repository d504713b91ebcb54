"""Endpoints as the documents of the API. A URL may hold a token: who may change it sees all."""

from typing import Any
from urllib.parse import urlsplit

from orchestra.bus.webhooks.reading import form_of
from orchestra.bus.webhooks.records import Endpoint, SigningKey
from orchestra.bus.webhooks.signing import Key
from orchestra.instants import instant

Document = dict[str, Any]


def endpoint(one: Endpoint, *, whole: bool) -> Document:
    """An endpoint; not `whole`: only the host of its URL."""
    return {
        "id": one.id,
        **form_of(one),
        "url": one.url if whole else shortened(one.url),
        "state": one.state,
        "disabled_reason": one.disabled_reason,
        "created_at": instant(one.created_ms),
        "updated_at": instant(one.updated_ms),
        "revision": one.revision,
        "signing_keys": [key_shown(key) for key in one.secrets],
    }


def key_shown(key: SigningKey) -> Document:
    """A key that signs, without its value."""
    return {
        "id": key.id,
        "kind": key.kind,
        "created_at": instant(key.created_ms),
        "expires_at": None if key.expires_ms is None else instant(key.expires_ms),
    }


def made(one: Endpoint, key: Key) -> Document:
    """An endpoint with its newest key, this once."""
    return endpoint(one, whole=True) | {"secret": key.text, "public_key": key.public}


def shortened(url: str) -> str:
    """A URL without what may be secret in it."""
    parts = urlsplit(url)
    rest = parts.path not in ("", "/") or parts.query or parts.fragment
    return f"{parts.scheme}://{parts.netloc}/{'…' if rest else ''}"
