"""What instruments say of agents, held against what really happened: real agents, a real store."""

from collections.abc import AsyncIterator

import anyio
import pytest
from agent_replicas import a_task, an_agent, can, replica
from http_peer import a_peer
from told import grown, told

from orchestra.agents import Capability, Task
from orchestra.agents.health.surveying import BADNESS
from orchestra.agents.module import AgentsModule
from orchestra.agents.pools.roster import ANY
from orchestra.agents.pools.slots import Slot
from orchestra.agents.records import HttpReach, Registration
from orchestra.agents.routing import hedges
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

NOBODY = "http://127.0.0.1:1/run"
HOME = str(DEFAULT_TENANT)


@pytest.fixture
async def agents(store_url: str) -> AsyncIterator[AgentsModule]:
    async with replica(store_url) as module:
        yield module


def at(url: str, name: str, agent_type: str, **given: object) -> Registration:
    """An agent there, that does two tasks at once."""
    fields = {"capabilities": (Capability("echo"),), "max_concurrency": 2} | given
    return Registration(name, agent_type, "http", reach=HttpReach(url), **fields)  # type: ignore[arg-type]  # of a test's own


async def register(agents: AgentsModule, *specs: Registration) -> None:
    for spec in specs:
        await agents.registry.register(DEFAULT_TENANT, spec)


async def surveyed(agents: AgentsModule, name: str) -> dict[str, float]:
    """By name of an agent."""
    readings = await agents.surveyor.survey()
    return {of[1]: n for gauge, of, n in readings if gauge.name == f"orchestra_agent_{name}"}


async def test_slots_and_states_are_as_the_pools_have_them(agents: AgentsModule) -> None:
    busy: list[dict[str, float]] = []
    async with a_peer() as peer:
        begun, go = anyio.Event(), anyio.Event()

        async def hold() -> None:
            begun.set()
            await go.wait()

        peer.hold = hold
        await register(agents, at(peer.url, "up", "told"), at(NOBODY, "off", "told-off"))
        async with anyio.create_task_group() as group:
            group.start_soon(agents.execute, a_task("told"))
            await begun.wait()
            busy += [await surveyed(agents, name) for name in ("slots", "slots_in_use", "state")]
            go.set()
        free = await surveyed(agents, "slots_in_use")
        statuses, taken, places = await agents.surveyor.slots(DEFAULT_TENANT)

    assert [one["up"] for one in busy] == [2, 1, BADNESS["healthy"]]
    assert (free["up"], taken, places) == (0, 0, 4)
    assert sorted(statuses) == ["healthy", "healthy"]


async def test_a_breaker_that_opens_is_counted_and_its_agent_is_unhealthy(
    agents: AgentsModule,
) -> None:
    before = told("orchestra_agent_breaker_opened_total")
    await register(agents, at(NOBODY, "broken", "told-broken"))
    while (await surveyed(agents, "state"))["broken"] == BADNESS["healthy"]:
        await agents.execute(a_task("told-broken", timeout_ms=1_000))

    opened = grown("orchestra_agent_breaker_opened_total", before)

    assert opened == {(HOME, "broken"): 1}
    assert (await surveyed(agents, "state"))["broken"] == BADNESS["unhealthy"]


async def test_retries_and_fallbacks_are_counted_by_whom_they_go_to(agents: AgentsModule) -> None:
    names = ("retries_total", "fallbacks_total", "pick_seconds")
    async with a_peer() as peer:
        await register(
            agents, at(NOBODY, "one", "told-first"), at(NOBODY, "two", "told-first"),
            at(peer.url, "instead", "told-second"),
        )  # fmt: skip
        before = [told(f"orchestra_agent_{name}") for name in names]
        result = await agents.execute(a_task("told-first", fallbacks=("type:told-second",)))
        found = [
            grown(f"orchestra_agent_{name}", was) for name, was in zip(names, before, strict=True)
        ]

    calls = [call["agent"] for call in result.calls]
    assert (result.agent_name, set(calls[:-1])) == ("instead", {"one", "two"})
    assert found[0] == {(HOME, "told-first"): len(calls) - 2}
    assert found[1] == {(HOME, "told-second"): 1}
    assert found[2][HOME, "told-first"] >= len(calls) - 1
    assert found[2][HOME, "told-second"] == 1


async def test_slots_of_the_dead_are_counted_when_they_are_taken_back(
    agents: AgentsModule,
) -> None:
    async with a_peer() as peer:
        await register(agents, at(peer.url, "left", "told-reaped"))
        choice = agents.registry.roster(DEFAULT_TENANT).pools["told-reaped"].choices[ANY]
        reaped = "orchestra_agent_slots_reaped_total"
        before = told(reaped)
        taken = [await agents._balancer.acquire(choice, (), 1) for _ in range(2)]
        assert all(isinstance(one, Slot) for one in taken)
        with anyio.fail_after(60):
            while grown(reaped, before) != {(HOME, "told-reaped"): 2}:  # noqa: ASYNC110  -- in the store
                await anyio.sleep(0.01)


async def test_who_waits_is_told_and_then_told_as_nobody(store_url: str) -> None:
    begun, go = anyio.Event(), anyio.Event()

    async def slow(_: Task) -> str:
        begun.set()
        await go.wait()
        return "done"

    own = an_agent("told-seats", can("do", slow))
    limited = an_agent("told-limited", can("do", slow), limit=1)
    waiters, seats = "orchestra_agent_waiters", list[dict[tuple[str, ...], float]]()
    async with replica(store_url, [own, limited], slots_max=1) as agents:
        async with anyio.create_task_group() as group:
            for kind in ("told-seats", "told-limited"):
                for _ in range(3):
                    group.start_soon(agents.execute, a_task(kind))
            with anyio.fail_after(60):
                while True:
                    agents._executor.tell()
                    found = told(waiters)
                    if all(found.get((HOME, f"told-{one}")) == 2 for one in ("seats", "limited")):
                        break
                    await anyio.sleep(0.01)
            agents.surveyor.tell()
            seats += (told("orchestra_agent_seats"), told("orchestra_agent_seats_in_use"))
            go.set()
        agents._executor.tell()
        agents.surveyor.tell()
        after = told(waiters)

    assert begun.is_set()
    assert [one[HOME,] for one in seats] == [1, 1]
    assert (after[HOME, "told-seats"], after[HOME, "told-limited"]) == (0, 0)
    assert told("orchestra_agent_seats_in_use")[HOME,] == 0


async def test_a_type_that_is_asked_for_and_has_nobody_is_wanted_until_somebody_comes(
    agents: AgentsModule,
) -> None:
    wanted = "orchestra_agent_wanted"
    for _ in range(3):
        result = await agents.execute(a_task("told-wanted", timeout_ms=100))
        assert result.error is not None
    agents._executor.tell()
    missed = told(wanted)
    async with a_peer() as peer:
        await register(agents, at(peer.url, "here", "told-wanted"))
        result = await agents.execute(a_task("told-wanted"))
    agents._executor.tell()

    assert missed[HOME, "told-wanted"] == 3
    assert result.error is None
    assert (HOME, "told-wanted") not in told(wanted)


async def test_a_second_call_beside_a_slow_one_is_counted(
    agents: AgentsModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    capability = Capability("echo", idempotent=True)
    async with a_peer() as slow, a_peer() as quick:
        for peer, name in ((slow, "slow"), (quick, "quick")):
            spec = at(peer.url, name, "told-hedged", hedge=True, capabilities=(capability,))
            await register(agents, spec)
        with monkeypatch.context() as unhurried:  # for what makes this machine slow uses up none
            unhurried.setattr(hedges, "AFTER_MIN_S", 60.0)
            for _ in range(40):
                await agents.execute(a_task("told-hedged", capability="echo"))
        slow.hold = anyio.sleep_forever
        before = told("orchestra_agent_hedges_total")
        results = [await agents.execute(a_task("told-hedged", capability="echo")) for _ in range(2)]

    calls = sum(len(result.calls) for result in results)
    assert grown("orchestra_agent_hedges_total", before) == {(HOME, "told-hedged"): calls - 2}
