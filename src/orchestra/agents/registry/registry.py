"""The registry: agents kept in the store, and this replica's picture of them.

The picture is renewed when the counter of changes moved: looked at every half second, after each
write of our own, and when a task asks for somebody unknown. Reading the picture never waits.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Literal

import anyio
import msgspec
import structlog

from orchestra.agents import PythonAgent
from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.pools.roster import Roster, roster_of
from orchestra.agents.records import Agent, Mode, Registration
from orchestra.agents.registry.facts import MODES, Facts, facts_of
from orchestra.clock import Clock, Ids
from orchestra.errors import Conflict, OrchestraError, TooMany
from orchestra.store import frames, keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

LOOK_S = 0.5
BATCH = 100
AGENTS_MAX = 2_000
"""Agents a tenant may have."""

Written = Literal["new", "same", "changed"]
Installed = Callable[[str], PythonAgent | None]


class AgentExists(Conflict):
    """The name is taken and `If-None-Match: *` was given. Context: `id`."""


class RevisionMismatch(Conflict):
    """The agent is not at the revision the caller has seen. Context: `revision`."""

    status = 412


class NameIsFixed(Conflict):
    """An agent keeps its name: it is what it is known by. Context: `id`, `name`."""


class TypeIsFixed(Conflict):
    """An agent keeps its type; another type is another agent. Context: `id`, `agent_type`."""


class AgentsExhausted(TooMany):
    """The tenant has as many agents as it may. Context: `limit`."""


class Registry:
    """Writes agents, and knows them. `serve` must run for others' changes to be seen."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        balancer: Balancer,
        installed: Installed,
    ) -> None:
        self._store, self._clock, self._ids = store, clock, ids
        self._balancer, self._installed = balancer, installed
        balancer.name_of = self._name_of
        self._scripts = load_scripts("orchestra.agents")
        self._prefix = keys.agents(store.space)
        self._rosters: dict[Tenant, Roster] = {}
        self._facts: dict[tuple[Tenant, str], Facts] = {}
        self._revision: int | None = None
        self._loading = anyio.Lock()

    @property
    def read(self) -> bool:
        """Whether the store was read at least once."""
        return self._revision is not None

    def roster(self, tenant: Tenant) -> Roster:
        """The picture of a tenant's agents. Never waits."""
        roster = self._rosters.get(tenant)
        if roster is None:
            roster = Roster(tenant)
        return roster

    @property
    def rosters(self) -> Iterable[Roster]:
        """The pictures of all tenants. Never waits."""
        return tuple(self._rosters.values())

    def _name_of(self, tenant: Tenant, agent_id: str) -> str:
        agent = self.roster(tenant).by_id.get(agent_id)
        return agent.spec.name if agent else agent_id

    async def register(
        self, tenant: Tenant, spec: Registration, *, new_only: bool = False
    ) -> tuple[Agent, Written]:
        """Create or change the agent of this name. Repeating it changes nothing.

        Raises AgentExists, TypeIsFixed, AgentsExhausted.
        """
        return await self._write(tenant, spec, self._ids.new("agt"), int(new_only), "")

    async def change(self, agent: Agent, spec: Registration) -> tuple[Agent, Written]:
        """Change the agent as it was at the revision given here, or not at all.

        Raises RevisionMismatch when somebody else changed it since, NameIsFixed, TypeIsFixed.
        """
        if spec.name != agent.spec.name:
            raise NameIsFixed(
                "an agent keeps its name: register it under the new one",
                id=agent.id,
                name=agent.spec.name,
            )
        return await self._write(agent.tenant, spec, agent.id, 0, agent.revision)

    async def _write(
        self, tenant: Tenant, spec: Registration, agent_id: str, if_new: int, revision: int | str
    ) -> tuple[Agent, Written]:
        record = msgspec.json.encode(spec)
        answer, line = await self._run(
            "agent_register",
            tenant=tenant,
            name=spec.name,
            id=agent_id,
            type=spec.agent_type,
            digest=hashlib.sha256(record).hexdigest()[:32],
            record=frames.pack(record),
            if_new=if_new,
            if_revision=revision,
            agents_max=AGENTS_MAX,
            at_ms=self._clock.now_ms(),
        )
        written = answer.decode()
        if written in ("new", "same", "changed"):
            agent = self._agent(tenant, facts_of(line), spec)
            if agent.selectable:
                # Who registers lives; a change may be anybody's.
                await self._balancer.put(agent, fresh=not revision)
            if written == "changed":
                await self._balancer.pardon(agent)
            await self.refresh()
            return agent, written
        raise _refusal(written, line)

    async def remove(self, agent: Agent, reason: str = "by hand") -> bool:
        """Forget the agent. False when it was gone already."""
        gone = await self._run(
            "agent_remove", tenant=agent.tenant, name=agent.spec.name, id=agent.id, reason=reason
        )
        await self._balancer.drop(agent.tenant, agent.spec.agent_type, agent.id)
        await self.refresh()
        return bool(gone)

    async def set_mode(self, agent: Agent, mode: Mode) -> Agent | None:
        """No new tasks for it, or again: then the next one decides, whatever it did before.

        None when it is gone. Safe to repeat.
        """
        line = await self._run(
            "agent_mode",
            tenant=agent.tenant,
            name=agent.spec.name,
            id=agent.id,
            mode=MODES.index(mode),
            at_ms=self._clock.now_ms(),
        )
        await self.refresh()
        if mode == "working":
            await self._balancer.pardon(agent)
        return self._agent(agent.tenant, facts_of(line), agent.spec) if line else None

    async def heartbeat(self, agent: Agent, said: str = "") -> None:
        """It lives, and says this of itself (JSON)."""
        if not agent.selectable:
            return
        if not await self._balancer.alive(agent, said):
            await self._balancer.put(agent, fresh=True)
            await self._balancer.alive(agent, said)

    async def refresh(self) -> None:
        """Look whether anything changed, and if so renew the picture. Raises StoreAway."""
        async with self._loading:
            revision = int(await self._read("GET", keys.agent_changes(self._prefix)) or 0)
            if revision == self._revision:
                return
            for tenant in await self._read("SMEMBERS", keys.agent_tenants(self._prefix)):
                await self._load(Tenant(tenant.decode()))
            self._revision = revision

    async def reread(self, agent_type: str) -> None:
        """The code behind a type changed: judge anew what its agents are served for."""
        async with self._loading:
            for tenant, agent_id in list(self._facts):
                agent = self.roster(tenant).by_id.get(agent_id)
                if agent is not None and agent.spec.agent_type == agent_type:
                    del self._facts[tenant, agent_id]
            self._revision = -1
        await self.refresh()

    async def serve(self) -> None:
        """Keep the picture fresh until cancelled."""
        while True:
            await anyio.sleep(LOOK_S)
            try:
                await self.refresh()
            except OrchestraError as away:
                log.debug("registry.not_refreshed", error=away.code)

    async def _load(self, tenant: Tenant) -> None:
        found: list[Any] = await self._read("HGETALL", keys.agent_names(self._prefix, tenant))
        now = {facts.id: facts for facts in map(facts_of, found[1::2])}
        old = self.roster(tenant).by_id
        kept = {name: one for name, one in old.items() if self._is(tenant, now.get(name))}
        changed = [facts for name, facts in now.items() if name not in kept]
        fresh = [agent async for agent in self._fetched(tenant, changed)]
        gone = [agent for name, agent in old.items() if name not in now]
        self._rosters[tenant] = roster_of(tenant, [*kept.values(), *fresh])
        self._facts.update({(tenant, agent.id): now[agent.id] for agent in fresh})
        for agent in gone:
            self._facts.pop((tenant, agent.id), None)
        await self._tell_pools(fresh, gone)

    def _is(self, tenant: Tenant, facts: Facts | None) -> bool:
        return facts is not None and self._facts.get((tenant, facts.id)) == facts

    async def _fetched(self, tenant: Tenant, wanted: list[Facts]) -> AsyncIterator[Agent]:
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            names = [keys.agent(self._prefix, tenant, facts.id) for facts in batch]
            for facts, value in zip(batch, await self._read("MGET", *names), strict=True):
                if value is None:
                    continue  # removed since: the next look will say so
                try:
                    spec = msgspec.json.decode(frames.unpack(value), type=Registration)
                except (frames.CorruptRecord, msgspec.DecodeError):
                    log.exception("agent.unreadable", agent=facts.id)
                    continue
                yield self._agent(tenant, facts, spec)

    def _agent(self, tenant: Tenant, facts: Facts, spec: Registration) -> Agent:
        unserved: frozenset[str] = frozenset()
        if spec.provider == "python":
            code = self._installed(spec.agent_type)
            served = {one.spec.name for one in code.capabilities} if code else set[str]()
            unserved = frozenset(one.name for one in spec.capabilities) - served
        return Agent(
            facts.id,
            tenant,
            facts.revision,
            facts.created_ms,
            spec,
            facts.mode,
            facts.since_ms,
            unserved,
        )

    async def _tell_pools(self, fresh: Iterable[Agent], gone: Iterable[Agent]) -> None:
        """Pools live in other slots than the registry: whoever sees a change repeats it there."""
        for agent in fresh:
            if agent.selectable:
                await self._balancer.put(agent, fresh=False)
            else:
                kind, drained = agent.spec.agent_type, agent.draining
                await self._balancer.drop(agent.tenant, kind, agent.id, drained=drained)
        for agent in gone:
            await self._balancer.drop(agent.tenant, agent.spec.agent_type, agent.id)

    async def _run(self, name: str, /, **args: bytes | str | int) -> Any:
        return await self._store.run(self._scripts[name], self._prefix, **args)

    async def _read(self, *command: bytes | str | int) -> Any:
        return await self._store.read(self._prefix, *command)


def _refusal(written: str, line: bytes) -> OrchestraError:
    """Why nothing was written."""
    if written == "exhausted":
        return AgentsExhausted("as many agents as a tenant may have", limit=int(line))
    if written == "moved" and not line:
        return RevisionMismatch("the agent is gone", revision=0)
    facts = facts_of(line)
    match written:
        case "exists":
            return AgentExists("an agent of this name exists", id=facts.id)
        case "moved":
            return RevisionMismatch("the agent has another revision", revision=facts.revision)
        case _:
            return TypeIsFixed(
                f"an agent keeps its type, {facts.agent_type}: register it under another name",
                id=facts.id,
                agent_type=facts.agent_type,
            )
