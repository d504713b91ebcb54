"""Budgets on a real store: held before, settled after, never overspent."""

from collections.abc import Mapping
from typing import Any

import anyio
import pytest
from agent_replicas import a_task
from llm_agents import a_call, an_agent
from store_server import StoreServer

from orchestra.agents import TaskError
from orchestra.agents.pools.budgets import Budgets, Reservation
from orchestra.agents.records import Budget
from orchestra.clock import Ids, ManualClock, system_random
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

pytestmark = pytest.mark.anyio

DAY_MS = 86_400_000


def budgets(store: Store, clock: ManualClock | None = None, day: int | None = None) -> Budgets:
    clock = clock or ManualClock()
    return Budgets(store, clock, Ids(clock, system_random()), day)


def call(**task: Any) -> Any:
    return a_call(a_task("writer", **task))


async def held(made: Budgets, agent: Any, task: Any, micro: int) -> Reservation:
    reservation = await made.reserve(agent, task, micro)
    assert isinstance(reservation, Reservation), reservation
    return reservation


async def refused(made: Budgets, agent: Any, task: Any, micro: int) -> TaskError:
    error = await made.reserve(agent, task, micro)
    assert isinstance(error, TaskError), error
    return error


async def test_without_a_budget_nothing_is_kept(
    store: Store, shared_store_server: StoreServer
) -> None:
    made = budgets(store)

    reservation = await held(made, an_agent(), call(), 10**15)
    await made.settle(reservation, 5)

    assert reservation.scopes == ()
    assert await store.read("o:b:{default}:", "KEYS", "o:b:*") == []
    assert shared_store_server is not None


async def test_what_is_held_counts_until_it_is_settled(store: Store) -> None:
    made, agent = budgets(store), an_agent(budget=Budget(day_micro_usd=100))

    first = await held(made, agent, call(), 60)
    error = await refused(made, agent, call(), 60)
    await made.settle(first, 10)
    await made.settle(first, 0)
    second = await held(made, agent, call(), 90)

    assert (error.code, error.problem, error.definite) == (
        "budget.exceeded", "budget-exhausted", True,
    )  # fmt: skip
    assert error.retryable is False
    assert "0.000040 USD left" in error.message
    assert (await refused(made, agent, call(), 1)).code == "budget.exceeded"
    await made.settle(second, 95)  # dearer than thought: it is counted all the same
    assert (await refused(made, agent, call(), 1)).message.startswith("the budget has 0.000000")


async def test_a_cost_that_cannot_be_is_counted_as_far_as_numbers_go(store: Store) -> None:
    made, agent = budgets(store), an_agent(budget=Budget(day_micro_usd=10**12))

    await made.settle(await held(made, agent, call(), 1), 10**40)

    assert (await refused(made, agent, call(), 10**40)).code == "budget.exceeded"
    assert (await refused(made, agent, call(), 1)).code == "budget.exceeded"


async def test_an_exhausted_budget_is_told_once(store: Store) -> None:
    told: list[tuple[str, Any]] = []

    async def tell(tenant: Tenant, kind: str, agent: str, data: Mapping[str, object]) -> None:
        told.append((f"{tenant} {kind} {agent}", data))

    clock = ManualClock()
    made = Budgets(store, clock, Ids(clock, system_random()), tell=tell)
    agent = an_agent(budget=Budget(day_micro_usd=100))

    for _ in range(3):
        await refused(made, agent, call(), 101)

    [(what, data)] = told
    assert what == "default budget.exceeded agt_gpt"
    assert data["left_usd"] == 0.0001


async def test_a_day_ends_at_midnight_utc_and_what_it_kept_ends_too(store: Store) -> None:
    clock = ManualClock()
    made, agent = budgets(store, clock), an_agent(budget=Budget(day_micro_usd=100))
    await held(made, agent, call(), 100)

    clock.advance(DAY_MS)
    await held(made, agent, call(), 100)

    for key in await store.read("o:b:{default}:", "KEYS", "o:b:*"):
        assert 0 < await store.read("o:b:{default}:", "TTL", key) <= 2 * 86_400


async def test_agents_tasks_and_callers_have_budgets_of_their_own(store: Store) -> None:
    made = budgets(store)
    one = an_agent("one", budget=Budget(task_micro_usd=100))
    two = an_agent("two", budget=Budget(task_micro_usd=100))
    step: dict[str, Any] = {"execution": "exe_1", "step": "a"}

    await held(made, one, call(**step, attempt=1), 70)
    again = await refused(made, one, call(**step, attempt=2), 70)
    await held(made, two, call(**step), 70)
    await held(made, one, call(execution="exe_1", step="b"), 70)
    asked = call(budget_micro_usd=50)
    await held(made, an_agent("three"), asked, 40)
    over = await refused(made, an_agent("four"), asked, 40)

    assert again.code == over.code == "budget.exceeded"


async def test_a_tenant_has_one_for_all_its_agents(store: Store) -> None:
    made = budgets(store, day=100)

    await held(made, an_agent("one"), call(), 60)

    assert (await refused(made, an_agent("two"), call(), 60)).code == "budget.exceeded"


async def test_a_refusal_by_one_budget_takes_nothing_from_the_others(store: Store) -> None:
    made = budgets(store, day=100)
    small = an_agent("small", budget=Budget(day_micro_usd=10))

    await refused(made, small, call(), 50)

    await held(made, an_agent("large"), call(), 100)


async def test_callers_at_once_never_hold_more_than_there_is(store: Store) -> None:
    made, agent = budgets(store), an_agent(budget=Budget(day_micro_usd=100_000))
    spent: list[int] = []

    async def caller(n: int) -> None:
        for _ in range(10):
            reservation = await made.reserve(agent, call(), 4_000)
            if isinstance(reservation, Reservation):
                await made.settle(reservation, cost := 1_000 + n)
                spent.append(cost)

    async with anyio.create_task_group() as group:
        for n in range(50):
            group.start_soon(caller, n)

    left = 100_000 - sum(spent)
    assert 0 <= left < 100_000
    await held(made, agent, call(), left)
    assert (await refused(made, agent, call(), 1)).code == "budget.exceeded"
