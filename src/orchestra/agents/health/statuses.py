"""How agents are, as the pools of the store see it now: one look a pool."""

from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, TypeAlias, cast

import msgspec

from orchestra.agents import Status
from orchestra.agents.health.states import BREAKER, Breaker, Look, State, state_of
from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.records import Agent
from orchestra.errors import OrchestraError
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

Glance: TypeAlias = tuple[Agent, Status, int | None]
"""An agent, how it is, its slots taken; None when the store knows of no slots of it."""


class Checked(msgspec.Struct, frozen=True):
    """What the last check found. `outcome`: ok, fail or auth."""

    failures: int
    successes: int
    at_ms: int
    ms: int
    outcome: str
    message: str


class Said(msgspec.Struct, frozen=True):
    """What the agent said of itself with its last heartbeat that said something."""

    at_ms: int
    words: dict[str, object]


class Detail(msgspec.Struct, frozen=True):
    """Everything the store knows about how one agent is."""

    state: State
    look: Look | None
    checked: Checked | None = None
    said: Said | None = None


class Health:
    """Reads how agents are. Changes nothing."""

    def __init__(self, store: Store, balancer: Balancer) -> None:
        self._store, self._balancer = store, balancer
        self._look_at = load_scripts("orchestra.agents")["agent_look"]

    async def status(self, agent: Agent) -> Status:
        """The status of one agent. Raises StoreAway."""
        return (await self.statuses([agent]))[agent.id]

    async def statuses(self, agents: Iterable[Agent]) -> dict[str, Status]:
        """By agent id; one look at each pool. Raises StoreAway."""
        return {agent.id: status for agent, status, _ in await self.glances(agents)}

    async def glances(self, agents: Iterable[Agent]) -> list[Glance]:
        """The status of each, and its slots taken; one look at each pool. Raises StoreAway."""
        found: list[Glance] = []
        pools: dict[tuple[Tenant, str], list[Agent]] = {}
        for agent in agents:
            if agent.draining or agent.storeless or agent.untold:
                found.append((agent, state_of(agent, None).status, None))
            else:
                pools.setdefault((agent.tenant, agent.spec.agent_type), []).append(agent)
        # All looks are on their way before the first one is waited for.
        asked = [(members, self._ask(members, detail=False)) for members in pools.values()]
        away: OrchestraError | None = None
        for members, reply in asked:
            try:
                looks = _looks(await reply)
            except OrchestraError as error:
                away = error
                continue
            for agent, look in zip(members, looks, strict=True):
                found.append((agent, state_of(agent, look).status, look.in_use))
        if away is not None:
            raise away
        return found

    async def detail(self, agent: Agent) -> Detail:
        """Everything about one agent. Raises StoreAway."""
        reply = await self._ask([agent], detail=True)
        [look] = _looks(reply)
        kept = look if look.alive_until_ms is not None or agent.draining else None
        return Detail(state_of(agent, look), kept, _checked(reply[8][0]), _said(reply[9][0]))

    async def in_use(self, agent: Agent) -> int:
        """Slots of the agent that are taken, by all replicas."""
        prefix = self._balancer.prefix(agent.tenant, agent.spec.agent_type)
        return int(await self._store.read(prefix, "HGET", f"{prefix}inf", agent.id) or 0)

    def _ask(self, agents: Sequence[Agent], *, detail: bool) -> Awaitable[Any]:
        prefix = self._balancer.prefix(agents[0].tenant, agents[0].spec.agent_type)
        ids = [agent.id.encode() for agent in agents]
        return self._store.run(self._look_at, prefix, *ids, detail=int(detail))


def _looks(reply: list[Any]) -> Iterable[Look]:
    now_ms, judged_ms = int(reply[0]), int(reply[1])
    for alive, gate, breaker, told, in_use, ttl, checks in zip(*reply[2:9], strict=True):
        state, failures, trips = (breaker or b"c:0:0").decode().split(":")[:3]
        status, since_ms, reason = [*(told or b"").decode().split("|", 2), "", ""][:3]
        yield Look(
            now_ms=now_ms,
            judged_ms=judged_ms,
            alive_until_ms=None if alive is None else int(float(alive)),
            ttl_ms=None if ttl is None else int(ttl),
            gate_ms=int(float(gate or 0)),
            breaker=cast("Breaker", BREAKER[state]),
            failures=int(failures),
            trips=int(trips),
            failing=checks is not None and checks.split(b"|", 4)[3] != b"0",
            told=status,
            told_ms=int(since_ms or 0),
            told_reason=reason,
            in_use=int(in_use or 0),
        )


def _checked(line: bytes | None) -> Checked | None:
    if line is None:
        return None
    failures, successes, _, _, at_ms, ms, outcome, message = line.decode().split("|", 7)
    return Checked(int(failures), int(successes), int(at_ms), int(ms), outcome, message)


def _said(line: bytes | None) -> Said | None:
    if line is None:
        return None
    at_ms, words = line.split(b"|", 1)
    return Said(int(at_ms), msgspec.json.decode(words, type=dict[str, object]))
