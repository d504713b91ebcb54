"""Whom tasks go to, and where they go when that fails: real agents over HTTP, a real store."""

import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest
from agent_replicas import a_task, replica
from http_peer import Peer, a_peer
from steady import undisturbed

from orchestra.agents import Capability, TaskResult
from orchestra.agents.module import AgentsModule
from orchestra.agents.records import HttpReach, Limits, Price, Registration
from orchestra.agents.routing import hedges, lines
from orchestra.clock import SystemClock
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

CLOCK = SystemClock()
NOBODY = "http://127.0.0.1:1/run"


@pytest.fixture
async def agents(store_url: str) -> AsyncIterator[AgentsModule]:
    async with replica(store_url) as module:
        yield module


def at(url: str, name: str = "far", agent_type: str = "remote", **given: Any) -> Registration:
    """An agent there. `idempotent` says it of its one capability."""
    echo = Capability("echo", idempotent=given.pop("idempotent", False))
    given = {"capabilities": (echo,), "max_concurrency": 4} | given
    return Registration(name, agent_type, "http", reach=HttpReach(url), **given)


async def register(agents: AgentsModule, *specs: Registration) -> None:
    for spec in specs:
        await agents.registry.register(DEFAULT_TENANT, spec)


async def done_by(
    agents: AgentsModule, times: int, agent_type: str = "remote", **task: Any
) -> Counter[str | None]:
    """Who did so many tasks, one after the other."""
    return Counter(
        [(await agents.execute(a_task(agent_type, **task))).agent_name for _ in range(times)]
    )


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    for _ in range(round(seconds / 0.002)):
        if condition():
            return
        await anyio.sleep(0.002)
    pytest.fail(f"not within {seconds} s")


def why(result: TaskResult, call: int = -1) -> Any:
    return result.calls[call]["why"]


async def test_100_picks_over_5_equal_idle_agents_are_20_each(agents: AgentsModule) -> None:
    async with a_peer() as peer:
        await register(agents, *(at(peer.url, f"a{i}") for i in range(5)))

        assert set((await done_by(agents, 100)).values()) == {20}


async def test_the_latency_strategy_prefers_the_quick_one(agents: AgentsModule) -> None:
    async with a_peer() as quick, a_peer() as slow:

        async def hold() -> None:
            await anyio.sleep(0.6)

        slow.hold = hold
        pools = itertools.count()

        async def picked() -> Counter[str | None]:
            pool = f"remote{next(pools)}"
            await register(
                agents, at(quick.url, f"quick-{pool}", pool), at(slow.url, f"slow-{pool}", pool)
            )
            await done_by(agents, 2, pool)
            return await done_by(agents, 20, pool, strategy="ewma")

        most, times = (await undisturbed(picked, 0.2)).most_common(1)[0]

        assert (most or "").startswith("quick")
        assert times >= 19


async def test_the_cheapest_does_it_while_it_is_free(agents: AgentsModule) -> None:
    async with a_peer() as peer:
        dear, cheap = (Price(n * 1_000_000, n * 1_000_000) for n in (5, 1))
        await register(
            agents,
            at(peer.url, "dear", price=dear),
            at(peer.url, "cheap", price=cheap, max_concurrency=1),
            at(peer.url, "unpriced"),
        )

        assert await done_by(agents, 9, strategy="cheapest") == {"cheap": 9}
        gate, inside = anyio.Event(), anyio.Event()

        async def hold() -> None:
            inside.set()
            await gate.wait()

        peer.hold = hold
        found: list[TaskResult] = []
        async with anyio.create_task_group() as group:
            group.start_soon(agents.execute, a_task("remote", strategy="cheapest"))
            await inside.wait()
            peer.hold = None
            found.append(await agents.execute(a_task("remote", strategy="cheapest")))
            gate.set()
        assert found[0].agent_name == "dear"


async def test_a_session_stays_with_its_agent_and_sessions_spread(agents: AgentsModule) -> None:
    async with a_peer() as peer:
        await register(agents, *(at(peer.url, f"a{i}") for i in range(5)))

        homes = [await done_by(agents, 4, session=f"s{n}") for n in range(30)]

        assert [len(home) for home in homes] == [1] * 30
        spread = Counter(next(iter(home)) for home in homes)
        assert len(spread) == 5
        result = await agents.execute(a_task("remote", session="s0"))
        assert why(result)["strategy"] == "affinity"


async def test_sticky_sessions_never_crowd_an_agent(agents: AgentsModule) -> None:
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(a_peer()) for _ in range(4)]
        inside, most = Counter[int](), Counter[int]()

        def holding(n: int) -> Any:
            async def hold() -> None:
                inside[n] += 1
                most[n] = max(most[n], inside[n])
                await anyio.sleep(0.05)
                inside[n] -= 1

            return hold

        for n, peer in enumerate(peers):
            peer.hold = holding(n)
            await register(agents, at(peer.url, f"a{n}", max_concurrency=32))
        async with anyio.create_task_group() as group:
            for _ in range(40):  # all of one session
                group.start_soon(agents.execute, a_task("remote", session="one"))

        assert max(most.values()) <= 1.25 * 40 / 4 + 1
        assert sum(len(peer.asked) for peer in peers) == 40


async def test_a_busy_tier_spills_only_when_asked(agents: AgentsModule) -> None:
    async with a_peer() as best, a_peer() as other:
        gate, inside = anyio.Event(), anyio.Event()

        async def hold() -> None:
            inside.set()
            await gate.wait()

        best.hold = hold
        await register(
            agents,
            at(best.url, "best", priority=1, max_concurrency=1),
            at(other.url, "other", priority=2),
        )
        found: list[TaskResult] = []
        async with anyio.create_task_group() as group:
            group.start_soon(agents.execute, a_task("remote"))
            await inside.wait()
            found.append(await agents.execute(a_task("remote", spill=True)))
            task = a_task("remote", queue_timeout_ms=100)
            found.append(await undisturbed(lambda: agents.execute(task), 0.05))
            gate.set()

        spilt, waits = found
        assert (spilt.agent_name, spilt.degraded) == ("other", True)
        assert waits.error is not None
        assert waits.error.code == "timeout.queue"
        assert "1 busy" in waits.error.message


async def test_each_call_says_why_its_agent_was_chosen(agents: AgentsModule) -> None:
    async with a_peer() as peer:
        await register(agents, at(NOBODY, "down", priority=1), at(peer.url, "up", priority=2))

        result = await agents.execute(a_task("remote"))

        first, second = why(result, 0), why(result, 1)
        assert first["chosen"]["agent"] == "down"
        assert second["chosen"] == {
            "agent": "up", "tier": 2, "in_flight": 1, "max": 4, "latency_ms": 0,
        }  # fmt: skip
        assert second["skipped"] == {
            "full": 0, "cooling": 0, "stale": 0, "incapable": 0, "excluded": 1,
        }  # fmt: skip
        assert (second["eligible"], second["fallback_of"]) == (2, None)


async def test_a_lone_agent_is_asked_again_after_a_pause(agents: AgentsModule) -> None:
    async with a_peer(status=503) as peer:
        await register(agents, at(peer.url))

        async def recover() -> None:
            if len(peer.asked) == 3:
                peer.says("well again")

        peer.hold = recover
        result = await agents.execute(a_task("remote"))

        assert result.output == "well again"
        assert [call["outcome"] for call in result.calls] == ["failed", "failed", "ok"]


async def test_at_most_once_is_asked_again_only_when_nothing_happened(
    agents: AgentsModule,
) -> None:
    async with a_peer() as peer:
        await register(agents, at(peer.url))
        peer.hold = anyio.sleep_forever

        async def do() -> TaskResult:
            peer.asked.clear()
            return await agents.execute(a_task("remote", once=True, timeout_ms=300))

        result = await undisturbed(do, 0.1)

        assert result.error is not None
        assert (result.error.code, result.error.definite) == ("timeout.attempt", False)
        assert len(peer.asked) == 1


async def test_an_attempt_leaves_time_for_another_agent(agents: AgentsModule) -> None:
    async with a_peer() as stuck, a_peer() as well:
        stuck.hold = anyio.sleep_forever
        await register(agents, at(stuck.url, "stuck", priority=1), at(well.url, "well", priority=2))

        async def do() -> TaskResult:
            return await agents.execute(a_task("remote", timeout_ms=2_000))

        result = await undisturbed(do, 0.3)

        assert result.agent_name == "well"
        assert [call["outcome"] for call in result.calls] == ["unknown", "ok"]
        took: Any = result.calls[0]["duration_ms"]
        assert took >= 1_150


async def test_fallbacks_of_the_agent_come_before_those_of_the_task(agents: AgentsModule) -> None:
    async with a_peer() as peer:
        peer.says("by a fallback")
        await register(
            agents,
            at(NOBODY, "down", fallbacks=("type:first",)),
            at(peer.url, "one", "first"),
            at(peer.url, "two", "second"),
        )

        result = await agents.execute(a_task("remote", fallbacks=("type:second",)))

        assert (result.agent_name, result.degraded) == ("one", True)
        assert why(result)["fallback_of"] == "remote"


async def test_a_bad_request_is_no_better_anywhere_else(agents: AgentsModule) -> None:
    async with a_peer() as peer:
        peer.says({"error": {"message": "no"}}, 400)
        await register(agents, at(peer.url, "a"), at(peer.url, "b"), at(peer.url, "c", "large"))

        result = await agents.execute(a_task("remote", fallbacks=("type:large",)))

        assert result.error is not None
        assert len(result.calls) == 1


async def test_429_keeps_all_replicas_away_until_it_said_and_then_it_is_done(
    store_url: str,
) -> None:
    async with AsyncExitStack() as stack:
        replicas = [await stack.enter_async_context(replica(store_url)) for _ in range(3)]
        peer = await stack.enter_async_context(a_peer(status=429, headers={"retry-after": "2"}))
        came: list[int] = []  # by the clock that the store goes by

        async def hold() -> None:
            came.append(CLOCK.now_ms())
            if len(came) > 1:
                peer.says("done")

        peer.hold = hold
        await register(replicas[0], at(peer.url))
        for one in replicas[1:]:
            await one.registry.refresh()
        results: list[TaskResult] = []

        async def do(module: AgentsModule) -> None:
            results.append(await module.execute(a_task("remote", timeout_ms=120_000)))

        async with anyio.create_task_group() as group:
            group.start_soon(do, replicas[0])
            await until(lambda: bool(came))
            await told(replicas[1], came[0])
            for one in replicas:
                for _ in range(3):
                    group.start_soon(do, one)

        assert [result.error for result in results] == [None] * 10
        assert came[1] - came[0] >= 2_000


async def told(module: AgentsModule, came_ms: int) -> None:
    """Until this replica sees that the agent is to be left alone, or that time is over."""
    while CLOCK.now_ms() - came_ms < 2_000:
        shown: Any = await module._executor.explainer.explain(a_task("remote"))
        if shown["agents"][0]["reason"] == "cooling":
            return
        await anyio.sleep(0.01)


async def test_429_of_one_is_another_ones_task(agents: AgentsModule) -> None:
    async with a_peer(status=429, headers={"retry-after": "60"}) as busy, a_peer() as free:
        await register(agents, at(busy.url, "busy", priority=1), at(free.url, "free", priority=2))

        picked = await done_by(agents, 5)

        assert picked == {"free": 5}
        assert len(busy.asked) == 1


async def test_when_all_cool_off_for_longer_than_there_is_time_it_is_said_how_long(
    agents: AgentsModule,
) -> None:
    async with a_peer(status=429, headers={"retry-after": "600"}) as peer:
        await register(agents, at(peer.url, "a"), at(peer.url, "b"))
        first = await agents.execute(a_task("remote", timeout_ms=50_000))

        second = await agents.execute(a_task("remote", timeout_ms=50_000))

        assert first.error is not None
        assert first.error.code == "agent.rate_limited"
        assert second.error is not None
        assert second.error.problem == "no-agent-available"
        assert "2 cooling off" in second.error.message
        assert 500_000 < (second.error.retry_after_ms or 0) <= 600_000
        assert len(peer.asked) == 2


async def test_limits_are_kept_by_all_replicas_together(store_url: str) -> None:
    async with replica(store_url) as one, replica(store_url) as other, a_peer() as peer:
        await register(one, at(peer.url, limits=Limits(rpm=60), max_concurrency=50))
        await other.registry.refresh()
        errors: list[object] = []

        async def do(module: AgentsModule) -> None:
            errors.append((await module.execute(a_task("remote", queue_timeout_ms=6_000))).error)

        began = anyio.current_time()
        async with anyio.create_task_group() as group:
            for _ in range(15):
                group.start_soon(do, one)
                group.start_soon(do, other)
        took_s = anyio.current_time() - began

        assert len(peer.asked) == errors.count(None)
        assert 10 <= len(peer.asked) <= 11 + took_s  # a burst of 10 s of quota, and one a second


async def test_a_waiter_is_woken_by_a_slot_that_another_replica_gives_back(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "POLL_S", 3_600)  # nobody looks for himself
    async with replica(store_url) as one, replica(store_url) as other, a_peer() as peer:
        gate, inside = anyio.Event(), anyio.Event()

        async def hold() -> None:
            inside.set()
            await gate.wait()

        peer.hold = hold
        await register(one, at(peer.url, max_concurrency=1))
        await other.registry.refresh()
        waited: list[bool] = []

        async def wait() -> None:
            assert (await other.execute(a_task("remote"))).error is None
            waited.append(True)

        async with anyio.create_task_group() as group:
            group.start_soon(one.execute, a_task("remote"))
            await inside.wait()
            for _ in range(3):
                before = len(waited)
                group.start_soon(wait)
                await until(lambda: other.saturated() == {"remote"})
                await listened_to(one, 1)
                gate.set()
                await until(lambda n=before: len(waited) > n)
                await listened_to(one, 0)
                gate, inside = anyio.Event(), anyio.Event()
                group.start_soon(one.execute, a_task("remote"))
                await inside.wait()
            gate.set()


async def listened_to(module: AgentsModule, by: int) -> None:
    """Until so many hear who gives back a slot of the pool."""
    prefix = module._balancer.prefix(DEFAULT_TENANT, "remote")
    ask = ("PUBSUB", "SHARDNUMSUB", f"{prefix}free")
    with anyio.fail_after(60):
        while (await module._store.read(prefix, *ask))[1] != by:  # noqa: ASYNC110  -- in the store
            await anyio.sleep(0.01)


async def test_a_slow_call_gets_a_second_one_beside_it_and_the_first_answer_counts(
    agents: AgentsModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_peer() as slow, a_peer() as quick:
        given: dict[str, Any] = {"hedge": True, "idempotent": True}
        await register(agents, at(slow.url, "slow", **given), at(quick.url, "quick", **given))
        with monkeypatch.context() as unhurried:  # for what makes this machine slow uses up none
            unhurried.setattr(hedges, "AFTER_MIN_S", 60.0)
            await done_by(agents, 40, capability="echo")
        slow.hold = anyio.sleep_forever
        quick.says("first")

        results = [
            await agents.execute(a_task("remote", capability="echo", timeout_ms=60_000))
            for _ in range(2)
        ]
        hedged = next(result for result in results if len(result.calls) == 2)

        assert hedged.output == "first"
        assert {call["agent"]: call["outcome"] for call in hedged.calls} == {
            "slow": "cancelled", "quick": "ok",
        }  # fmt: skip
        assert hedged.duration_ms >= 1_000


async def test_an_agent_that_is_down_is_out_for_all_until_a_probe_succeeds(
    store_url: str,
) -> None:
    async with AsyncExitStack() as stack:
        replicas = [await stack.enter_async_context(replica(store_url)) for _ in range(3)]
        up: Peer = await stack.enter_async_context(a_peer())
        ill: Peer = await stack.enter_async_context(a_peer(status=503))
        await register(replicas[0], at(ill.url, "ill"), at(up.url, "up"))
        for one in replicas[1:]:
            await one.registry.refresh()

        results = [await one.execute(a_task("remote")) for one in replicas * 10]

        assert [result.error for result in results] == [None] * 30
        assert len(ill.asked) == 5, "the breaker is everybody's"
        shown: Any = await replicas[1]._executor.explainer.explain(a_task("remote"))
        [down] = [one for one in shown["agents"] if not one["eligible"]]
        assert (down["agent"], down["reason"]) == ("ill", "down")
        assert down["gate_ms"] > 10_000
        assert shown["chosen"] == "up"
