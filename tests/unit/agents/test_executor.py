"""Tasks on Python agents: what each way to end is to the caller."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from agent_replicas import a_task, an_agent, can, replica

from orchestra.agents import Reject, Retry, Task, TaskResult
from orchestra.agents.module import AgentsModule
from orchestra.errors import Problem

pytestmark = pytest.mark.anyio

PLACES = 64


class Door:
    """Tasks wait in it; how many are inside is counted."""

    def __init__(self) -> None:
        self.open = anyio.Event()
        self.inside = self.most = 0
        self.order: list[object] = []
        self.entered = anyio.Condition()

    async def pass_through(self, task: Task) -> object:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.order.append(task.input_data)
        async with self.entered:
            self.entered.notify_all()
        try:
            await self.open.wait()
        finally:
            self.inside -= 1
        return task.input_data

    async def wait_for(self, inside: int) -> None:
        async with self.entered:
            while self.inside < inside:
                await self.entered.wait()


async def doubled(task: Task) -> object:
    assert isinstance(task.input_data, dict)
    return {"twice": task.input_data["n"] * 2}


def rejecting(_: Task) -> object:
    raise Reject("no text", [Problem("/text", "missing_field", "is required")])


def busy(_: Task) -> object:
    raise Retry("later", after_s=1.5)


def broken(_: Task) -> object:
    raise ValueError("a secret detail")


async def endless(_: Task) -> object:
    await anyio.sleep_forever()


def in_thread(task: Task) -> object:
    return {"given": task.input_data}


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
async def agents(store_url: str, door: Door) -> AsyncIterator[AgentsModule]:
    capabilities = [
        can("double", doubled),
        can("reject", rejecting),
        can("busy", busy),
        can("broken", broken),
        can("endless", endless),
        can("thread", in_thread, blocking=True),
        can("door", door.pass_through),
    ]
    code = [
        an_agent("echo", *capabilities),
        an_agent("narrow", can("door", door.pass_through), limit=2),
    ]
    async with replica(store_url, code) as module:
        yield module


async def test_the_capability_may_be_named_in_the_input(agents: AgentsModule) -> None:
    result = await agents.execute(a_task(input_data={"task_type": "double", "n": 21}))

    assert result.output == {"twice": 42}
    assert result.error is None
    assert result.agent_name == "echo"
    assert result.calls[0]["outcome"] == "ok"


async def test_refused_input_is_a_definite_failure_with_its_findings(agents: AgentsModule) -> None:
    result = await agents.execute(a_task(capability="reject"))

    assert result.output is None
    assert result.error is not None
    assert (result.error.code, result.error.definite) == ("agent.bad_request", True)
    assert result.error.findings == (Problem("/text", "missing_field", "is required"),)


async def test_an_agent_that_asks_for_another_try_says_when(agents: AgentsModule) -> None:
    error = (await agents.execute(a_task(capability="busy"))).error

    assert error is not None
    assert (error.code, error.retryable, error.retry_after_ms) == ("agent.error", True, 1_500)


async def test_an_exception_is_the_agents_failure_and_is_not_quoted(agents: AgentsModule) -> None:
    error = (await agents.execute(a_task(capability="broken"))).error

    assert error is not None
    assert (error.code, error.message) == ("agent.error", "the agent raised ValueError")


async def test_no_answer_in_time_is_an_unknown_outcome(agents: AgentsModule) -> None:
    for timeout_ms in (20, 1_000):  # a timer of its own, and the common sweep
        result = await agents.execute(a_task(capability="endless", timeout_ms=timeout_ms))

        assert result.error is not None
        assert (result.error.code, result.error.definite) == ("timeout.attempt", False)
        assert result.duration_ms >= timeout_ms - 1


async def test_blocking_work_is_done_in_a_thread(agents: AgentsModule) -> None:
    result = await agents.execute(a_task(capability="thread", input_data=7))

    assert result.output == {"given": 7}


@pytest.mark.parametrize(
    "given",
    [
        {"agent_type": "nobody"},
        {"agent_type": None, "agent": "nobody"},
        {"agent_type": None, "capability": "nothing"},
        {"capability": "nothing"},
        {"capability": "double", "labels": {"zone": "eu"}},
        {"capability": "double", "version": ">=2"},
    ],
)
async def test_nobody_to_ask_is_unavailable_and_not_an_exception(
    agents: AgentsModule, given: dict[str, Any]
) -> None:
    result = await agents.execute(a_task(**given))

    assert result.error is not None
    assert result.error.code == "agent.unavailable"
    assert result.error.problem == "no-agent-available"
    assert result.error.definite


async def test_a_fallback_does_it_when_the_first_target_is_not_there(agents: AgentsModule) -> None:
    task = a_task("nobody", capability="double", input_data={"n": 1}, fallbacks=("type:echo",))

    result = await agents.execute(task)

    assert result.output == {"twice": 2}
    assert result.degraded


async def test_an_agent_without_a_limit_does_as_many_as_the_replica_and_the_rest_in_order(
    agents: AgentsModule,
    door: Door,
) -> None:
    async with anyio.create_task_group() as group:
        for n in range(PLACES + 6):
            group.start_soon(agents.execute, a_task(capability="door", input_data=n))
        await door.wait_for(PLACES)
        await anyio.wait_all_tasks_blocked()

        assert agents.saturated() == {"echo"}
        door.open.set()

    assert door.most == PLACES
    assert door.order == list(range(PLACES + 6))
    assert agents.saturated() == frozenset()


async def test_max_concurrency_holds_and_waiting_ends_at_the_queue_timeout(
    agents: AgentsModule,
    door: Door,
) -> None:
    results: list[TaskResult] = []
    async with anyio.create_task_group() as group:
        for n in range(2):
            group.start_soon(agents.execute, a_task("narrow", input_data=n))
        await door.wait_for(2)

        results.append(await agents.execute(a_task("narrow", input_data=2, queue_timeout_ms=150)))
        door.open.set()

    [late] = results
    assert late.error is not None
    assert (late.error.code, late.error.definite) == ("timeout.queue", True)
    assert late.queue_ms >= 150
    assert door.most == 2


async def test_who_waits_for_a_slot_gets_it_in_turn(agents: AgentsModule, door: Door) -> None:
    async with anyio.create_task_group() as group:
        for n in range(2):
            group.start_soon(agents.execute, a_task("narrow", input_data=n))
        await door.wait_for(2)
        for n in range(2, 8):
            group.start_soon(agents.execute, a_task("narrow", input_data=n))
            await anyio.wait_all_tasks_blocked()

        with anyio.fail_after(60):
            while agents.saturated() != {"narrow"}:  # the store's answers are on their way
                await anyio.lowlevel.checkpoint()
        door.open.set()

    assert door.most == 2
    assert door.order[2:] == [2, 3, 4, 5, 6, 7]


async def test_a_cancelled_call_gives_its_slot_back(agents: AgentsModule, door: Door) -> None:
    for _ in range(5):
        async with anyio.create_task_group() as group:
            for n in range(3):
                group.start_soon(agents.execute, a_task("narrow", input_data=n))
            await door.wait_for(2)
            group.cancel_scope.cancel()
    door.open.set()

    result = await agents.execute(a_task("narrow", input_data="after"))

    assert result.output == "after"
    assert door.most == 2


async def test_what_a_capability_needs_is_known_without_waiting(store_url: str) -> None:
    from_schema = can("a", doubled)
    spec = type(from_schema.spec)(
        "a", ("text",), input_schema={"type": "object", "required": ["text", "tone"]}
    )
    agent = an_agent("words", type(from_schema)(spec, doubled), can("b", doubled))
    async with replica(store_url, [agent]) as module:
        tenant = a_task().tenant

        assert module.needs(tenant, "words", "a") == ("text", "tone")
        assert module.needs(tenant, "words", "b") == ()
        assert module.needs(tenant, "nobody", "a") == ()
        assert module.known_types(tenant) == {"words"}
