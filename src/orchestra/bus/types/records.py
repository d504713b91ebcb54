"""Schemas of a tenant's types of events: kept in the store, and known to every process that asks.

What a process knows is good until it is told of a change, or for five seconds; then it asks for a
number that grows with each change, and reads them again only when that has grown.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, Literal, cast

import anyio
import msgspec

from orchestra.bus.types.compatibility import narrowed
from orchestra.clock import Clock
from orchestra.errors import Conflict, Invalid, NotFound
from orchestra.store import event_keys
from orchestra.store.client import Store
from orchestra.store.frames import pack_small, unpack
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts
from orchestra.store.wakes import Topics

TYPES_MAX: Final = 100
FRESH_S: Final = 5.0
TENANTS_MAX: Final = 1_000

Compatibility = Literal["none", "backward"]


class EventType(msgspec.Struct, frozen=True):
    """What the data of a type has to look like."""

    type: str
    schema: dict[str, Any]
    compatibility: Compatibility
    description: str
    revision: int
    created_ms: int
    updated_ms: int


class EventTypeUnknown(NotFound):
    """No schema is kept for this type of event."""


class EventTypesExhausted(Conflict):
    """The tenant has as many types with a schema as it may. Context: `limit`."""


class EventTypeMoved(Conflict):
    """Somebody else changed the schema of this type at the same time: look, and try again."""


class EventTypeNarrowed(Invalid):
    """The schema refuses what the one before it took. `findings` says where."""


class _Known(msgspec.Struct):
    revision: bytes
    until: float
    raw: Mapping[str, bytes]
    types: Mapping[str, EventType]


class Types:
    """The types of all tenants."""

    def __init__(self, store: Store, topics: Topics, clock: Clock) -> None:
        self._store, self._topics, self._clock = store, topics, clock
        self._scripts = load_scripts(__package__ or "")
        self._known: OrderedDict[Tenant, _Known] = OrderedDict()
        self._asking: dict[Tenant, anyio.Lock] = {}

    async def of(self, tenant: Tenant) -> Mapping[str, EventType]:
        """By type."""
        known = self._known.get(tenant)
        if known is not None and known.until > self._clock.monotonic():
            return known.types
        async with self._asking.setdefault(tenant, anyio.Lock()):
            known = self._known.get(tenant)
            if known is None or known.until <= self._clock.monotonic():
                known = await self._look(tenant, known)
        self._asking.pop(tenant, None)
        return known.types

    async def one(self, tenant: Tenant, name: str) -> EventType:
        """Raises EventTypeUnknown."""
        found = (await self.of(tenant)).get(name)
        if found is None:
            raise _unknown()
        return found

    async def put(
        self, tenant: Tenant, name: str, schema: dict[str, Any], mode: Compatibility, told: str
    ) -> EventType:
        """Keep a schema. Repeating it changes nothing.

        Raises EventTypesExhausted, EventTypeMoved, EventTypeNarrowed.
        """
        known = await self._look(tenant, None)
        before = known.types.get(name)
        now = self._clock.now_ms()
        if before is not None:
            if (before.schema, before.compatibility, before.description) == (schema, mode, told):
                return before
            if mode == "backward" and (findings := narrowed(before.schema, schema)):
                raise EventTypeNarrowed("events that were right would be refused", findings)
        made = EventType(
            name,
            schema,
            mode,
            told,
            1 if before is None else before.revision + 1,
            now if before is None else before.created_ms,
            now,
        )
        done = await self._run(
            "type_put",
            tenant,
            type=name,
            seen=known.raw.get(name, b""),
            record=pack_small(msgspec.json.encode(made)),
            most=TYPES_MAX,
        )
        if done == -1:
            raise EventTypesExhausted(f"a tenant has at most {TYPES_MAX} of these", limit=TYPES_MAX)
        # 0 after a repeat whose first answer was lost, too: look whether it is ours.
        if done == 0 and (await self._look(tenant, None)).types.get(name) != made:
            raise EventTypeMoved("somebody else changed it just now: look at it, and try again")
        self._stale(tenant)
        return made

    async def drop(self, tenant: Tenant, name: str) -> None:
        """Forget a schema: its events are free again. Raises EventTypeUnknown."""
        done = await self._run("type_drop", tenant, type=name)
        self._stale(tenant)
        if not done:
            raise _unknown()

    async def _look(self, tenant: Tenant, known: _Known | None) -> _Known:
        prefix = event_keys.of_events(tenant, self._store.space)
        key = event_keys.types(prefix)
        self._topics.want(event_keys.types_channel(prefix), lambda _: self._stale(tenant))
        until = self._clock.monotonic() + FRESH_S
        revision = cast("bytes | None", await self._read(prefix, "HGET", key, "@rev")) or b""
        if known is None or known.revision != revision:
            flat = cast("list[bytes]", await self._read(prefix, "HGETALL", key))
            raw = {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
            revision = raw.pop("@rev", b"")
            kinds = {name: _record(value) for name, value in raw.items()}
            known = _Known(revision, until, raw, kinds)
        known.until = until
        self._known[tenant] = known
        self._known.move_to_end(tenant)
        while len(self._known) > TENANTS_MAX:
            gone, _ = self._known.popitem(last=False)
            prefix = event_keys.of_events(gone, self._store.space)
            self._topics.forget(event_keys.types_channel(prefix))
        return known

    def _stale(self, tenant: Tenant) -> None:
        known = self._known.get(tenant)
        if known is not None:
            known.until = 0.0

    async def _run(self, script: str, tenant: Tenant, **args: bytes | str | int) -> object:
        prefix = event_keys.of_events(tenant, self._store.space)
        return await self._store.insist(
            lambda: self._store.run(self._scripts[script], prefix, **args)
        )

    async def _read(self, prefix: str, *command: str) -> object:
        return await self._store.insist(lambda: self._store.read(prefix, *command))


def _record(value: bytes) -> EventType:
    return msgspec.json.decode(unpack(value), type=EventType)


def _unknown() -> EventTypeUnknown:
    return EventTypeUnknown("no schema is kept for this type of event")
