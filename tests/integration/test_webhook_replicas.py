"""Several replicas deliver to the same endpoints: together they keep the bounds of one."""

from contextlib import AsyncExitStack
from functools import partial

import anyio
import pytest
from webhook_deliveries import Got, Receivers, Time, VirtualClock, delivering, until

from orchestra.bus.webhooks.sending import Answer
from orchestra.clock import SystemClock
from orchestra.store.client import Store

pytestmark = pytest.mark.anyio


async def test_replicas_share_the_places_of_an_endpoint(store: Store) -> None:
    receivers = Receivers(SystemClock())

    async def some_work(_: Got) -> Answer:
        await anyio.sleep(0.01)
        return Answer(200)

    async with AsyncExitStack() as stack:
        replicas = [await stack.enter_async_context(delivering(store, receivers)) for _ in range(3)]
        sink = await replicas[0].endpoint("sink", concurrency=4)
        receivers.answers[sink.url] = some_work
        for one in replicas:
            await one.endpoints.refresh()
        for n in range(150):
            await replicas[n % 3].happens(n)
        await until(lambda: len(receivers.got) >= 150)
        await anyio.sleep(0.2)

    assert len(receivers.got) == 150
    assert len({got.id for got in receivers.got}) == 150
    assert receivers.most <= 4


async def test_one_probe_is_one_however_many_replicas_there_are(store: Store) -> None:
    clock = VirtualClock(store)
    receivers = Receivers(clock)

    async def down(_: Got) -> Answer:
        return Answer(500)

    async with AsyncExitStack() as stack:
        replicas = [
            await stack.enter_async_context(delivering(store, receivers, clock)) for _ in range(3)
        ]
        time = Time(clock, replicas[0], resting=6)
        sink = await replicas[0].endpoint("sink")
        receivers.answers[sink.url] = down
        for one in replicas:
            await one.endpoints.refresh()
        for n in range(60):
            await replicas[n % 3].happens(n)
        await time.settle()
        opened = len(receivers.got)
        await time.passes(15 * 60, 5)
        health = await replicas[1].parts.log.health(sink.tenant, sink.id)

    assert 5 <= opened <= 5 + 2, "what was in flight when it opened may fail, too"
    assert len(receivers.got) - opened <= 6, "after 30 s, 1, 2, 4, 8 minutes, a fifth less"
    assert (health.circuit.state, health.waiting) == ("open", 60)


async def test_connections_that_are_killed_lose_nothing(store: Store) -> None:
    receivers = Receivers(SystemClock())
    prefix = store.prefix(store.partitions[0])
    async with (
        delivering(store, receivers) as one,
        delivering(store, receivers),
    ):
        await one.endpoint("sink")
        for n in range(100):
            await one.happens(n)
            if n % 20 == 10:
                for ask in (store.read, store.call):  # each spares the connection it came by
                    kill = partial(ask, prefix, "CLIENT", "KILL", "TYPE", "normal")
                    await store.insist(kill)
                await store.insist(partial(store.read, prefix, "CLIENT", "KILL", "TYPE", "pubsub"))
        await until(lambda: len({got.id for got in receivers.got}) == 100, 60)

    numbers = [got.json["data"]["n"] for got in receivers.got]
    assert set(numbers) == set(range(100))
    assert len({got.id for got in receivers.got}) == 100
