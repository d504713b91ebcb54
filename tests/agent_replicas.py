"""Replicas of the agents module for tests: on a real store, with agents of the test's own."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from orchestra.agents import Capability, PythonAgent, PythonCapability, Task
from orchestra.agents.module import AgentsModule
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.settings import Settings
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.store.opening import StoreOptions, open_store

EVERYBODY = ("127.0.0.1",)
"""Destinations that tests may call, unless they say otherwise: this machine."""


@contextlib.asynccontextmanager
async def store_at(url: str) -> AsyncIterator[Store]:
    """A connected store."""
    options = StoreOptions(url=url, allow_weaker=True, patience_s=60)
    async with open_store(options, SystemClock(), system_random()) as store:
        yield store


@contextlib.asynccontextmanager
async def replica(
    url: str,
    agents: Sequence[PythonAgent] = (),
    network_allow: tuple[str, ...] = EVERYBODY,
    slots_max: int = 64,
) -> AsyncIterator[AgentsModule]:
    """A running agents module with a connection of its own."""
    clock, chance = SystemClock(), system_random()
    settings = Settings(network_allow=network_allow, port=1, slots_max=slots_max)
    async with store_at(url) as store:
        module = AgentsModule(
            store, clock, Ids(clock, chance), chance, settings, python_agents=agents
        )
        async with module.running():
            yield module


def an_agent(
    agent_type: str = "echo", *capabilities: PythonCapability, limit: int | None = None
) -> PythonAgent:
    """A Python agent named like its type."""
    return PythonAgent(agent_type, agent_type, capabilities, max_concurrency=limit)


def can(name: str, run: Any, *, blocking: bool = False) -> PythonCapability:
    """A capability done by `run`."""
    return PythonCapability(Capability(name), run, blocking)


def a_task(agent_type: str | None = "echo", **given: Any) -> Task:
    """A task for the pool of that type."""
    fields: dict[str, Any] = {"input_data": {}, "timeout_ms": 60_000, "queue_timeout_ms": 60_000}
    return Task(id="tsk_1", tenant=DEFAULT_TENANT, agent_type=agent_type, **(fields | given))
