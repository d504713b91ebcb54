"""The roster: all agents of a tenant as one immutable picture, and who in it may do a task.

Nothing here waits or changes: the registry makes a new roster when something was registered, and
whoever holds the old one finishes with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from orchestra.agents import (
    AgentTypeUnknown,
    AgentUnknown,
    NoAgentAvailable,
    NoSuchCapability,
    Task,
)
from orchestra.agents.records import Agent
from orchestra.agents.registration.versions import BadRange, matches
from orchestra.errors import Invalid
from orchestra.store.keys import Tenant

ANY = ""
UNDECLARED = "*"
KNOWN_MAX = 20
PLACES = 64
"""Tasks that an agent without `max_concurrency` does at once: in this process, one replica's."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to get a task done: the agents of one pool that may do it, best tier first.

    `capability` is the filter of the pick: a name, ANY, or UNDECLARED for agents that declare
    none. `only` is set when the pick must keep to `agents`, because the filter says too little.
    `local`: none of them needs a slot of the store. `metered`: somebody has a limit of tokens.
    `places`: slots times weights of them all.
    """

    tenant: Tenant
    agent_type: str
    capability: str
    agents: tuple[Agent, ...]
    best: int
    local: bool
    metered: bool = False
    places: int = 0
    only: bool = False

    def narrowed(self, agents: Iterable[Agent]) -> "Choice":
        """The same for fewer agents."""
        named = (self.tenant, self.agent_type, self.capability)
        return _choice(named, tuple(agents), self.best, only=True)


@dataclass(frozen=True, slots=True)
class Pool:
    """All agents of one type. `choices` has what callers usually ask for, made once."""

    agent_type: str
    agents: tuple[Agent, ...]
    choices: Mapping[str, Choice]
    """By capability name, ANY and UNDECLARED."""

    @property
    def capabilities(self) -> list[str]:
        """Names of everything anybody in it can be picked for."""
        return sorted(name for name in self.choices if name not in (ANY, UNDECLARED))


@dataclass(frozen=True, slots=True)
class Roster:
    """Every agent of a tenant, found by id, name, type and capability."""

    tenant: Tenant
    by_id: Mapping[str, Agent] = field(default_factory=dict[str, Agent])
    by_name: Mapping[str, Agent] = field(default_factory=dict[str, Agent])
    pools: Mapping[str, Pool] = field(default_factory=dict[str, Pool])
    types: frozenset[str] = frozenset()

    def find(self, name_or_id: str) -> Agent:
        """Raises AgentUnknown."""
        agent = self.by_id.get(name_or_id) or self.by_name.get(name_or_id)
        if agent is None:
            known = sorted(self.by_name)[:KNOWN_MAX]
            raise AgentUnknown("no agent has this name or id", known=known)
        return agent


def roster_of(tenant: Tenant, agents: Iterable[Agent]) -> Roster:
    """The picture of these agents."""
    everybody = sorted(agents, key=lambda agent: agent.id)
    by_type: dict[str, list[Agent]] = {}
    for agent in everybody:
        by_type.setdefault(agent.spec.agent_type, []).append(agent)
    return Roster(
        tenant,
        {agent.id: agent for agent in everybody},
        {agent.spec.name: agent for agent in everybody},
        {name: _pool(tenant, name, members) for name, members in by_type.items()},
        frozenset(by_type),
    )


def _pool(tenant: Tenant, agent_type: str, agents: list[Agent]) -> Pool:
    able: dict[str, list[Agent]] = {ANY: agents, UNDECLARED: []}
    for agent in agents:
        for name in agent.offers:
            able.setdefault(name, []).append(agent)
        if agent.anything:
            able[UNDECLARED].append(agent)
    best = min(agent.spec.priority for agent in agents)
    choices: dict[str, Choice] = {}
    for name, members in able.items():
        usable = tuple(
            sorted((one for one in members if one.selectable), key=lambda one: one.spec.priority)
        )
        choices[name] = _choice((tenant, agent_type, name), usable, best)
    return Pool(agent_type, tuple(agents), choices)


def _choice(
    named: tuple[Tenant, str, str], agents: tuple[Agent, ...], best: int, *, only: bool = False
) -> Choice:
    specs = [agent.spec for agent in agents]
    return Choice(
        *named,
        agents,
        best,
        all(agent.storeless for agent in agents),
        any(spec.limits.tpm for spec in specs),
        sum((spec.max_concurrency or PLACES) * spec.weight for spec in specs),
        only,
    )


def capability_of(task: Task) -> str | None:
    """What the task asks for: `capability`, else `input_data["task_type"]`, else nothing."""
    if task.capability is not None:
        return task.capability
    given = task.input_data
    if isinstance(given, dict):
        wanted: object = given.get("task_type")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] -- JSON
        if isinstance(wanted, str):
            return wanted
    return None


def choose(roster: Roster, task: Task) -> tuple[Choice, ...]:
    """The choices for a task in the order to try them; each has at least one agent.

    Raises AgentTypeUnknown, AgentUnknown, NoSuchCapability, or NoAgentAvailable when nobody who
    could do it may be picked.
    """
    wanted = capability_of(task)
    if task.agent is not None:
        choices = (_pinned(roster, task.agent),)
    elif task.agent_type is not None:
        choices = (_in_pool(roster, task.agent_type, wanted),)
    else:
        choices = _anywhere(roster, wanted)
    able = [choice.agents for choice in choices]
    if task.version is not None or task.labels:
        choices = tuple(_matching(choice, task) for choice in choices)
    ready = choices if choices[0].agents else tuple(one for one in choices if one.agents)
    if not ready:
        fits = sum(map(len, able))
        why = (
            "none fits the version and labels"
            if fits
            else "all are draining, disabled or not known yet"
        )
        raise NoAgentAvailable(
            f"nobody who could do it can be picked now: {why}",
            agent_type=choices[0].agent_type,
            capability=wanted or "",
            tried=0,
        )
    return ready


def _pinned(roster: Roster, name_or_id: str) -> Choice:
    agent = roster.find(name_or_id)
    pool = roster.pools[agent.spec.agent_type]
    return pool.choices[ANY].narrowed([agent] if agent.selectable else [])


def _in_pool(roster: Roster, agent_type: str, wanted: str | None) -> Choice:
    pool = roster.pools.get(agent_type)
    if pool is None:
        raise AgentTypeUnknown(
            "no agent of this type is registered", known=sorted(roster.types)[:KNOWN_MAX]
        )
    if wanted is None:
        return pool.choices[ANY]
    choice = pool.choices.get(wanted) if wanted not in (ANY, UNDECLARED) else None
    if choice is None:
        choice = pool.choices[UNDECLARED]
        if not any(agent.anything for agent in pool.agents):
            raise NoSuchCapability(
                "nobody of this type declares the capability", known=pool.capabilities[:KNOWN_MAX]
            )
    return choice


def _anywhere(roster: Roster, wanted: str | None) -> tuple[Choice, ...]:
    """Every pool that declares the capability, the one with the best tier first."""
    found = [
        pool.choices[wanted]
        for pool in roster.pools.values()
        if wanted and wanted != UNDECLARED and wanted in pool.choices
    ]
    if not found:
        known = sorted({name for pool in roster.pools.values() for name in pool.capabilities})
        raise NoSuchCapability("nobody declares the capability", known=known[:KNOWN_MAX])
    return tuple(sorted(found, key=lambda choice: choice.best))


def _matching(choice: Choice, task: Task) -> Choice:
    labels = task.labels.items()
    try:
        return choice.narrowed(
            agent
            for agent in choice.agents
            if labels <= agent.spec.labels.items()
            and (task.version is None or matches(agent.spec.version, task.version))
        )
    except BadRange as bad:
        raise Invalid(str(bad)) from bad
