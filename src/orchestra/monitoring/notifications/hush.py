"""Silences in the store."""

from collections.abc import Mapping
from typing import cast

import msgspec
import structlog

from orchestra.clock import Clock
from orchestra.monitoring.notifications.matching import silence_of
from orchestra.monitoring.notifications.records import (
    DAY_MS,
    SILENCES_MAX,
    Silence,
    SilencesExhausted,
    SilenceUnknown,
)
from orchestra.store import frames, notice_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

FRESH_S = 1.0
TENANTS_MAX = 1_000


class Silences:
    """What nobody is told of for a while."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._scripts = load_scripts("orchestra.monitoring.notifications", prelude=False)
        self._prefix = notice_keys.notices(store.space)
        self._lately: dict[Tenant, tuple[float, list[Silence]]] = {}

    async def of_tenant(self, tenant: Tenant) -> list[Silence]:
        """All that are on, or will be, or were a day ago; those that end last come first."""
        key = notice_keys.silences(self._prefix, tenant)
        flat = cast(
            "list[bytes]",
            await self._store.insist(lambda: self._store.read(self._prefix, "HGETALL", key)),
        )
        since = self._clock.now_ms() - DAY_MS
        found = [one for one in map(_decoded, flat[1::2]) if one is not None]
        kept = [one for one in found if one.ends_ms > since]
        return sorted(kept, key=lambda one: (-one.ends_ms, one.id))

    async def matches(self, tenant: Tenant, facts: Mapping[str, str]) -> Silence | None:
        """The silence that is on for an alert: its labels, `alertname`, `severity`, `rule`.

        As of a second ago at most: lists ask it for each of their lines.
        """
        now = self._clock.monotonic()
        at, found = self._lately.get(tenant, (float("-inf"), []))
        if now - at >= FRESH_S:
            found = await self.of_tenant(tenant)
            if len(self._lately) >= TENANTS_MAX:
                self._lately.clear()
            self._lately[tenant] = now, found
        return silence_of(found, facts, self._clock.now_ms())

    async def get(self, tenant: Tenant, silence: str) -> Silence:
        """Raises SilenceUnknown."""
        found = [one for one in await self.of_tenant(tenant) if one.id == silence]
        if not found:
            raise SilenceUnknown("there is no silence of this id")
        return found[0]

    async def put(self, silence: Silence) -> bool:
        """Keep a new one; False: another one has its id. Raises SilencesExhausted."""
        record = frames.pack(msgspec.json.encode(silence))
        kept = await self._store.insist(
            lambda: self._store.run(
                self._scripts["silence_put"],
                self._prefix,
                tenant=silence.tenant,
                id=silence.id,
                record=record,
                most=SILENCES_MAX,
                ends_ms=silence.ends_ms,
                now_ms=self._clock.now_ms(),
                keep_ms=DAY_MS,
            )
        )
        if kept == -1:
            told = f"a tenant has at most {SILENCES_MAX} silences"
            raise SilencesExhausted(told, limit=SILENCES_MAX)
        self._lately.pop(silence.tenant, None)
        return bool(kept)

    async def drop(self, tenant: Tenant, silence: str) -> None:
        """End it now: what still fires is said. Raises SilenceUnknown."""
        script = self._scripts["silence_drop"]
        now_ms = self._clock.now_ms()
        gone = await self._store.insist(
            lambda: self._store.run(script, self._prefix, tenant=tenant, id=silence, now_ms=now_ms)
        )
        self._lately.pop(tenant, None)
        if not gone:
            raise SilenceUnknown("there is no silence of this id")


def _decoded(kept: bytes) -> Silence | None:
    try:
        return msgspec.json.decode(frames.unpack(kept), type=Silence)
    except (frames.CorruptRecord, msgspec.DecodeError):
        log.exception("silence.unreadable")
        return None
