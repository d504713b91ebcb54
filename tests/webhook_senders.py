"""Senders of inbound hooks: how each signs, and a stranger who sends."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
from products import Product
from standardwebhooks.webhooks import Webhook

SECRET = "a-secret-of-the-sender"
JSON = {"content-type": "application/json"}
Headers = dict[str, str]
Sign = Callable[[str, bytes, int], Headers]


def now_s() -> int:
    return int(datetime.now(UTC).timestamp())


def hexed(text: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def standard(secret: str, body: bytes, at: int, name: str = "msg_1") -> Headers:
    signature = Webhook(secret).sign(name, datetime.fromtimestamp(at, UTC), body.decode())
    return {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": signature}


def github(secret: str, body: bytes, _: int) -> Headers:
    return {
        "X-Hub-Signature-256": f"sha256={hexed(body, secret)}",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    }


def slack(secret: str, body: bytes, at: int) -> Headers:
    signed = hexed(f"v0:{at}:".encode() + body, secret)
    return {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": f"v0={signed}"}


def stripe(secret: str, body: bytes, at: int) -> Headers:
    other, good = hexed(b"x"), hexed(f"{at}.".encode() + body, secret)
    return {"Stripe-Signature": f"t={at},v1={other},v1={good},v0=abc"}


SENDERS: dict[str, Sign] = {
    "standard-webhooks": standard, "github": github, "slack": slack, "stripe": stripe,
}  # fmt: skip


def secret_for(scheme: str) -> dict[str, str]:
    """What is given; for Standard Webhooks one is made."""
    return {} if scheme == "standard-webhooks" else {"secret": SECRET}


async def a_hook(one: Product, **given: Any) -> dict[str, Any]:
    answer = await one.post("/api/webhooks/inbound", {"name": "pushes"} | given)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def send(
    one: Product, hook: str, body: bytes, headers: Headers | None = None
) -> httpx.Response:
    """As a stranger: nothing but what the sender has."""
    named = {name.encode(): value.encode() for name, value in (JSON | (headers or {})).items()}
    return await one.http.post(f"/api/webhooks/in/{hook}", content=body, headers=named)


async def received(one: Product) -> list[dict[str, Any]]:
    found = await one.http.get("/api/events/", params={"types": "webhook.received"})
    return found.json()["events"]
