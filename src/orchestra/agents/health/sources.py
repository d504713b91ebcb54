"""What happens to agents, for the bus: streams of the registry and of every pool."""

import hashlib
from collections.abc import Collection, Mapping
from functools import lru_cache

import msgspec

from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.registry.registry import Registry
from orchestra.bus import Event
from orchestra.store import keys, partitions
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

SOURCE = "/orchestra/agents"
STREAM = 2


class AgentSource:
    """The `Source` of the agents. Pools come and go with their agents."""

    def __init__(self, store: Store, registry: Registry, balancer: Balancer) -> None:
        self._registry, self._balancer = registry, balancer
        self._own = keys.agents(store.space)

    def streams(self) -> Mapping[str, str]:
        """Key and prefix of each."""
        pools = [
            self._balancer.prefix(roster.tenant, agent_type)
            for roster in self._registry.rosters
            for agent_type in roster.types
        ]
        return {keys.agent_events(prefix): prefix for prefix in (self._own, *pools)}

    def types(self) -> Collection[str] | None:
        """Any."""
        return None

    def event(self, key: str, position: str, fields: Mapping[str, bytes]) -> Event | None:
        """What happened to an agent."""
        agent, tag = fields["a"].decode(), _name(key)
        told = msgspec.json.decode(fields["d"], type=dict[str, object])
        return Event(
            id=partitions.event_id(STREAM, tag & 0xFF, position, tag >> 8),
            type=fields["t"].decode(),
            source=SOURCE,
            key=agent,
            tenant=Tenant(fields["tn"].decode()),
            origin="engine",
            at_ms=int(fields["at"]),
            data=msgspec.Raw(msgspec.json.encode({"agent_id": agent} | told)),
        )


@lru_cache(10_000)
def _name(key: str) -> int:
    """38 bits of the stream's name."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:5], "big") >> 2
