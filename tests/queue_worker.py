"""A worker of the queue `q` in a process of its own, made to be killed: `queue_worker.py URL`."""

import os
import signal
import sys

import anyio
import msgspec
from queue_store import queues_of

from orchestra.bus.queues.queues import Queues
from orchestra.bus.queues.records import Received
from orchestra.clock import SystemClock, system_random
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.store.opening import StoreOptions, open_store

LEASE_MS = 3_000
BATCH = 10
WORK_S = 0.015
POISON = -1
"""A message that kills its worker."""
HANDLE = """
local now = redis.call('TIME')
if now[1] * 1000 + now[2] / 1000 >= tonumber(ARGV[1]) then return 0 end
redis.call('HINCRBY', KEYS[1] .. 'test:handled', ARGV[2], 1)
if ARGV[3] ~= '' then redis.call('RPUSH', KEYS[1] .. 'test:' .. ARGV[3], ARGV[2]) end
return 1
"""
"""Not when the lease is over: who was held up for so long has lost it to another one."""


async def main(url: str) -> None:
    """Until killed: receive, say so, work, settle, say so."""
    options = StoreOptions(url=url, durability="no", allow_weaker=True, patience_s=60)
    async with open_store(options, SystemClock(), system_random()) as store:
        queues = queues_of(store)
        while True:
            seconds, micros = await store.call(store.prefix(store.partitions[0]), "TIME")
            until_ms = int(seconds) * 1_000 + int(micros) // 1_000 + LEASE_MS
            found, _ = await queues.receive(DEFAULT_TENANT, "q", BATCH, LEASE_MS)
            await handle(store, queues, found, until_ms)


async def handle(store: Store, queues: Queues, found: list[Received], until_ms: int) -> None:
    """What was handled and settled is counted in the store, where a kill cannot reach it."""
    prefix = store.prefix(store.partitions[0])
    for one in found:
        n = msgspec.json.decode(one.body, type=int)
        if n == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        words = (prefix, str(until_ms), str(n), one.group or "")
        if not await store.call(prefix, "EVAL", HANDLE, 1, *words):
            return
    await anyio.sleep(WORK_S)
    receipts = [one.receipt for one in found]
    settled = await queues.settle(DEFAULT_TENANT, "q", receipts, "done") if found else []
    for one, result in zip(found, settled, strict=True):
        if result == "ok":
            n = msgspec.json.decode(one.body, type=int)
            await store.call(prefix, "HINCRBY", f"{prefix}test:settled", str(n), 1)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], backend_options={"use_uvloop": True})
