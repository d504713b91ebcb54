"""Events that were published: written by one script, read back from the same stream."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from orchestra import tracing
from orchestra.bus import Draft, Event
from orchestra.bus.limits import LIMITS, Limits
from orchestra.clock import Ids
from orchestra.errors import TooLarge
from orchestra.store import keys, partitions
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

DATA_MAX_BYTES: Final = 262_144
DEDUP_MS: Final = 86_400_000
REPEAT_MS: Final = 60_000
STREAM: Final = 1


class EventTooLarge(TooLarge):
    """The data of an event has at most 256 KiB. Context: `limit_bytes`."""


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """An event as it is stored. Fields are only ever added at the end."""

    type: str
    source: str
    key: str
    data: msgspec.Raw
    time_ms: int | None = None
    correlation: str | None = None
    causation: str | None = None
    traceparent: str | None = None


class Published:
    """Publishes, and is the `Source` of what was published."""

    def __init__(self, store: Store, ids: Ids, limits: Limits = LIMITS) -> None:
        self._store, self._ids, self._limits = store, ids, limits
        self._scripts = load_scripts(__package__ or "")
        self._tags = {keys.published(store.prefix(tag)): tag for tag in store.partitions}

    async def publish(self, draft: Draft, *, dedup: str | None = None) -> str:
        """See `Bus.publish`. Raises EventTooLarge."""
        if len(bytes(draft.data)) > DATA_MAX_BYTES:
            raise EventTooLarge(
                "the data of an event has at most 256 KiB", limit_bytes=DATA_MAX_BYTES
            )
        kept = Kept(
            draft.type,
            draft.source,
            draft.key,
            draft.data,
            draft.time_ms,
            draft.correlation,
            draft.causation,
            draft.traceparent or tracing.text() or None,
        )
        tag = self._tag(draft.tenant, draft.key)
        # Ours for a minute, when the caller has none: a reply that was lost is asked for again.
        name = dedup if dedup is not None else self._ids.new("pub")
        unique = hashlib.sha256(f"event|{draft.tenant}|{draft.key}|{name}".encode()).hexdigest()
        position: bytes = await self._store.insist(
            lambda: self._store.run(
                self._scripts["event_publish"],
                self._store.prefix(tag),
                origin=draft.origin,
                tenant=draft.tenant,
                event=msgspec.json.encode(kept),
                dedup=unique[:40],
                dedup_ms=DEDUP_MS if dedup is not None else REPEAT_MS,
                keep_ms=self._limits.keep_ms,
                keep_bytes=self._limits.keep_bytes,
            )
        )
        return partitions.event_id(STREAM, tag, position.decode())

    def streams(self) -> Mapping[str, str]:
        """One a partition."""
        return {key: self._store.prefix(tag) for key, tag in self._tags.items()}

    def types(self) -> Collection[str] | None:
        """Any."""
        return None

    def event(self, key: str, position: str, fields: Mapping[str, bytes]) -> Event | None:
        """What was published there."""
        try:
            kept = msgspec.json.decode(fields["e"], type=Kept)
        except (KeyError, msgspec.DecodeError):
            return None
        ms = int(position.partition("-")[0])
        return Event(
            id=partitions.event_id(STREAM, self._tags[key], position),
            type=kept.type,
            source=kept.source,
            key=kept.key,
            tenant=Tenant(fields["t"].decode()),
            origin="module" if fields["o"] == b"module" else "api",
            at_ms=ms if kept.time_ms is None else kept.time_ms,
            data=kept.data,
            correlation=kept.correlation,
            causation=kept.causation,
            traceparent=kept.traceparent,
        )

    def _tag(self, tenant: Tenant, key: str) -> int:
        digest = hashlib.sha256(f"{tenant}|{key}".encode()).digest()
        tags = self._store.partitions
        return tags[int.from_bytes(digest[:8], "big") % len(tags)]
