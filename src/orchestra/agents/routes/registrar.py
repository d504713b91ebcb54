"""What callers may do with agents: register, change, look, heartbeat, drain, remove."""

from collections import Counter

import msgspec

from orchestra.agents.discovery.intake import Intake
from orchestra.agents.health.statuses import Health
from orchestra.agents.records import Agent, Mode
from orchestra.agents.registration.forms import capability_of
from orchestra.agents.registration.heartbeats import read_heartbeat_body
from orchestra.agents.registration.patching import kept, patched
from orchestra.agents.registration.reading import Read
from orchestra.agents.registry.registry import Registry, RevisionMismatch, Written
from orchestra.agents.routes.cursors import cursor_of, position_of, refused
from orchestra.agents.routes.showing import Document, shown
from orchestra.clock import Clock
from orchestra.security.hardened import loads
from orchestra.store.keys import Tenant

DRAIN_LOOK_S = 0.1
CHANGES_MAX = 5
"""So often is a patch laid over a newer revision, when others change the agent meanwhile."""


class Wanted(msgspec.Struct, frozen=True):
    """Which agents to list. `label` is `name` or `name:value`; all of them must match.

    `text` stands in the name or the description, in capitals or not.
    """

    agent_type: str | None = None
    capability: str | None = None
    status: str | None = None
    provider: str | None = None
    labels: tuple[str, ...] = ()
    text: str = ""


class Registrar:
    """Agents as callers see them."""

    def __init__(
        self,
        registry: Registry,
        health: Health,
        intake: Intake,
        clock: Clock,
    ) -> None:
        self._registry, self._health, self._intake = registry, health, intake
        self._clock = clock

    async def register(
        self, tenant: Tenant, body: bytes, *, new_only: bool
    ) -> tuple[Document, Written]:
        """Create or change an agent. Raises what reading, the registry and the guard raise."""
        read = await self._intake.read(tenant, body)
        agent, written = await self._registry.register(tenant, read.spec, new_only=new_only)
        return await self._shown(agent, read), written

    async def change(
        self, tenant: Tenant, name_or_id: str, body: bytes, revision: int | None
    ) -> Document:
        """Lay a merge patch over the registration. `revision`: only if it is still at that one.

        Raises AgentUnknown, RegistrationInvalid, RevisionMismatch, TypeIsFixed.
        """
        patch = loads(body)
        for left in reversed(range(CHANGES_MAX)):
            agent = await self.find(tenant, name_or_id)
            if revision is not None and agent.revision != revision:
                raise RevisionMismatch("the agent has another revision", revision=agent.revision)
            form = patched(agent.spec, patch, len(body))
            taken = await self._intake.take(tenant, form, len(msgspec.json.encode(form)))
            read = kept(agent.spec, taken)
            try:
                agent, _ = await self._registry.change(agent, read.spec)
            except RevisionMismatch:
                if revision is not None or not left:
                    raise
            else:
                return await self._shown(agent, read)
        raise AssertionError("the last round returns or raises")

    async def page(
        self, tenant: Tenant, wanted: Wanted, limit: int, cursor: str | None
    ) -> Document:
        """Agents by registration, at most `limit`. Raises CursorInvalid."""
        await self._registry.refresh()
        after = position_of(cursor)
        if after and not after.startswith("agt_"):
            raise refused()
        roster = self._registry.roster(tenant)
        agents = [one for one in roster.by_id.values() if one.id > after and _fits(one, wanted)]
        if wanted.status is None:
            agents = agents[: limit + 1]
        statuses = await self._health.statuses(agents)
        if wanted.status is not None:
            agents = [one for one in agents if statuses[one.id] == wanted.status][: limit + 1]
        page = agents[:limit]
        more = cursor_of(page[-1].id) if len(agents) > limit else None
        return {"items": [shown(one, statuses[one.id]) for one in page], "next_cursor": more}

    async def one(self, tenant: Tenant, name_or_id: str) -> Document:
        """One agent. Raises AgentUnknown."""
        agent = await self.find(tenant, name_or_id)
        return shown(agent, await self._health.status(agent))

    async def types(self, tenant: Tenant) -> Document:
        """Every type with its agents, how they are, and what they declare."""
        await self._registry.refresh()
        roster = self._registry.roster(tenant)
        statuses = await self._health.statuses(roster.by_id.values())
        items: list[Document] = []
        for name in sorted(roster.pools):
            agents = roster.pools[name].agents
            declared = {
                one.name: capability_of(one)
                for agent in reversed(agents)
                for one in agent.spec.capabilities
                if one.name in agent.offers
            }
            items.append(
                {
                    "agent_type": name,
                    "agents": len(agents),
                    "statuses": Counter(statuses[agent.id] for agent in agents),
                    "capabilities": [declared[one] for one in sorted(declared)],
                }
            )
        return {"items": items, "next_cursor": None}

    async def heartbeat(self, tenant: Tenant, name_or_id: str, body: bytes) -> Document:
        """It lives. Raises AgentUnknown: then it registers again."""
        said = read_heartbeat_body(loads(body), len(body)) if body else {}
        agent = await self.find(tenant, name_or_id)
        words = msgspec.json.encode(said).decode() if said else ""
        await self._registry.heartbeat(agent, words)
        return {
            "next_in_s": agent.spec.heartbeat.interval_s,
            "drain": agent.draining,
            "revision": agent.revision,
        }

    async def set_mode(self, tenant: Tenant, name_or_id: str, mode: Mode) -> Document:
        """No new tasks for it, or again. Raises AgentUnknown."""
        agent = await self.find(tenant, name_or_id)
        changed = await self._registry.set_mode(agent, mode)
        now = changed or await self.find(tenant, name_or_id)
        return shown(now, await self._health.status(now))

    async def remove(self, tenant: Tenant, name_or_id: str, drain_s: int) -> None:
        """Forget it, after what runs had up to `drain_s` to end. Raises AgentUnknown."""
        agent = await self.find(tenant, name_or_id)
        if drain_s > 0 and not agent.storeless:
            await self._registry.set_mode(agent, "draining")
            until = self._clock.monotonic() + drain_s
            while await self._health.in_use(agent) and self._clock.monotonic() < until:
                await self._clock.sleep(DRAIN_LOOK_S)
        await self._registry.remove(agent)

    async def find(self, tenant: Tenant, name_or_id: str) -> Agent:
        """The agent as the store has it now. Raises AgentUnknown."""
        await self._registry.refresh()
        return self._registry.roster(tenant).find(name_or_id)

    async def _shown(self, agent: Agent, read: Read) -> Document:
        document = shown(agent, await self._health.status(agent))
        document["warnings"] = read.warnings
        return document


def _fits(agent: Agent, wanted: Wanted) -> bool:
    labels = agent.spec.labels
    return (
        wanted.agent_type in (None, agent.spec.agent_type)
        and wanted.provider in (None, agent.spec.provider)
        and (wanted.capability is None or wanted.capability in agent.offers)
        and all(_labelled(labels, label) for label in wanted.labels)
        and wanted.text.casefold() in f"{agent.spec.name}\n{agent.spec.description}".casefold()
    )


def _labelled(labels: dict[str, str], wanted: str) -> bool:
    name, has_value, value = wanted.partition(":")
    return name in labels and (not has_value or labels[name] == value)
