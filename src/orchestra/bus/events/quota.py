"""How many events a tenant may publish: one count in the store, spent by replicas in handfuls.

A replica takes a hundred at a time, so that publishing costs no round trip more. What it has taken
and not used is its own for ten seconds: over all replicas a tenant may publish that many more.
"""

from typing import Final, cast

import anyio
import msgspec

from orchestra.bus.limits import LIMITS, Limits
from orchestra.clock import Clock
from orchestra.errors import TooMany
from orchestra.store import event_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

HANDFUL: Final = 100
OURS_S: Final = 10.0
TENANTS_MAX: Final = 10_000


class PublishingTooFast(TooMany):
    """The tenant publishes more than it may. Context: `limit_per_s`, `retry_after_ms`."""


class _Hand(msgspec.Struct):
    left: int
    until: float
    lock: anyio.Lock


class Quota:
    """What every tenant may publish through this replica."""

    def __init__(self, store: Store, clock: Clock, limits: Limits = LIMITS) -> None:
        self._store, self._clock, self._limits = store, clock, limits
        self._scripts = load_scripts(__package__ or "")
        self._hands: dict[Tenant, _Hand] = {}

    async def spend(self, tenant: Tenant, count: int) -> None:
        """`count` events are about to be published, or none. Raises PublishingTooFast."""
        hand = self._hands.get(tenant)
        if hand is None:
            if len(self._hands) >= TENANTS_MAX:
                self._hands.pop(next(iter(self._hands)))
            hand = self._hands[tenant] = _Hand(0, 0.0, anyio.Lock())
        async with hand.lock:
            if hand.until < self._clock.monotonic():
                hand.left = 0
            if hand.left < count:
                await self._take(tenant, hand, count - hand.left)
            hand.left -= count

    async def _take(self, tenant: Tenant, hand: _Hand, least: int) -> None:
        limits = self._limits
        reply = await self._store.insist(
            lambda: self._store.run(
                self._scripts["publish_allow"],
                event_keys.of_events(tenant, self._store.space),
                want=max(least, min(HANDFUL, limits.burst // 10)),
                least=least,
                per_s=limits.per_s,
                burst=limits.burst,
            )
        )
        granted, wait_ms = cast("list[int]", reply)
        if not granted:
            raise PublishingTooFast(
                "more events than this tenant may publish",
                limit_per_s=limits.per_s,
                retry_after_ms=wait_ms,
            )
        hand.left += granted
        hand.until = self._clock.monotonic() + OURS_S
