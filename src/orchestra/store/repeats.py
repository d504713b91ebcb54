"""Requests that may come twice: what was made for an `Idempotency-Key`, remembered for a day."""

import hashlib
from typing import Final, cast

import msgspec

from orchestra.errors import Invalid
from orchestra.store import keys
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
    """Which id was given for which key of which tenant, to things of the kind `noun`."""

    def __init__(self, store: Store, prefix: str, noun: str) -> None:
        self._store, self._prefix, self._noun = store, prefix, noun

    async def known(self, tenant: Tenant, key: str | None, body: bytes) -> str | None:
        """The id that belongs to the key; None when nobody used it. Raises as `claim` does."""
        if key is None:
            return None
        kept = await self._store.insist(
            lambda: self._store.read(self._prefix, "GET", self._at(tenant, key))
        )
        return None if kept is None else _same(cast("bytes", kept), _digest(body))

    async def claim(self, tenant: Tenant, key: str | None, body: bytes, new_id: str) -> Claim:
        """`new_id`, or the one of before. Raises IdempotencyMismatch, StoreAway."""
        if key is None:
            return Claim(new_id, again=False)
        at, wanted = self._at(tenant, key), f"{new_id}|{_digest(body)}"
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
        return Claim(_same(kept, _digest(body)), again=True)

    def _at(self, tenant: Tenant, key: str) -> str:
        named = hashlib.sha256(f"{self._noun}|{tenant}|{key}".encode()).hexdigest()[:40]
        return keys.idempotency(self._prefix, named)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _same(kept: bytes, digest: str) -> str:
    known, _, before = kept.decode().partition("|")
    if before != digest:
        raise IdempotencyMismatch("this Idempotency-Key was used with another body")
    return known
