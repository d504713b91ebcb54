"""`Agents` of a process that has none: what its callers get when the others live, leave and die."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from agent_replicas import a_task, an_agent, can, store_at
from asking import a_process
from products import until

from orchestra.agents import Agents, Task, TaskError, TaskResult
from orchestra.agents.module import AgentsModule
from orchestra.agents.remote import EXECUTE, RemoteAgents, serve_agents
from orchestra.bus.requests.module import RequestsModule
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.settings import Settings
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio


async def echo(task: Task) -> object:
    return task.input_data


@asynccontextmanager
async def agents_at(url: str) -> AsyncIterator[AgentsModule]:
    """An agents module with one agent, which does not run yet."""
    clock, chance = SystemClock(), system_random()
    async with store_at(url) as store:
        installed = [an_agent("echo", can("echo", echo))]
        yield AgentsModule(
            store, clock, Ids(clock, chance), chance, Settings(port=1), python_agents=installed
        )


@asynccontextmanager
async def without_agents(url: str) -> AsyncIterator[Agents]:
    """What a process without agents has instead."""
    async with (
        agents_at(url) as beside,
        a_process(url, "workflows") as requests,
        beside.beside(),
    ):
        yield RemoteAgents(beside, requests)


@asynccontextmanager
async def with_agents(url: str) -> AsyncIterator[AgentsModule]:
    """A process that has agents, and says so."""
    async with (
        agents_at(url) as module,
        module.running(),
        a_process(url, "agents", lambda requests: serve_agents(requests, module)),
    ):
        yield module


class Dying:
    """A process that leaves when it was asked: what it did is not known."""

    def __init__(self) -> None:
        self.asked: list[Task] = []
        self.begun = anyio.Event()

    async def take(self, task: Task) -> TaskResult:
        """Never answer."""
        self.asked.append(task)
        self.begun.set()
        await anyio.sleep_forever()
        raise AssertionError

    def serve(self, requests: RequestsModule) -> None:
        """As agents do."""
        requests.serve(EXECUTE, Task, self.take)

    async def live_and_die(self, url: str) -> None:
        """Be there until one task was taken."""
        self.begun = anyio.Event()
        async with a_process(url, "agents", self.serve):
            with anyio.fail_after(60):
                await self.begun.wait()


async def results_while(
    agents: Agents, task: Task, url: str, dying: Dying, deaths: int
) -> list[TaskResult]:
    """What comes of the task while so many processes die that had it, and then one is sound."""
    found: list[TaskResult] = []

    async def ask() -> None:
        found.append(await agents.execute(task))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        for _ in range(deaths):
            await dying.live_and_die(url)
        async with with_agents(url):
            await until(lambda: found)
    return found


async def test_a_task_is_done_by_the_process_that_has_agents(store_url: str) -> None:
    async with with_agents(store_url), without_agents(store_url) as agents:
        result = await agents.execute(a_task(input_data={"task_type": "echo", "n": 1}))

        assert result.output == {"task_type": "echo", "n": 1}
        assert agents.known_types(DEFAULT_TENANT) == {"echo"}
        assert not agents.in_process("echo")
        assert agents.saturated() == frozenset()


async def test_a_lost_task_is_sent_again_with_its_key(store_url: str) -> None:
    dying = Dying()
    task = a_task(input_data={"task_type": "echo"}, key="orc-1", queue_timeout_ms=20_000)
    async with without_agents(store_url) as agents:
        [result] = await results_while(agents, task, store_url, dying, 1)

    assert result.error is None
    assert [one.key for one in dying.asked] == ["orc-1"]


async def test_a_lost_task_that_may_be_done_only_once_ends_unknown(store_url: str) -> None:
    dying = Dying()
    task = a_task(input_data={"task_type": "echo"}, once=True, queue_timeout_ms=20_000)
    async with without_agents(store_url) as agents:
        [result] = await results_while(agents, task, store_url, dying, 1)

    assert result.error is not None
    assert (result.error.code, result.error.definite) == ("agent.lost", False)
    assert len(dying.asked) == 1


async def test_a_task_that_kills_three_processes_is_given_up(store_url: str) -> None:
    async with with_agents(store_url):
        pass  # the type is registered, as one that lives in the process of the agents
    dying = Dying()
    task = a_task(input_data={"task_type": "echo"}, queue_timeout_ms=20_000)
    async with without_agents(store_url) as agents:
        [result] = await results_while(agents, task, store_url, dying, 3)

    assert result.error is not None
    assert result.error.code == "step.crash_loop"
    assert len(dying.asked) == 3


async def test_without_agents_anywhere_types_are_saturated_and_tasks_time_out(
    store_url: str,
) -> None:
    async with with_agents(store_url):
        pass
    async with without_agents(store_url) as agents:
        assert agents.saturated() == {"echo"}
        result = await agents.execute(a_task(queue_timeout_ms=50))

    assert result.error == TaskError(
        "agent.unavailable",
        "no process with agents is running now",
        problem="no-agent-available",
    )


async def test_cancelling_stops_the_agent_in_the_other_process(store_url: str) -> None:
    begun, stopped = anyio.Event(), anyio.Event()

    async def long(_: Task) -> TaskResult:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()
        raise AssertionError

    async with (
        a_process(store_url, "agents", lambda one: one.serve(EXECUTE, Task, long)),
        without_agents(store_url) as agents,
        anyio.create_task_group() as group,
    ):
        group.start_soon(agents.execute, a_task())
        with anyio.fail_after(60):
            await begun.wait()
        group.cancel_scope.cancel()
    with anyio.fail_after(60):
        await stopped.wait()
