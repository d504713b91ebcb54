"""Serves discovered agents: the code in this process, and their place in the registry."""

from collections.abc import Awaitable, Callable
from typing import Any

from orchestra.agents import PythonAgent
from orchestra.agents.discovery.plugin_files import PluginBroken
from orchestra.agents.discovery.plugins import Plugin
from orchestra.agents.providers.python import PythonProvider
from orchestra.agents.records import Registration
from orchestra.agents.registry.registry import Registry, TypeIsFixed
from orchestra.store.keys import DEFAULT_TENANT, Tenant

Tell = Callable[[Tenant, str, str, dict[str, Any]], Awaitable[None]]


class OwnShelf:
    """A `Shelf` of one replica. Code comes before its place in the registry."""

    def __init__(self, python: PythonProvider, registry: Registry, tell: Tell) -> None:
        self._python, self._registry, self._tell = python, registry, tell

    def owner_is_other(self, agent_type: str, mine: PythonAgent | None) -> bool:
        """See `Shelf`."""
        owner = self._python.installed.get(agent_type)
        return owner is not None and owner is not mine

    async def serve(self, agent: PythonAgent, entry_point: str) -> None:
        """See `Shelf`. An agent of this name and another type stays as it is: PluginBroken."""
        named = self._registry.roster(DEFAULT_TENANT).by_name.get(agent.name)
        if named is not None and named.spec.agent_type != agent.agent_type:
            raise PluginBroken(f"an agent called {agent.name!r} has another type")
        self._python.install(agent, entry_point)
        try:
            await self._registry.register(DEFAULT_TENANT, registration_of(agent))
        except TypeIsFixed:
            self._python.uninstall(agent.agent_type)
            raise PluginBroken(f"an agent called {agent.name!r} has another type") from None
        await self._registry.reread(agent.agent_type)

    async def withdraw(self, agent: PythonAgent) -> None:
        """See `Shelf`. First nobody is sent to it, then its code goes."""
        roster = self._registry.roster(DEFAULT_TENANT)
        named = roster.by_name.get(agent.name)
        if named is not None and named.spec.agent_type == agent.agent_type:
            await self._registry.remove(named)
        if self._python.installed.get(agent.agent_type) is agent:
            self._python.uninstall(agent.agent_type)
        await self._registry.reread(agent.agent_type)

    async def tell(self, what: str, plugin: Plugin) -> None:
        """See `Shelf`."""
        named = self._registry.roster(DEFAULT_TENANT).by_name.get(plugin.agent or "")
        facts = {"file": plugin.file, "version": plugin.version}
        if plugin.error is not None:
            facts["error"] = plugin.error[-2_048:]
        await self._tell(DEFAULT_TENANT, what, named.id if named else "", facts)


def registration_of(agent: PythonAgent) -> Registration:
    """What a Python agent of this process would write about itself."""
    return Registration(
        name=agent.name,
        agent_type=agent.agent_type,
        provider="python",
        capabilities=tuple(one.spec for one in agent.capabilities),
        description=agent.description,
        version=agent.version,
        priority=agent.priority,
        max_concurrency=agent.max_concurrency,
    )
