"""Tenants take turns when all places of a replica are taken."""

import anyio
import pytest

from orchestra.bus.webhooks.turns import Turns
from orchestra.store.keys import Tenant

pytestmark = pytest.mark.anyio

A, B = Tenant("a"), Tenant("b")


async def test_as_many_as_are_free_are_taken_at_once() -> None:
    turns = Turns(5)

    assert await turns.take(A, 3) == 3
    assert await turns.take(A, 3) == 2
    turns.give_back(5)
    assert turns.free == 5


async def test_a_tenant_with_many_who_wait_keeps_no_other_waiting() -> None:
    turns, served = Turns(1), list[Tenant]()
    await turns.take(A, 1)

    async def want(tenant: Tenant) -> None:
        await turns.take(tenant, 10)
        served.append(tenant)
        turns.give_back(1)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(want, A)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(want, B)
        await anyio.wait_all_tasks_blocked()
        turns.give_back(1)

    assert served.index(B) <= 1
    assert turns.free == 1


async def test_who_stops_waiting_takes_nothing_along() -> None:
    turns = Turns(1)
    await turns.take(A, 1)
    async with anyio.create_task_group() as group:
        group.start_soon(turns.take, B, 1)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    turns.give_back(1)

    assert turns.free == 1
    assert await turns.take(A, 1) == 1


async def test_a_turn_that_is_given_to_who_stops_waiting_goes_on() -> None:
    turns = Turns(1)
    await turns.take(A, 1)

    async def want() -> None:
        turns.give_back(await turns.take(B, 1))

    async with anyio.create_task_group() as group:
        group.start_soon(want)
        await anyio.wait_all_tasks_blocked()
        turns.give_back(1)
        group.cancel_scope.cancel()

    assert turns.free == 1
