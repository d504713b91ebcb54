"""Two replicas on one store: what one registers, the other picks."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from agent_replicas import a_task, an_agent, can, replica
from http_peer import a_peer

from orchestra.agents import Capability, TaskResult
from orchestra.agents.module import AgentsModule
from orchestra.agents.records import Heartbeat, HttpReach, Registration
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio


def far(url: str, name: str = "far", **given: Any) -> Registration:
    return Registration(
        name,
        "remote",
        "http",
        (Capability("echo"),),
        max_concurrency=1,
        reach=HttpReach(url),
        **given,
    )


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    for _ in range(round(seconds / 0.02)):
        if condition():
            return
        await anyio.sleep(0.02)
    pytest.fail(f"not within {seconds} s")


async def test_what_one_registers_the_other_sees_by_itself(store_url: str) -> None:
    async with replica(store_url) as one, replica(store_url) as other, a_peer() as peer:
        agent, written = await one.registry.register(DEFAULT_TENANT, far(peer.url))

        await until(lambda: "remote" in other.known_types(DEFAULT_TENANT))
        assert written == "new"
        assert (await other.execute(a_task("remote"))).agent_id == agent.id
        await other.registry.remove(other.registry.roster(DEFAULT_TENANT).find("far"))
        await until(lambda: "remote" not in one.known_types(DEFAULT_TENANT))


async def test_a_task_for_somebody_unknown_looks_at_the_store_at_once(store_url: str) -> None:
    async with replica(store_url) as one, replica(store_url) as other, a_peer() as peer:
        await one.registry.register(DEFAULT_TENANT, far(peer.url))

        assert (await other.execute(a_task("remote"))).error is None


async def test_another_tenants_agents_are_not_there(store_url: str) -> None:
    async with replica(store_url) as one, a_peer() as peer:
        await one.registry.register(Tenant("t2"), far(peer.url))

        result = await one.execute(a_task("remote"))

        assert result.error is not None
        assert result.error.code == "agent.unavailable"
        assert one.known_types(DEFAULT_TENANT) == frozenset()
        assert one.known_types(Tenant("t2")) == {"remote"}


async def test_registering_the_same_in_every_replica_is_one_agent(store_url: str) -> None:
    code = [an_agent("echo", can("echo", lambda task: task.input_data))]
    async with replica(store_url, code) as one, replica(store_url, code) as other:
        [first], [second] = (
            list(module.registry.roster(DEFAULT_TENANT).by_id.values()) for module in (one, other)
        )

        assert (first.id, first.revision) == (second.id, 1)


async def test_max_concurrency_holds_across_replicas_and_waiters_are_served(
    store_url: str,
) -> None:
    async with replica(store_url) as one, replica(store_url) as other, a_peer() as peer:
        inside = most = 0

        async def hold() -> None:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await anyio.sleep(0.01)
            inside -= 1

        peer.hold = hold
        await one.registry.register(DEFAULT_TENANT, far(peer.url))
        errors: list[object] = []

        async def call(module: AgentsModule) -> None:
            errors.append((await module.execute(a_task("remote"))).error)

        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(call, one)
                group.start_soon(call, other)

        assert most == 1
        assert errors == [None] * 12


async def test_a_replica_that_leaves_gives_its_slots_back(store_url: str) -> None:
    async with replica(store_url) as one, a_peer() as peer:
        reached = anyio.Event()

        async def hold() -> None:
            reached.set()
            await anyio.sleep_forever()

        peer.hold = hold
        results: list[TaskResult] = []
        async with anyio.create_task_group() as group:
            async with replica(store_url) as other:
                await other.registry.register(DEFAULT_TENANT, far(peer.url))
                group.start_soon(other.execute, a_task("remote"))
                await reached.wait()
            peer.hold = None
            results.append(await one.execute(a_task("remote")))
            group.cancel_scope.cancel()

        assert results[0].error is None


async def test_an_agent_without_its_heartbeat_is_stale_and_comes_back(store_url: str) -> None:
    async with replica(store_url) as one, a_peer() as peer:
        beat = Heartbeat("push", interval_s=10, ttl_s=30)
        agent, _ = await one.registry.register(DEFAULT_TENANT, far(peer.url, heartbeat=beat))
        assert await one.care.health.status(agent) == "healthy"

        prefix = "o:a:{default/remote}:"  # a minute passes
        await one.care.health._store.call(prefix, "ZINCRBY", f"{prefix}hb", -60_000, agent.id)
        with anyio.fail_after(60):
            while await one.care.health.status(agent) != "stale":  # noqa: ASYNC110  -- in the store
                await anyio.sleep(0.05)
        refused = await one.execute(a_task("remote", queue_timeout_ms=100))
        await one.registry.heartbeat(agent)

        assert refused.error is not None
        assert refused.error.problem == "no-agent-available"
        assert (await one.execute(a_task("remote"))).error is None
