"""What happened to agents: events that scripts wrote where they happened, read from there.

A pool's events lie in its slot, the registry's in that of the registry. They are the outbox: the
bus, when it is there, reads the same streams.
"""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.records import Agent
from orchestra.agents.registry.registry import Registry
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

BATCH = 500
BATCHES_MAX = 20
"""So that a request reads at most what a stream holds."""
START = "0-0"

Positions = Mapping[str, str]
"""By prefix: the id of the last entry that was read. Who reads on begins behind it."""

Places = tuple[str, str]
"""Of one agent: positions in the stream of the registry, and in that of its pool."""


class Event(msgspec.Struct, frozen=True):
    """Something that happened to an agent. `id` is unique within its stream."""

    id: str
    type: str
    tenant: Tenant
    agent: str
    at_ms: int
    data: dict[str, object]


class AgentEvents:
    """Reads the events, and tells of what no script decides."""

    def __init__(self, store: Store, registry: Registry, balancer: Balancer) -> None:
        self._store, self._registry, self._balancer = store, registry, balancer
        self._tell = load_scripts("orchestra.agents")["event_tell"]
        self._prefix = keys.agents(store.space)

    async def tell(
        self, tenant: Tenant, kind: str, agent_id: str, data: Mapping[str, object]
    ) -> None:
        """Write an event. Raises StoreAway; a repeat tells it again."""
        text = msgspec.json.encode(data)
        await self._store.run(
            self._tell, self._prefix, tenant=tenant, kind=kind, agent=agent_id, data=text
        )

    async def after(
        self, tenant: Tenant, positions: Positions, limit: int = 1_000
    ) -> tuple[list[Event], Positions]:
        """What happened in a tenant since, oldest first, and the positions to go on from.

        At most `limit` of each stream are read. Begin with no positions at all for everything
        that is kept.
        """
        types = self._registry.roster(tenant).types
        prefixes = [self._prefix, *(self._balancer.prefix(tenant, one) for one in sorted(types))]
        found: list[Event] = []
        reached = dict(positions)
        for prefix in prefixes:
            entries = await self._forwards(prefix, reached.get(prefix, START), limit)
            if entries:
                reached[prefix] = entries[-1].id
            found += [one for one in entries if one.tenant == tenant]
        return sorted(found, key=lambda one: one.at_ms), reached

    async def of(
        self, agent: Agent, places: Places | None, limit: int
    ) -> tuple[list[Event], Places]:
        """What happened to one agent, oldest first: the latest, or what came behind `places`."""
        pool = self._balancer.prefix(agent.tenant, agent.spec.agent_type)
        found: list[tuple[int, Event]] = []
        reached: list[str] = []
        for i, prefix in enumerate((self._prefix, pool)):
            entries, end = (
                await self._last(prefix, agent, limit)
                if places is None
                else await self._next(prefix, agent, places[i], limit)
            )
            reached.append(end)
            found += [(i, one) for one in entries]
        found.sort(key=lambda one: one[1].at_ms)
        if places is None:
            return [one for _, one in found[-limit:]], (reached[0], reached[1])
        for i, one in reversed(found[limit:]):
            # What does not fit is read again: the position stays before it.
            reached[i] = _before(one.id)
        return [one for _, one in found[:limit]], (reached[0], reached[1])

    async def _last(self, prefix: str, agent: Agent, limit: int) -> tuple[list[Event], str]:
        """The latest of an agent in one stream, and the end of the stream."""
        found: list[Event] = []
        before, newest = "+", START
        for _ in range(BATCHES_MAX):
            entries = await self._read(prefix, "XREVRANGE", before, "-", BATCH)
            if entries and before == "+":
                newest = entries[0].id
            found += [one for one in entries if one.agent == agent.id]
            if len(entries) < BATCH or len(found) >= limit:
                break
            before = f"({entries[-1].id}"
        return found[:limit][::-1], newest

    async def _next(
        self, prefix: str, agent: Agent, begin: str, limit: int
    ) -> tuple[list[Event], str]:
        """What came behind `begin` in one stream, of one agent, and how far it was read."""
        found: list[Event] = []
        for _ in range(BATCHES_MAX):
            entries = await self._forwards(prefix, begin, BATCH)
            for one in entries:
                begin = one.id
                if one.agent == agent.id:
                    found.append(one)
                    if len(found) >= limit:
                        return found, begin
            if len(entries) < BATCH:
                break
        return found, begin

    async def _forwards(self, prefix: str, begin: str, count: int) -> list[Event]:
        return await self._read(prefix, "XRANGE", f"({begin}", "+", count)

    async def _read(self, prefix: str, command: str, *where: str | int) -> list[Event]:
        first, last, count = where
        name = keys.agent_events(prefix)
        reply = await self._store.read(prefix, command, name, first, last, "COUNT", count)
        return [_event(*entry) for entry in cast("list[Any]", reply or [])]


def _event(entry_id: bytes, fields: list[bytes]) -> Event:
    told = dict(zip(fields[::2], fields[1::2], strict=True))
    return Event(
        entry_id.decode(),
        told[b"t"].decode(),
        Tenant(told[b"tn"].decode()),
        told[b"a"].decode(),
        int(told[b"at"]),
        msgspec.json.decode(told[b"d"], type=dict[str, object]),
    )


def _before(entry_id: str) -> str:
    """The position just before an entry."""
    ms, _, n = entry_id.partition("-")
    return f"{ms}-{int(n) - 1}" if int(n) else f"{int(ms) - 1}-{2**64 - 1}"
