"""What callers may do with agents: register, look, heartbeat, drain, remove. In documents."""

import base64
import binascii

import msgspec

from orchestra.agents.discovery.intake import Intake
from orchestra.agents.health.statuses import Health
from orchestra.agents.records import Agent, Mode, shown, shown_capability
from orchestra.agents.registration.reading import RegistrationInvalid
from orchestra.agents.registry.registry import Registry, Written
from orchestra.clock import Clock
from orchestra.errors import Invalid, Problem
from orchestra.security.hardened import loads
from orchestra.store.keys import Tenant

Document = dict[str, object]

DRAIN_LOOK_S = 0.1


class CursorInvalid(Invalid):
    """The cursor is none of ours."""


class Wanted(msgspec.Struct, frozen=True):
    """Which agents to list. `label` is `name` or `name:value`; all of them must match."""

    agent_type: str | None = None
    capability: str | None = None
    status: str | None = None
    labels: tuple[str, ...] = ()


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
        document = shown(agent, await self._health.status(agent))
        document["warnings"] = read.warnings
        return document, written

    async def page(
        self, tenant: Tenant, wanted: Wanted, limit: int, cursor: str | None
    ) -> Document:
        """Agents by registration, at most `limit`. Raises CursorInvalid."""
        await self._registry.refresh()
        after = _position(cursor)
        roster = self._registry.roster(tenant)
        agents = [one for one in roster.by_id.values() if one.id > after and _fits(one, wanted)]
        if wanted.status is None:
            agents = agents[: limit + 1]
        statuses = await self._health.statuses(agents)
        if wanted.status is not None:
            agents = [one for one in agents if statuses[one.id] == wanted.status][: limit + 1]
        page = agents[:limit]
        more = _cursor(page[-1].id) if len(agents) > limit else None
        return {"items": [shown(one, statuses[one.id]) for one in page], "next_cursor": more}

    async def one(self, tenant: Tenant, name_or_id: str) -> Document:
        """One agent. Raises AgentUnknown."""
        agent = await self._find(tenant, name_or_id)
        return shown(agent, await self._health.status(agent))

    async def types(self, tenant: Tenant) -> Document:
        """Every type with its agents and what they declare."""
        await self._registry.refresh()
        pools = self._registry.roster(tenant).pools
        items: list[Document] = []
        for name in sorted(pools):
            declared = {
                one.name: shown_capability(one)
                for agent in reversed(pools[name].agents)
                for one in agent.spec.capabilities
                if one.name in agent.offers
            }
            items.append(
                {
                    "agent_type": name,
                    "agents": len(pools[name].agents),
                    "capabilities": [declared[one] for one in sorted(declared)],
                }
            )
        return {"items": items, "next_cursor": None}

    async def heartbeat(self, tenant: Tenant, name_or_id: str, body: bytes) -> Document:
        """It lives. Raises AgentUnknown: then it registers again."""
        if body and not isinstance(loads(body), dict):
            raise RegistrationInvalid(
                "a heartbeat is a JSON object", [Problem("", "type", "must be an object")]
            )
        agent = await self._find(tenant, name_or_id)
        await self._registry.heartbeat(agent)
        return {
            "next_in_s": agent.spec.heartbeat.interval_s,
            "drain": agent.draining,
            "revision": agent.revision,
        }

    async def drain(self, tenant: Tenant, name_or_id: str, *, draining: bool) -> Document:
        """No new tasks for it, or again. Raises AgentUnknown."""
        agent = await self._find(tenant, name_or_id)
        mode: Mode = "draining" if draining else "working"
        changed = await self._registry.set_mode(agent, mode)
        now = changed or await self._find(tenant, name_or_id)
        return shown(now, await self._health.status(now))

    async def remove(self, tenant: Tenant, name_or_id: str, drain_s: int) -> None:
        """Forget it, after what runs had up to `drain_s` to end. Raises AgentUnknown."""
        agent = await self._find(tenant, name_or_id)
        if drain_s > 0 and not agent.storeless:
            await self._registry.set_mode(agent, "draining")
            until = self._clock.monotonic() + drain_s
            while await self._health.in_use(agent) and self._clock.monotonic() < until:
                await self._clock.sleep(DRAIN_LOOK_S)
        await self._registry.remove(agent)

    async def _find(self, tenant: Tenant, name_or_id: str) -> Agent:
        await self._registry.refresh()
        return self._registry.roster(tenant).find(name_or_id)


def _fits(agent: Agent, wanted: Wanted) -> bool:
    labels = agent.spec.labels
    return (
        wanted.agent_type in (None, agent.spec.agent_type)
        and (wanted.capability is None or wanted.capability in agent.offers)
        and all(_labelled(labels, label) for label in wanted.labels)
    )


def _labelled(labels: dict[str, str], wanted: str) -> bool:
    name, has_value, value = wanted.partition(":")
    return name in labels and (not has_value or labels[name] == value)


def _cursor(position: str) -> str:
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _position(cursor: str | None) -> str:
    if not cursor:
        return ""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        position = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        position = ""
    if not position.startswith("agt_"):
        raise CursorInvalid(
            "the cursor is none of ours", [Problem("/cursor", "value", "begin without a cursor")]
        )
    return position
