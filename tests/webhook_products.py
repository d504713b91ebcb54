"""A product that may keep secrets: what the tests of webhooks ask."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from edge import OneKey
from products import Product, a_product

from orchestra.security import Principal, Role
from orchestra.security.key_text import new_key
from orchestra.security.roles import permissions_of
from orchestra.store.keys import Tenant

EXAMPLE: dict[str, Any] = {
    "name": "on call",
    "url": "http://127.0.0.1:9/hook",
    "event_filter": {"event_types": ["workflow.failed", "step.*"]},
}


@contextlib.asynccontextmanager
async def a_keeper(store_url: str, folder: Path, **given: Any) -> AsyncIterator[Product]:
    """A replica with a master key; the same for all in one folder."""
    key = folder / "master.key"
    if not key.exists():
        key.write_text("k" * 48)
    async with a_product(store_url, master_key_file=str(key), **given) as one:
        yield one


async def a_webhook(one: Product, **given: Any) -> dict[str, Any]:
    """A webhook."""
    answer = await one.post("/api/webhooks/", EXAMPLE | given)
    assert answer.status_code == 201, answer.text
    return answer.json()


def come_as(
    one: Product, role: Role, tenant: str = "default", scopes: tuple[str, ...] = ()
) -> None:
    """Whoever asks from now on is this."""
    text = new_key()
    principal = Principal(Tenant(tenant), role, "key_t", permissions_of(role, scopes))
    one.stage.gateway.verifier = OneKey(text, principal)
    one.http.headers["x-api-key"] = text
