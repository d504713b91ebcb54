"""Workers in this process: `Bus.enqueue` and `Bus.worker`."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import anyio
import msgspec
import pytest
from steady import undisturbed

from orchestra.bus import Job, JobHandler, Sending, Working
from orchestra.bus.queues import waiting
from orchestra.bus.queues.records import Options
from orchestra.bus.queues.wiring import QueueParts
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.store import queue_keys
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT as HOME

pytestmark = pytest.mark.anyio

Run = Callable[..., AbstractAsyncContextManager[QueueParts]]


class Order(msgspec.Struct):
    n: int


def number(job: Job) -> int:
    return msgspec.json.decode(job.body, type=Order).n


@pytest.fixture
def run(store: Store) -> Run:
    @asynccontextmanager
    async def running(
        handler: JobHandler | None = None, **options: object
    ) -> AsyncIterator[QueueParts]:
        clock, chance = SystemClock(), system_random()
        parts = QueueParts(store, clock, Ids(clock, chance), chance)
        if handler is not None:
            parts.worker(HOME, "q", handler, msgspec.structs.replace(Working(), **options))
        async with anyio.create_task_group() as group:
            group.start_soon(parts.serve)
            yield parts
            await parts.quiesce()
            group.cancel_scope.cancel()

    return running


async def empty(parts: QueueParts) -> None:
    with anyio.fail_after(60):
        while (await parts.queues.look(HOME, "q")).counts.depth:  # noqa: ASYNC110  -- the store's
            await anyio.sleep(0.01)


async def test_jobs_are_done_as_many_at_once_as_there_are_hands(run: Run) -> None:
    done, at_once, most, full = list[int](), 0, 0, anyio.Event()

    async def handle(job: Job) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        if at_once == 7:
            full.set()
        await full.wait()
        await anyio.sleep(0.002)
        done.append(number(job))
        at_once -= 1

    async with run(handle, concurrency=7) as parts:
        for n in range(100):
            await parts.enqueue(HOME, "q", Order(n))
        await empty(parts)

    assert sorted(done) == list(range(100))
    assert most == 7


async def test_a_waiting_worker_is_woken(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LOOK_S", 3_600)  # it looks for itself no more
    came = anyio.Event()

    async def handle(_: Job) -> None:
        came.set()

    async with run(handle) as parts:
        with anyio.fail_after(60):
            while not await parts.queues.names(HOME):  # noqa: ASYNC110  -- the worker makes it
                await anyio.sleep(0.01)
            while not await listened_to(store):  # noqa: ASYNC110  -- in the store
                await anyio.sleep(0.01)
            await anyio.sleep(0.1)  # it waits by now; else it finds it without being woken
            await parts.enqueue(HOME, "q", Order(1))
            await came.wait()


async def listened_to(store: Store) -> bool:
    """Whether somebody hears, in every partition, that there are messages."""
    prefixes = [store.prefix(tag) for tag in store.partitions]
    counts = [
        await store.read(one, "PUBSUB", "SHARDNUMSUB", queue_keys.queue_wakes(one))
        for one in prefixes
    ]
    return all(number for _, number in counts)


async def test_a_failing_job_comes_again_and_is_buried_after_its_last_try(run: Run) -> None:
    attempts = list[int]()

    async def handle(job: Job) -> None:
        if number(job) == 0:
            attempts.append(job.attempt)
            raise ValueError("not this one")

    async with run(handle, tries_max=3, backoff_ms=(5,)) as parts:
        for n in range(5):
            await parts.enqueue(HOME, "q", Order(n), Sending(group="g"))
        await empty(parts)
        [letter], _ = await parts.letters.dead(HOME, "q", 50, None)

    assert attempts == [1, 2, 3]
    assert letter.error == "ValueError: not this one"


async def test_a_lease_is_kept_while_the_handler_works(run: Run, store: Store) -> None:
    calls = 0

    async def handle(_: Job) -> None:
        nonlocal calls
        calls += 1
        await anyio.sleep(1.5)

    async with run(handle, lease_ms=600) as parts:

        async def do() -> int:
            before = calls
            await parts.enqueue(HOME, "q", Order(1))
            await empty(parts)
            return calls - before

        prefix = store.prefix(store.partitions[0])
        assert await undisturbed(do, 0.2, lambda: store.read(prefix, "TIME")) == 1


async def test_a_job_that_somebody_else_has_by_now_is_cancelled(run: Run) -> None:
    begun, cancelled = anyio.Event(), anyio.Event()

    async def handle(_: Job) -> None:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    async with run(handle, lease_ms=300) as parts:
        await parts.enqueue(HOME, "q", Order(1))
        await begun.wait()
        with anyio.fail_after(60):
            await parts.queues.drop(HOME, "q", purge=True)
            await cancelled.wait()


async def test_a_drain_finishes_what_is_in_hand_and_takes_no_more(run: Run) -> None:
    begun, done = anyio.Event(), list[int]()

    async def handle(job: Job) -> None:
        begun.set()
        await anyio.sleep(0.1)
        done.append(number(job))

    async with run(handle, concurrency=1) as parts:
        for n in range(3):
            await parts.enqueue(HOME, "q", Order(n))
        await begun.wait()
        await parts.quiesce()
        counts = (await parts.queues.look(HOME, "q")).counts

    assert done == [0]
    assert (counts.ready, counts.in_flight) == (2, 0)


async def test_a_redrive_goes_on_by_itself_at_its_rate(run: Run) -> None:
    async with run() as parts:
        await parts.queues.save(HOME, "q", Options(tries_max=1))
        for n in range(40):
            await parts.enqueue(HOME, "q", Order(n))
        found, _ = await parts.queues.receive(HOME, "q", 100, None)
        await parts.queues.settle(HOME, "q", [one.receipt for one in found], "again")
        before = SystemClock().now_ms()

        await parts.letters.begin(HOME, "q", per_s=100)
        parts.redriving.begun()

        with anyio.fail_after(60):
            job = partial(parts.letters.job, HOME, "q")
            while (await job()).state == "running":  # noqa: ASYNC110  -- the store's
                await anyio.sleep(0.01)
        assert (await job()).moved == 40
        assert SystemClock().now_ms() - before >= 390
