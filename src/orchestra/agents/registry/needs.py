"""What a capability cannot do without, read off its declaration: names of inputs."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from orchestra.agents import Capability, PythonAgent
from orchestra.agents.pools.roster import ANY, Roster
from orchestra.agents.registry.registry import Registry
from orchestra.store.keys import Tenant


class Needs:
    """Answers from the roster; each answer is kept until the roster changes."""

    def __init__(self, registry: Registry, installed: Mapping[str, PythonAgent]) -> None:
        self._registry, self._installed = registry, installed
        self._known: dict[tuple[str, str | None], tuple[str, ...]] = {}
        self._roster: Roster | None = None

    def needs(self, tenant: Tenant, agent_type: str, capability: str | None) -> tuple[str, ...]:
        """See `Agents.needs`."""
        roster = self._registry.roster(tenant)
        if roster is not self._roster:
            self._known, self._roster = {}, roster
        key = (agent_type, capability)
        found = self._known.get(key)
        if found is None:
            named = (_names(one) for one in self._declared(roster, *key))
            found = next((names for names in named if names), ())
            self._known[key] = found
        return found

    def _declared(
        self, roster: Roster, agent_type: str, capability: str | None
    ) -> Iterator[Capability]:
        """Declarations of the capability, best agent first, then the code's own."""
        pool = roster.pools.get(agent_type)
        agents = pool.choices[ANY].agents if pool else ()
        specs = [agent.spec.capabilities for agent in agents]
        code = self._installed.get(agent_type) if pool else None
        if code is not None:
            specs.append(tuple(one.spec for one in code.capabilities))
        for declared in specs:
            # Without a capability there is an answer only where there is no choice.
            wanted = declared[0].name if capability is None and len(declared) == 1 else capability
            yield from (one for one in declared if one.name == wanted)


def _names(capability: Capability) -> tuple[str, ...]:
    schema: Mapping[str, Any] = capability.input_schema or {}
    required = cast("object", schema.get("required"))
    names: list[str] = []
    if isinstance(required, list):
        names = [name for name in cast("list[object]", required) if isinstance(name, str)]
    if capability.input_types == ("text",) and "text" not in names:
        names.append("text")
    return tuple(names)
