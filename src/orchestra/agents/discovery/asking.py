"""Asks agents what they can do: at their registration, and from then on by `following`."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import msgspec

from orchestra.agents import Capability
from orchestra.agents.discovery import cards, tools
from orchestra.agents.discovery.told import Told, are_same
from orchestra.agents.pools.roster import Roster
from orchestra.agents.providers.a2a_cards import Cards
from orchestra.agents.providers.mcp_wire import McpWire
from orchestra.agents.providers.mishaps import MISHAPS, Ended, down
from orchestra.agents.records import A2AReach, Agent, McpReach, Registration
from orchestra.agents.registration.reading import Read
from orchestra.agents.registration.versions import parse
from orchestra.agents.scrubbing import Veil, sending
from orchestra.errors import Problem
from orchestra.store.keys import Tenant

T = TypeVar("T")

ASK_S = 3.0
"""How long a registration waits for the agent it is about."""
NOBODY = ""
"""The id of an agent that is not registered: nothing is remembered of it."""


class Asking:
    """Asks those agents that can say what they do: `a2a` and `mcp`."""

    def __init__(self, cards: Cards, wire: McpWire, rosters: Callable[[Tenant], Roster]) -> None:
        self._cards, self._wire, self._rosters = cards, wire, rosters

    async def ask(self, agent: Agent, timeout_s: float = ASK_S) -> Told:
        """What the agent tells now. Raises Ended, and what Outbound and Credentials raise."""

        async def asked() -> Told:
            if isinstance(agent.spec.reach, A2AReach):
                card = await self._cards.look(agent, timeout_s)
                return cards.told_by(card, self._cards.left_s(agent))
            return await tools.told_by(self._wire, agent, timeout_s)

        with anyio.fail_after(timeout_s):
            return await without_secrets(asked, Told)

    async def completed(self, tenant: Tenant, read: Read) -> Read:
        """A registration with what the agent says of itself where its author said nothing.

        One that cannot be reached is registered all the same: it waits, or keeps what it told
        the last time.
        """
        spec = read.spec
        if not isinstance(spec.reach, A2AReach | McpReach):
            return read
        open_ = not spec.capabilities
        try:
            told = await self.ask(Agent(NOBODY, tenant, 0, 0, spec))
        except (Ended, *MISHAPS) as error:
            warning = Problem(field_of(spec.reach), "agent_unreachable", why(error))
            known = self._known(tenant, spec) if open_ else spec.capabilities
            spec = msgspec.structs.replace(spec, told=open_, capabilities=known)
            return Read(spec, (*read.warnings, warning))
        if open_:
            # An agent that has a card and names no skill may be asked for anything.
            told_by_it = bool(told.capabilities) or isinstance(spec.reach, McpReach)
            known = self._known(tenant, spec)
            found = known if are_same(known, told.capabilities) else told.capabilities
            spec = msgspec.structs.replace(spec, told=told_by_it, capabilities=found)
            return Read(_described(spec, told), (*read.warnings, *told.warnings))
        return Read(_described(spec, told), (*read.warnings, *_unserved(spec, told)))

    def as_known(self, tenant: Tenant, spec: Registration) -> Registration:
        """A registration with what the agent told the last time, if it is still the same one."""
        return msgspec.structs.replace(spec, capabilities=self._known(tenant, spec))

    def _known(self, tenant: Tenant, spec: Registration) -> tuple[Capability, ...]:
        old = self._rosters(tenant).by_name.get(spec.name)
        same = old is not None and old.spec.told and old.spec.reach == spec.reach
        return old.spec.capabilities if old is not None and same else ()


async def without_secrets(asked: Callable[[], Awaitable[T]], kind: type[T]) -> T:
    """What was answered, or the failure, without the credentials it was asked with."""
    with sending() as sent:
        veil = Veil(sent.values)
        try:
            said = await asked()
        except Ended as ended:
            error = veil.over_error(ended.failure.error)
            raise Ended(msgspec.structs.replace(ended.failure, error=error)) from None
    if not sent.values:
        return said
    return msgspec.convert(veil.value(msgspec.to_builtins(said)), kind)


def field_of(reach: A2AReach | McpReach) -> str:
    """Pointer to the URL in a registration."""
    return "/card_url" if isinstance(reach, A2AReach) else "/url"


def why(error: BaseException) -> str:
    """Why an agent could not be asked, for its author."""
    said = error.failure.error if isinstance(error, Ended) else down(error, ASK_S)
    return f"the agent could not be asked what it can do: {said.message}"


def _described(spec: Registration, told: Told) -> Registration:
    """Version and description, where the author gave none."""
    if spec.version == "0.0.0" and parse(told.version) is not None:
        spec = msgspec.structs.replace(spec, version=told.version)
    if not spec.description and told.description:
        spec = msgspec.structs.replace(spec, description=told.description)
    return spec


def _unserved(spec: Registration, told: Told) -> list[Problem]:
    """What the author lists, and the server has not."""
    if not isinstance(spec.reach, McpReach):
        return []
    known = {one.name for one in told.capabilities}
    return [
        Problem(f"/capabilities/{i}", "capability_unserved", "the server has no such tool")
        for i, one in enumerate(spec.capabilities)
        if one.name not in known
    ]
