"""What handlers of jobs may say, and workers that come and go while the bus runs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import msgspec
import pytest
from products import a_product

from orchestra.bus import Again, Bury, Job, Sending, Working
from orchestra.bus.queues.records import Options
from orchestra.bus.queues.wiring import QueueParts
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT as HOME

pytestmark = pytest.mark.anyio

OWN = "~wh.whk_1"


class Order(msgspec.Struct):
    n: int


def number(job: Job) -> int:
    return msgspec.json.decode(job.body, type=Order).n


@asynccontextmanager
async def running(store: Store) -> AsyncIterator[QueueParts]:
    clock, chance = SystemClock(), system_random()
    parts = QueueParts(store, clock, Ids(clock, chance), chance)
    async with anyio.create_task_group() as group:
        group.start_soon(parts.serve)
        yield parts
        await parts.quiesce()
        group.cancel_scope.cancel()


async def until(said: Callable[[], Awaitable[bool]]) -> None:
    with anyio.fail_after(60):
        while not await said():  # noqa: ASYNC110  -- the store's
            await anyio.sleep(0.01)


async def test_a_postponed_job_uses_up_no_try(store: Store) -> None:
    attempts, done = list[int](), anyio.Event()

    async def handle(job: Job) -> None:
        attempts.append(job.attempt)
        if len(attempts) <= 6:
            raise Again(1, counts=False)
        done.set()

    async with running(store) as parts:
        parts.worker(HOME, "q", handle, Working(tries_max=2))
        await parts.enqueue(HOME, "q", Order(1))
        with anyio.fail_after(60):
            await done.wait()

    assert attempts == [1] * 7


async def test_a_job_comes_again_after_the_wait_its_handler_named(store: Store) -> None:
    attempts = list[int]()

    async def handle(job: Job) -> None:
        attempts.append(job.attempt)
        raise Again(1, error="busy there")

    async with running(store) as parts:
        parts.worker(HOME, "q", handle, Working(tries_max=3, backoff_ms=(3_600_000,)))
        await parts.enqueue(HOME, "q", Order(1))

        async def dead() -> bool:
            return (await parts.queues.look(HOME, "q")).counts.dead == 1

        await until(dead)
        [letter], _ = await parts.letters.dead(HOME, "q", 50, None)

    assert attempts == [1, 2, 3]
    assert (letter.error, letter.attempts) == ("busy there", 3)


async def test_a_buried_job_is_a_dead_letter_at_once_and_frees_its_group(store: Store) -> None:
    done = anyio.Event()

    async def handle(job: Job) -> None:
        if number(job) == 0:
            raise Bury("gone for good")
        done.set()

    async with running(store) as parts:
        await parts.enqueue(HOME, "q", Order(0), Sending(group="g"))
        await parts.enqueue(HOME, "q", Order(1), Sending(group="g"))
        parts.worker(HOME, "q", handle)
        with anyio.fail_after(60):
            await done.wait()
        [letter], _ = await parts.letters.dead(HOME, "q", 50, None)

    assert (letter.error, letter.attempts) == ("gone for good", 1)


async def test_a_stopped_worker_ends_what_is_in_hand_and_takes_no_more(store: Store) -> None:
    begun, go_on, done = anyio.Event(), anyio.Event(), list[int]()

    async def handle(job: Job) -> None:
        begun.set()
        await go_on.wait()
        done.append(number(job))

    async with running(store) as parts:
        worker = parts.worker(HOME, "q", handle, Working(concurrency=1))
        for n in range(3):
            await parts.enqueue(HOME, "q", Order(n))
        with anyio.fail_after(60):
            await begun.wait()
            async with anyio.create_task_group() as group:
                group.start_soon(worker.stop)
                await anyio.wait_all_tasks_blocked()
                go_on.set()
            await worker.stop()
        counts = (await parts.queues.look(HOME, "q")).counts

    assert done == [0]
    assert (counts.ready, counts.in_flight) == (2, 0)


async def test_what_a_stopped_worker_cannot_end_is_given_back_untried(store: Store) -> None:
    begun = anyio.Event()

    async def handle(_: Job) -> None:
        begun.set()
        await anyio.sleep_forever()

    async with running(store) as parts:
        worker = parts.worker(HOME, "q", handle)
        await parts.enqueue(HOME, "q", Order(1))
        with anyio.fail_after(60):
            await begun.wait()
            await worker.stop()
        [again], _ = await parts.queues.receive(HOME, "q", 10, None)

    assert again.attempt == 1


async def test_a_worker_of_a_spread_queue_is_woken_by_every_part(store: Store) -> None:
    done, more = list[int](), anyio.Event()

    async def handle(job: Job) -> None:
        nonlocal more
        done.append(number(job))
        more.set()
        more = anyio.Event()

    async with running(store) as parts:
        await parts.queues.save(HOME, "q", Options(spread=True))
        parts.worker(HOME, "q", handle)
        for n in range(40):
            await parts.enqueue(HOME, "q", Order(n), Sending(group=f"g{n % 9}"))
            with anyio.fail_after(60):
                while len(done) <= n:
                    await more.wait()

    assert done == list(range(40))


async def test_a_queue_of_a_module_is_worked_on_before_it_is_there(store: Store) -> None:
    done = anyio.Event()

    async def handle(_: Job) -> None:
        done.set()

    async with running(store) as parts:
        worker = parts.worker(HOME, OWN, handle, Working(tries_max=11))
        await anyio.wait_all_tasks_blocked()
        await parts.enqueue(HOME, OWN, Order(1))
        with anyio.fail_after(60):
            await done.wait()
            await worker.stop()
        names = await parts.queues.names(HOME)
        await parts.queues.purge(HOME, OWN)
        await parts.queues.purge(HOME, OWN)

        assert names == []
        assert await parts.queues.own_names(HOME) == []


@pytest.mark.parametrize("verb", ["", "messages", "receive", "ack", "nack", "extend", "redrive"])
async def test_a_queue_of_a_module_is_nobodys_business(
    store: Store, store_url: str, verb: str
) -> None:
    async with running(store) as parts:
        await parts.enqueue(HOME, OWN, Order(1))
        async with a_product(store_url) as product:
            at = f"/api/queues/{OWN}" + (f"/{verb}" if verb else "")
            body = {"receipts": ["x"]} if verb in {"ack", "nack", "extend"} else {"body": 1}
            answer = await (product.post(at, body) if verb else product.http.get(at))
            dropped = await product.http.delete(f"/api/queues/{OWN}?purge=true")
            listed = (await product.http.get("/api/queues/")).json()
        counts = (await parts.queues.look(HOME, OWN)).counts

    assert (answer.status_code, dropped.status_code) == (404, 404), answer.text
    assert listed == {"queues": [], "cursor": None}
    assert counts.ready == 1
