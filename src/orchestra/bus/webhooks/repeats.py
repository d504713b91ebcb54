"""Requests that may come twice: what was made for an `Idempotency-Key`, remembered for a day."""

import hashlib
from typing import Final, cast

import msgspec

from orchestra.errors import Invalid
from orchestra.store import webhook_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

KEEP_MS: Final = 86_400_000


class IdempotencyMismatch(Invalid):
    """The `Idempotency-Key` was used with another body."""


class Claim(msgspec.Struct, frozen=True):
    """The id that belongs to a key. `again`: it was claimed before."""

    id: str
    again: bool


class Repeats:
    """Which id was given for which key of which tenant."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._prefix = webhook_keys.webhooks(store.space)

    async def claim(self, tenant: Tenant, key: str | None, body: bytes, new_id: str) -> Claim:
        """`new_id`, or the one of before. Raises IdempotencyMismatch, StoreAway."""
        if key is None:
            return Claim(new_id, again=False)
        named = hashlib.sha256(f"webhook|{tenant}|{key}".encode()).hexdigest()[:40]
        at = webhook_keys.remembered(self._prefix, named)
        wanted = f"{new_id}|{hashlib.sha256(body).hexdigest()}"
        kept = cast(
            "bytes | None",
            await self._store.insist(
                lambda: self._store.call(
                    self._prefix, "SET", at, wanted, "NX", "PX", KEEP_MS, "GET"
                )
            ),
        )
        if kept is None or kept.decode() == wanted:
            return Claim(new_id, again=False)
        known, _, digest = kept.decode().partition("|")
        if digest != hashlib.sha256(body).hexdigest():
            raise IdempotencyMismatch("this Idempotency-Key was used with another body")
        return Claim(known, again=True)
