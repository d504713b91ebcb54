"""kill -9 of workers as they work: every message handled, none settled twice, order exact."""

import signal
import subprocess
import sys
from pathlib import Path

import anyio
import msgspec
import pytest
from queue_store import counted, letters_of, queues_of, sent
from queue_worker import POISON

from orchestra.bus.queues.queues import Queues
from orchestra.bus.queues.records import Options
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = [pytest.mark.chaos, pytest.mark.anyio]

MESSAGES, GROUPS, WORKERS = 10_000, 100, 3
WITHIN_S = 300.0
STRIDE = 600
"""So many messages are settled from one kill to the next, however slow the machine is."""
PROGRAM = Path(__file__).parents[1] / "queue_worker.py"


def a_worker(url: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, str(PROGRAM), url])


async def test_no_message_is_lost_when_workers_are_killed(store: Store, store_url: str) -> None:
    queues, killed = queues_of(store), 0
    await queues.save(DEFAULT_TENANT, "q", Options(tries_max=100, lost_max=100))
    for first in range(0, MESSAGES, 100):
        batch = range(first, first + 100)
        group = {n: f"g{n // 2 % GROUPS}" if n % 2 else "" for n in batch}
        await queues.send(DEFAULT_TENANT, "q", [sent(n, group=group[n]) for n in batch])
    workers = [a_worker(store_url) for _ in range(WORKERS)]
    try:
        with anyio.fail_after(WITHIN_S):
            while await more_settled(store, queues):
                victim = workers.pop(0)
                victim.send_signal(signal.SIGKILL)
                victim.wait()
                killed += 1
                workers.append(a_worker(store_url))
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()

    prefix = store.prefix(store.partitions[0])
    handled = await counts(store, f"{prefix}test:handled")
    settled = await counts(store, f"{prefix}test:settled")
    assert killed >= 3
    assert handled.keys() == set(range(MESSAGES))
    assert set(settled.values()) == {1}
    assert await counted(queues) == (0, 0, 0, 0)
    for group in range(GROUPS):
        told = [int(n) for n in await store.read(prefix, "LRANGE", f"{prefix}test:g{group}", 0, -1)]
        distinct = list(dict.fromkeys(told))
        assert told == sorted(told), "a message came again behind the next of its group"
        assert distinct == [n for n in range(1, MESSAGES, 2) if n // 2 % GROUPS == group]
    repeated = sum(handled.values()) - MESSAGES
    print(f"\n{killed} workers killed, {repeated} of {MESSAGES} messages came again")  # noqa: T201  # the test's figures


async def test_a_message_that_kills_its_workers_is_buried_and_nothing_else(
    store: Store, store_url: str
) -> None:
    queues, deaths = queues_of(store), 0
    await queues.save(DEFAULT_TENANT, "q", Options(tries_max=100, lost_max=3))
    for first in range(0, 400, 100):
        group = {n: f"g{n % 5}" if n % 2 else "" for n in range(first, first + 100)}
        await queues.send(DEFAULT_TENANT, "q", [sent(n, group=group[n]) for n in group])
        if not first:
            await queues.send(DEFAULT_TENANT, "q", [sent(POISON, group="g1")])
    workers = [a_worker(store_url) for _ in range(2)]
    try:
        with anyio.fail_after(WITHIN_S):
            # One that was held up after it took the message dies of it when it is gone already.
            while any((await counted(queues))[:3]) or deaths < 3:
                await anyio.sleep(0.02)
                for i, worker in enumerate(workers):
                    if worker.poll() is not None:
                        deaths += 1
                        workers[i] = a_worker(store_url)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()

    prefix = store.prefix(store.partitions[0])
    settled = await counts(store, f"{prefix}test:settled")
    [letter], _ = await letters_of(store).dead(DEFAULT_TENANT, "q", 10)
    assert msgspec.json.decode(letter.body) == POISON
    assert letter.kind == "lost"
    assert deaths == 3
    assert set(settled.values()) == {1}
    assert (await queues.look(DEFAULT_TENANT, "q")).totals.acked == 400
    for group in range(5):
        told = [int(n) for n in await store.read(prefix, "LRANGE", f"{prefix}test:g{group}", 0, -1)]
        assert list(dict.fromkeys(told)) == [n for n in range(1, 400, 2) if n % 5 == group]


async def more_settled(store: Store, queues: Queues) -> bool:
    """When so many more are settled. False: there are no more."""
    prefix = store.prefix(store.partitions[0])

    async def settled() -> int:
        return int(await store.read(prefix, "HLEN", f"{prefix}test:settled"))

    before = await settled()
    while any(await counted(queues)):
        if await settled() >= before + STRIDE:
            return True
        await anyio.sleep(0.05)
    return False


async def counts(store: Store, key: str) -> dict[int, int]:
    flat = await store.read(store.prefix(store.partitions[0]), "HGETALL", key)
    if isinstance(flat, dict):
        return {int(name): int(value) for name, value in flat.items()}
    return {int(flat[i]): int(flat[i + 1]) for i in range(0, len(flat), 2)}
